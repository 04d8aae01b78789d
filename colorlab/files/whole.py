"""Writing a file so that it is there whole or not at all, whatever ends the work: an error, Ctrl-C, SIGKILL."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ModuleNotFoundError:  # Windows, which by itself lets nobody remove a file that is open
    fcntl = None

LEFTOVERS = ".colorlab-*.partial"


@contextmanager
def in_one_piece(path: str | Path, replace: bool = True) -> Iterator[Path]:
    """A temporary name beside `path` to write under; it becomes `path` if nothing goes wrong until then.

    Whatever ends the block early, Ctrl-C too, the temporary file is removed and an older `path` stays. Only
    SIGKILL, or a loss of power, leaves the temporary file, for `clear_leftovers`. The name belongs to this
    call alone, so two processes may write the same `path`: each time it is one's file or the other's.

    Args:
        path: of the file.
        replace: an older `path` is replaced; a symbolic link is, what it points to stays. Else it is never
            overwritten, not even one that somebody makes while the block runs (where the file system has no
            hard links, such as exFAT, one made in the last microseconds is).

    Raises:
        FileExistsError: `path` is there and is not to be replaced.
        OSError: the place cannot be written.
    """
    path = Path(path)
    try:
        with _claimed(path.parent) as (partial, file):
            try:
                yield partial
                os.fsync(file.fileno())  # or a loss of power could leave the name without the content
                if fcntl is None:
                    file.close()  # what is open cannot be renamed there
                _rename(partial, path, replace)
            finally:
                partial.unlink(missing_ok=True)
    except OSError as error:
        if isinstance(error.filename, str) and Path(error.filename).match(LEFTOVERS):
            error.filename = str(path)  # the name that the reader knows
        raise


def clear_leftovers(folder: Path) -> None:
    """Remove the temporary files of processes that were killed; what a living one writes is left to it."""
    for leftover in folder.glob(LEFTOVERS):
        with suppress(OSError):  # locked, so somebody is at work; or not ours
            if fcntl is None:
                leftover.unlink()
                continue
            with open(leftover, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                leftover.unlink()


@contextmanager
def _claimed(folder: Path) -> Iterator:
    """(name, file) of a new temporary file. It is locked while the block runs; death, of any kind, unlocks it."""
    while True:
        partial = folder / LEFTOVERS.replace("*", secrets.token_hex(8))
        with open(partial, "xb") as file:
            with suppress(OSError):  # a file system without locks
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX)
            if not partial.exists():  # cleared by another process before it was locked
                continue
            yield partial, file
            return


def _rename(partial: Path, path: Path, replace: bool) -> None:
    if replace:
        os.replace(partial, path)
        return
    try:
        os.link(partial, path)  # refuses where something is, unlike a rename
    except OSError:
        if os.path.lexists(path):
            raise FileExistsError(
                errno.EEXIST, "is there already, and is not to be replaced", str(path)
            ) from None
        os.replace(partial, path)  # no hard links here
