"""What commands say, and how."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from colorlab.files.faults import printable, sentence, short_of_memory
from colorlab.files.whole import NO_ROOM


def say(*parts: str | tuple[str, str]) -> None:
    """Print a line that may hold names of strangers: in them is no command to a terminal.

    Args:
        parts: words, or words with a colour, such as "red"; where nobody sees colours they are left out.
    """
    colored = ((part, None) if isinstance(part, str) else part for part in parts)
    line = "".join(
        click.style(printable(words), fg=color) if color else printable(words) for words, color in colored
    )
    click.echo(line, color=False if os.environ.get("NO_COLOR") else None)


def leave(status: int) -> NoReturn:
    """End this process now. Python would first take torch apart, for longer than who stops a program waits."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


@contextmanager
def imports() -> Iterator[None]:
    """Import torch here: nothing of what modules make becomes garbage, so Python need not look for any.

    It would look through a million objects again and again, now, later and when it ends: a quarter of the time of a
    command that colours one picture.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def sleep_while_waiting() -> None:
    """Before torch is loaded: its threads sleep soon while they wait for one another.

    Else they turn in circles for milliseconds, and two commands that share a folder of results keep each other from
    working: eight times as slow (benchmarks/README.md). Colouring alone takes as long either way; the small steps of
    a lesson take an eighth longer, so this is for who colours. Who has said how threads wait is heard.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")


@contextmanager
def as_sentences() -> Iterator[None]:
    """What the library raises, and what the machine refuses, becomes one sentence and exit status 1."""
    try:
        yield
    except (click.exceptions.Exit, click.Abort, BrokenPipeError):  # click's own business
        raise
    except click.ClickException as error:
        error.message = printable(error.message)
        raise
    except (OSError, ValueError, TypeError, FloatingPointError, ModuleNotFoundError) as error:
        if isinstance(error, OSError) and error.errno in NO_ROOM and error.filename is None:
            error.filename = "standard output"  # whatever else is written has a name
        raise click.ClickException(printable(sentence(error))) from None
    except Exception as error:
        if not short_of_memory(error):
            raise  # a mistake of ours, to be seen whole
        raise click.ClickException(sentence(error)) from None


class Given(click.Path):
    """A path, or a name that may stand for one.

    An empty one, as of a variable that is not set, would be the folder one is in, or as if nothing were given.
    """

    def convert(self, value, param, ctx):
        if value == "":
            self.fail("an empty name; is a variable not set?", param, ctx)
        return super().convert(value, param, ctx)


class Commands(click.Group):
    """A group whose commands never end in a traceback over what the reader's machine or files are like."""

    def main(self, *arguments, **options):
        """As click's; what a terminal or a log cannot encode is written as an escape instead of ending the work."""
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        return super().main(*arguments, **options)

    def invoke(self, context):
        with as_sentences():
            return super().invoke(context)
