"""What commands say, and how."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console

console = Console(soft_wrap=True)


@contextmanager
def as_sentences() -> Iterator[None]:
    """What the library raises becomes one sentence on the screen and exit status 1."""
    try:
        yield
    except (OSError, ValueError, ModuleNotFoundError) as error:
        raise click.ClickException(str(error)) from None
