"""`colorlab evaluate`: judge networks on pictures whose colours are known."""

import click

from colorlab.commands.console import Given, imports


@click.command()
@click.argument("source", type=Given(), metavar="FOLDER")
@click.option(
    "--model",
    "models",
    type=Given(),
    metavar="NAME|FILE",
    multiple=True,
    help="A shipped network or a file; may be repeated.  [default: all three that are shipped]",
)
@click.option(
    "--part",
    type=click.Choice(["all", "held out", "validation", "train"]),
    help="Which pictures, by a hash of their names. Without it: all, or the held-out part of the data "
    "that the networks were trained on.",
)
@click.option("--without", multiple=True, metavar="NAME", help="A folder at the top of FOLDER to leave out.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, for other programs.")
def evaluate(
    source: str, models: tuple[str, ...], part: str | None, without: tuple[str, ...], as_json: bool
) -> None:
    """Judge networks on the colour pictures of FOLDER (also a zip, a tar, or a download's name).

    Each picture is shrunk until its shorter side has at most 216 pixels and coloured whole, as `colorlab
    colorize` does. All measures are over the pixels of all pictures together, with 95 % bootstrap intervals
    over pictures, beside what no network at all would reach.

    \b
    colorlab evaluate my_photos/
    colorlab evaluate my_photos/ --model build/mine/colorizer.safetensors --json
    colorlab evaluate tiny-imagenet                a download: all of its pictures
    """
    with imports():
        from colorlab import evaluation
        from colorlab.commands.scores import show

    report = evaluation.report(source, models or evaluation.PRETRAINED, part, without)
    if as_json:
        click.echo(report.to_json())
    else:
        show(report)
