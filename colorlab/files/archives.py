"""Pictures in folders and archives, read one by one and never unpacked, so nothing can escape into a folder.

An archive may lie about everything: names, sizes, where it ends. What it says is checked before it is believed.
"""

import hashlib
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from colorlab.files.faults import refused_by_the_machine
from colorlab.files.media import SUFFIXES

LARGEST_FILE = 64 * 2**20  # bytes; a larger "picture" inside an archive is a bomb or a mistake
LARGEST_HEADER = 2**20  # bytes of a name and what else a tar says of a file
ABOUT_THE_NEXT = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
MOST_UNPACKING = 200  # times an archive's own size; pictures hardly shrink at all
# What Python's readers of archives raise: RuntimeError where a password or a newer version is needed, or
# headers are nested without end; ValueError for names that are not text and places below zero.
DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    IndexError,
    OverflowError,
    RuntimeError,
    ValueError,
)


class DataError(ValueError):
    """Pictures that cannot be had; the message names the source, the fault and the remedy."""


def files_in(path: Path) -> Iterator[tuple[str, bytes | None]]:
    """(name, content) of every picture of a folder, zip or tar, in a fixed order; None if it is too large.

    Links inside archives and folders are not followed.

    Raises:
        DataError: neither a folder nor a readable archive, or one that unpacks to far more than its size.
    """
    try:
        if path.is_dir():
            for file in sorted(p for p in path.rglob("*") if _is_picture(p.name)):
                if file.is_file() and not file.is_symlink():
                    small = file.stat().st_size <= LARGEST_FILE
                    yield file.relative_to(path).as_posix(), file.read_bytes() if small else None
        elif zipfile.is_zipfile(path):
            yield from _files_in_zip(path)
        else:
            yield from _files_in_tar(path)
    except DataError:
        raise
    except DAMAGED as error:
        if refused_by_the_machine(error):
            raise
        raise _damaged(path, error) from error


def _files_in_zip(path: Path) -> Iterator[tuple[str, bytes | None]]:
    with zipfile.ZipFile(path) as archive:
        pictures = [i for i in archive.infolist() if _is_picture(i.filename) and not i.is_dir()]
        _refuse_bomb(path, sum(i.file_size for i in pictures if i.file_size <= LARGEST_FILE))
        for info in sorted(pictures, key=lambda i: i.filename):
            yield info.filename, archive.read(info) if info.file_size <= LARGEST_FILE else None


def _files_in_tar(path: Path) -> Iterator[tuple[str, bytes | None]]:
    """As `files_in`, in the order of the file: seeking in a .tgz is slow."""
    try:
        archive = tarfile.open(path, tarinfo=_Header)  # noqa: SIM115
    except tarfile.ReadError as error:
        raise DataError(f"{path}: neither a folder nor a zip or tar archive ({error})") from error
    with archive:
        for member in archive:
            if member.size < 0 or archive.offset <= member.offset:  # older Pythons would go back for ever
                raise tarfile.ReadError(f"{member.name!r} says that it has {member.size:,} bytes")
            _refuse_bomb(path, archive.offset)
            if member.isfile() and _is_picture(member.name):
                small = member.size <= LARGEST_FILE
                yield member.name, archive.extractfile(member).read() if small else None
        archive.fileobj.seek(archive.offset)
        if archive.fileobj.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
            raise tarfile.ReadError("its end is missing")  # for Python that is the end, and all is well


class _Header(tarfile.TarInfo):
    """A header in a tar. One whose size is a lie would make Python go back, or take gigabytes for a name."""

    @classmethod
    def frombuf(cls, buf, encoding, errors):
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0 or (header.type in ABOUT_THE_NEXT and header.size > LARGEST_HEADER):
            raise tarfile.ReadError(f"a header says that {header.size:,} bytes follow")
        return header


def _refuse_bomb(path: Path, unpacked: int) -> None:
    if unpacked > MOST_UNPACKING * path.stat().st_size + LARGEST_FILE:
        raise DataError(f"{path}: unpacks to {unpacked:,} bytes, far too many for its size; do not trust it")


def _damaged(path: Path, error: Exception) -> DataError:
    reason = str(error) or type(error).__name__
    return DataError(f"{path}: damaged, cut short or encrypted ({reason}); fetch it anew")


def content_key(path: Path) -> str:
    """A hash of what a source holds: names and checksums of a zip, else every byte."""
    digest = hashlib.sha256(b"colorlab, version 2")
    if path.is_file() and zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                for info in sorted(archive.infolist(), key=lambda i: i.filename):
                    digest.update(f"{info.filename}\0{info.CRC}\0{info.file_size}\0".encode())
        except DAMAGED as error:
            if refused_by_the_machine(error):
                raise
            raise _damaged(path, error) from error
    elif path.is_file():
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    else:
        for name, content in files_in(path):
            digest.update(as_bytes(name) + b"\0" + hashlib.sha256(content or b"").digest())
    return digest.hexdigest()[:24]


def as_bytes(name: str) -> bytes:
    """UTF-8; names of files need not be text, and what is not has its own code."""
    return name.encode(errors="backslashreplace")


def _is_picture(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES and not Path(name).name.startswith("._")
