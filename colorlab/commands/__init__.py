"""One file a command of the command line, or a few that belong together; `colorlab.cli` gathers them."""
