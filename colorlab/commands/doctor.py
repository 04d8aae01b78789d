"""`colorlab doctor`: what works on this machine."""

import os
import platform
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from colorlab.commands.console import say

WEIGHTS = Path(__file__).parents[1] / "weights"
SHIPPED = ("regression", "classification", "guided", "lite0")


@click.command()
@click.option(
    "--quick", is_flag=True, help="Only look what is there, in a blink: nothing is loaded or computed."
)
def doctor(quick: bool) -> None:
    """Say what works on this machine, a line each; exit status 1 if something needed does not."""
    failed = 0
    for name, check in (QUICK if quick else DOCTOR).items():
        try:
            say(f"[OK]   {name}: {check()}")
        except Exception as error:  # whatever is wrong, the line says so and the next check runs
            failed += 1
            say(f"[FAIL] {name}: {type(error).__name__}: {error}")
    sys.exit(1 if failed else 0)


def _torch() -> str:
    import torch

    torch.nn.Conv2d(1, 2, 3)(torch.zeros(1, 1, 8, 8)).sum().backward()
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {os.cpu_count()} cores"
    return f"{torch.__version__}, computes on {where}"


def _photographs() -> str:
    from colorlab.data import is_original, manifest

    strange = [entry["name"] for entry in manifest() if not is_original(entry)]
    if strange:
        raise ValueError(
            f"{', '.join(strange)} differ from the manifest; install the versions of constraints.txt"
        )
    return f"{len(manifest())}, all as in the manifest"


def _networks() -> str:
    from colorlab.colorizer import PRETRAINED, Colorizer

    for name in PRETRAINED:
        Colorizer.pretrained(name)
    return ", ".join(PRETRAINED)


def _notebooks() -> str:
    from colorlab.course.contents import notebooks

    if not (found := notebooks()):
        raise FileNotFoundError("none found; install colorlab-course again")
    return f"{len(found)}, in the folder {found[0].parent.name}"


def _kernel() -> str:
    from jupyter_client.kernelspec import KernelSpecManager

    kernel = KernelSpecManager().get_kernel_spec("python3")
    python = kernel.argv[0]
    own = Path(python).name == python  # a bare "python" is replaced by the Python that runs Jupyter
    if not own and Path(python).absolute().parent != Path(sys.executable).absolute().parent:
        raise RuntimeError(
            f"the kernel python3 runs {python}, not {sys.executable}: reinstall ipykernel here"
        )
    return kernel.display_name


def _widgets() -> str:
    import ipywidgets

    return f"ipywidgets {ipywidgets.__version__}"


def _files() -> str:
    from PIL import Image

    from colorlab.files.media import FORMATS
    from colorlab.files.video import pyav

    Image.init()
    pictures = ", ".join(name for name in FORMATS if name in Image.OPEN)
    try:
        return f"{pictures}; videos with PyAV {pyav().__version__}"
    except ModuleNotFoundError:
        return f"{pictures}; no videos without the extra: pip install 'colorlab-course[video]'"


def _folder() -> str:
    with tempfile.NamedTemporaryFile(dir="."):
        return "files can be written here"


def _installed(name: str) -> Callable[[], str]:
    """The version that is installed, without loading it."""

    def look() -> str:
        try:
            return version(name)
        except PackageNotFoundError:
            raise ModuleNotFoundError(f"not installed; pip install {name}") from None

    return look


def _weights() -> str:
    missing = [file.name for name in SHIPPED if not (file := WEIGHTS / f"{name}.safetensors").is_file()]
    if missing:
        raise FileNotFoundError(f"{', '.join(missing)} missing; install colorlab-course again")
    return f"{len(SHIPPED)} files, not opened"


DOCTOR: dict[str, Callable[[], str]] = {
    "Python": platform.python_version,
    "torch": _torch,
    "photographs": _photographs,
    "trained networks": _networks,
    "notebooks": _notebooks,
    "Jupyter kernel": _kernel,
    "widgets": _widgets,
    "files that can be coloured": _files,
    "this folder": _folder,
}
QUICK: dict[str, Callable[[], str]] = {
    "Python": platform.python_version,
    **{name: _installed(name) for name in ("torch", "ipykernel", "ipywidgets", "pillow")},
    "trained networks": _weights,
    "notebooks": _notebooks,
    "this folder": _folder,
}
