"""Writing a file so that it is there whole or not at all, whatever ends the work: an error, Ctrl-C, SIGKILL."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ModuleNotFoundError:  # Windows, which by itself lets nobody remove a file that is open
    fcntl = None

LEFTOVERS = ".colorlab-*.partial"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # writing fails so, and does not say which file it was


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
            yield partial
            os.fsync(file.fileno())  # or a loss of power could leave the name without the content
            if fcntl is None:
                file.close()  # what is open cannot be renamed there
            _rename(partial, path, replace)
    except OSError as error:
        if not _about_partial(error):
            raise
        # The name that the reader knows; errors of PyAV refuse to be told another one.
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_whole(path: str | Path, content: bytes | str, replace: bool = True) -> None:
    """Write a file of this content (text as UTF-8) in one piece; arguments and errors as of `in_one_piece`."""
    with in_one_piece(path, replace) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def folder_in_one_piece(path: Path) -> Iterator[Path]:
    """As `in_one_piece` for a folder: a temporary one to fill, which becomes `path` when all in it is on the disk.

    Raises:
        FileExistsError: `path` is there already, and is not replaced.
        OSError: the place cannot be written.
    """
    partial = path.with_name(_new_name())
    partial.mkdir()
    try:
        with locked(partial):
            yield partial
            for file in filter(Path.is_file, partial.rglob("*")):
                with open(file, "rb") as written:
                    os.fsync(written.fileno())
            try:
                os.rename(partial, path)
            except OSError as error:
                if not os.path.lexists(path):
                    raise
                raise FileExistsError(errno.EEXIST, "is there already", str(path)) from error
    except OSError as error:
        if not _about_partial(error):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def discard(path: Path) -> None:
    """Remove a file, a link or a folder with all in it; its name is free at once, whatever ends the work."""
    gone = path.with_name(_new_name())
    os.rename(path, gone)
    _remove(gone)


def clear_leftovers(folder: Path) -> None:
    """Remove what processes that were killed left behind; what a living one writes is left to it."""
    for leftover in folder.glob(LEFTOVERS):
        with suppress(OSError), locked(leftover, wait=False):  # refused: somebody is at work; or not ours
            _remove(leftover)


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[None]:
    """Hold a file or a folder, so that no other process has it here at the same time; death lets go of it.

    Raises:
        OSError: another holds it and `wait` is False; or, then too, a file system without locks.
    """
    if fcntl is None:
        yield
        return
    place = os.open(path, os.O_RDONLY)
    try:
        if wait:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(place, fcntl.LOCK_EX)
        else:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(place)


def _new_name() -> str:
    return LEFTOVERS.replace("*", secrets.token_hex(8))


def _about_partial(error: OSError) -> bool:
    if error.filename is None:
        return error.errno in NO_ROOM
    names = (Path(name) for name in (error.filename, error.filename2) if isinstance(name, str))
    return any(part.match(LEFTOVERS) for name in names for part in (name, *name.parents))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


@contextmanager
def _claimed(folder: Path) -> Iterator:
    """(name, file) of a new temporary file, removed after the block. It is locked while the block runs; death, of
    any kind, unlocks it."""
    while True:
        partial = folder / _new_name()
        try:  # from before it is there: an interrupt may come right after
            with open(partial, "xb") as file:
                with suppress(OSError):  # a file system without locks
                    if fcntl is not None:
                        fcntl.flock(file, fcntl.LOCK_EX)
                if not partial.exists():  # cleared by another process before it was locked
                    continue
                yield partial, file
                return
        finally:
            with suppress(FileNotFoundError, NotADirectoryError):
                partial.unlink()


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
