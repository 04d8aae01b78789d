"""`python -m colorlab …` is `colorlab …`; torchrun starts it this way."""

import os
import sys


def run() -> None:
    """The command line. Ctrl-C while it is still being loaded ends it in a sentence too."""
    try:
        from colorlab.cli import main
    except KeyboardInterrupt:
        os.write(2, b"stopped: nothing was begun; start it again\n")
        os._exit(130)
    sys.exit(main())


if __name__ == "__main__":
    run()
