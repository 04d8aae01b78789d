"""What commands say, and how."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.text import Text

from colorlab.files.faults import printable, sentence, short_of_memory

console = Console(soft_wrap=True)


def say(text: object, label: str = "", style: str = "") -> None:
    """Print lines that may hold names of strangers: nothing in them is markup, a smiley or a command to a terminal.

    Args:
        text: lines.
        label, style: a word before them, and its color as rich calls it.
    """
    lines = "\n".join(map(printable, str(text).split("\n")))
    console.print(Text.assemble((label, style), " " if label else "", lines))


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
        raise click.ClickException(printable(sentence(error))) from None
    except Exception as error:
        if not short_of_memory(error):
            raise  # a mistake of ours, to be seen whole
        raise click.ClickException(sentence(error)) from None


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
