"""Where the course and the manifest lie: beside the package in a clone, inside it in an installed wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def share(name: str) -> Path:
    """The path of `notebooks` or `data/manifest.json`.

    Raises:
        FileNotFoundError: neither a clone nor a complete installation.
    """
    for root in (_PACKAGE / "_share", _PACKAGE.parent):
        if (root / name).exists():
            return root / name
    raise FileNotFoundError(f"{name} is missing from this installation; install colorlab-course again")
