"""A cache of folders that are dear to make: whole or not there, checked when opened, bounded, shared by processes."""

import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from colorlab.files.archives import DataError
from colorlab.files.faults import printable
from colorlab.files.whole import clear_leftovers, discard, folder_in_one_piece, locked

CHECKSUMS = "SHA256SUMS"  # what `sha256sum --check` reads
OURS = re.compile(r"[0-9a-f]{24}(-\d+)?")  # names of folders that are made here; no other is ever removed
USUAL_GB = 8.0

Content = TypeVar("Content")


class _Unfit(Exception):
    """What lies in the cache is not what was put there."""


def cache_folder() -> Path:
    """The reader's cache: COLORLAB_CACHE, or the place the system keeps caches in."""
    import pooch

    return Path(os.environ.get("COLORLAB_CACHE") or pooch.os_cache("colorlab"))


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """What the system refuses becomes a sentence that names the remedy.

    Raises:
        DataError: the cache cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{error.filename or folder}: the cache cannot be written ({error.strerror or error}); make room there, "
            "or name a folder that can be written in the environment variable COLORLAB_CACHE"
        ) from error


def kept(
    folder: Path, files: Sequence[str], fill: Callable[[Path], None], read: Callable[[Path], Content]
) -> Content:
    """What is kept in a folder of the cache; it is filled first where there is none, or none that can be trusted.

    One process fills at a time, the others wait for it. Afterwards the folders used longest ago are removed
    until all together fit into COLORLAB_CACHE_GB. A folder that is whole may lie where nothing can be written.

    Args:
        folder: its name matches `OURS`.
        files: the names of all files in it. Their checksums are kept beside them.
        fill: writes these files into the empty folder it is given.
        read: what to return of a folder; a ValueError, KeyError or TypeError means that it cannot be trusted.

    Raises:
        DataError: the cache cannot be written, or COLORLAB_CACHE_GB is no number.
    """
    room = _room()
    with suppress(_Unfit):
        return _checked(folder, files, read)
    with writing_to(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.parent):
            clear_leftovers(folder.parent)
            try:
                return _checked(folder, files, read)  # a neighbour has made it meanwhile
            except _Unfit as fault:
                if os.path.lexists(folder):
                    print(printable(f"{folder}: {fault}; it is made anew"), file=sys.stderr)
                    discard(folder)
            with (
                suppress(FileExistsError),
                folder_in_one_piece(folder) as partial,
            ):  # without locks: made by another
                fill(partial)
                sums = (f"{_checksum(partial / name)}  {name}\n" for name in files)
                (partial / CHECKSUMS).write_text("".join(sums), encoding="utf-8")
            _make_room(folder, room)
    try:
        return _checked(folder, files, read)
    except _Unfit as fault:
        raise DataError(f"{folder}: {fault}, although it was just made; look at the disk") from None


def _checked(folder: Path, files: Sequence[str], read: Callable[[Path], Content]) -> Content:
    """What `read` makes of a folder whose checksums fit.

    Raises:
        _Unfit: there is no such folder, or it is not as it was made.
        OSError: what lies there cannot be read at the moment.
    """
    try:
        sums = "".join(f"{_checksum(folder / name)}  {name}\n" for name in files)
        if (folder / CHECKSUMS).read_text(encoding="utf-8") != sums:
            raise ValueError("its checksums do not fit")
        content = read(folder)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise _Unfit(f"{Path(error.filename).name} is missing") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _Unfit(f"damaged ({str(error)[:200]})") from None
    with suppress(OSError):  # others may share it, who must not write
        os.utime(folder)  # used now
    return content


def _checksum(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _room() -> float:
    """Bytes that all folders may take together."""
    given = os.environ.get("COLORLAB_CACHE_GB") or USUAL_GB
    try:
        room = float(given) * 1e9
    except ValueError:
        room = -1.0
    if not room >= 0:  # nor is NaN
        raise DataError(f"COLORLAB_CACHE_GB: expected a number of gigabytes such as 8, got {given!r}")
    return room


def _make_room(newest: Path, room: float) -> None:
    """Remove the folders that were used longest ago. Neighbours may do the same at this moment."""
    used, sizes = {}, {}
    for folder in newest.parent.iterdir():
        if OURS.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
            with suppress(OSError):
                sizes[folder] = sum(f.stat().st_size for f in folder.iterdir() if f.is_file())
                used[folder] = folder.stat().st_mtime
    for folder in sorted(used, key=used.get):
        if sum(sizes.values()) <= room or folder == newest:
            break
        with suppress(OSError):
            discard(folder)
        del sizes[folder]
