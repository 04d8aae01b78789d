"""Which notebooks the course has, and what they are called. Nothing is opened here, and nothing heavy imported."""

from collections.abc import Sequence
from pathlib import Path

from colorlab._share import share

COPIES = Path("colorlab-course")  # where `colorlab lab` puts a reader's own


def notebooks() -> list[Path]:
    """Every notebook of the course, in reading order."""
    return sorted(share("notebooks").glob("[0-9][0-9]_*.ipynb"))


def pages() -> list[Path]:
    """What lies beside the notebooks to be read with them: the glossary, the instructor's page."""
    return sorted(share("notebooks").glob("*.md"))


def find(names: Sequence[str]) -> list[Path]:
    """The notebooks meant by their number ("05"), name ("brown_well", "05_brown_well") or path; all if none.

    Raises:
        FileNotFoundError: a name that fits none, with those that exist.
    """
    found = []
    for name in names:
        stem = Path(name).stem
        if Path(name).suffix == ".ipynb":  # a path means that file, and no other of its name
            fits = [Path(name)] if Path(name).is_file() else []
        else:
            fits = [p for p in notebooks() if stem in (p.stem, p.stem[:2], p.stem[3:])]
        if not fits:
            known = ", ".join(p.stem for p in notebooks())
            raise FileNotFoundError(f"{name}: no such notebook; there are {known}")
        found += [p for p in fits if p not in found]
    return found or notebooks()


def find_copy(notebook: Path, folder: Path) -> Path | None:
    """A reader's copy of a notebook: in the folder, or in one of its own name in it, as nbgrader has it."""
    places = (folder / notebook.name, folder / notebook.stem / notebook.name)
    return next(filter(Path.is_file, places), None)
