"""What a reader is told when the machine does not suffice, and names that may be anything."""

import errno
import mmap

REMEDIES = {
    errno.ENOSPC: "make room there, or name another place",
    errno.EDQUOT: "make room there, or name another place",
    errno.EFBIG: "make room there, or name another place",
    errno.EROFS: "name a place that can be written",
    errno.EACCES: "change its permissions, or name another place",
    errno.EMFILE: "allow this process more open files (ulimit -n)",
    errno.ENFILE: "close other programs",
}
SHORT_OF_MEMORY = (  # as torch, CUDA, oneDNN, Python's threads, C++ and the loader of libraries say it
    "allocate memory",
    "out of memory",
    "could not create a primitive",
    "start new thread",
    "bad_alloc",
    "failed to map segment",
)
MORE_MEMORY = (
    "memory does not suffice; close other programs, or ask for less: smaller pictures, smaller batches"
)


def short_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, so that whatever was read or made is not to blame."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    unusual = isinstance(error, (RuntimeError, ImportError, OSError))
    return unusual and any(words in str(error) for words in SHORT_OF_MEMORY)


def memory_left(size: int = 2**26) -> bool:
    """Whether so many bytes can still be had."""
    try:
        with mmap.mmap(-1, size):  # nothing is written to it, so it costs nothing
            return True
    except OSError:
        return False


def refused_by_the_machine(error: BaseException) -> bool:
    """Whether memory, disk, permissions or open files did not suffice, so that the file at hand is not to blame."""
    return short_of_memory(error) or (isinstance(error, OSError) and error.errno in REMEDIES)


def sentence(error: BaseException) -> str:
    """An error in a sentence: what it is about, the fault, and what to do where that is known."""
    if short_of_memory(error):
        return MORE_MEMORY
    if isinstance(error, OSError) and error.strerror:
        about = f"{error.filename}: " if error.filename is not None else ""
        remedy = REMEDIES.get(error.errno)
        return f"{about}{error.strerror}" + (f"; {remedy}" if remedy else "")
    return str(error) or type(error).__name__


def printable(text: object) -> str:
    """Text of strangers, such as the name of a file, in one line that a terminal shows and does not obey.

    What would steer a terminal, end the line, turn its direction or stand for no character becomes an escape:
    `\\x1b`, `\\n`. Joiners stay, of which emoji and Indic scripts are made.
    """
    return "".join(
        c if c.isprintable() or c in "\u200c\u200d" else c.encode("unicode_escape").decode()
        for c in str(text)
    )
