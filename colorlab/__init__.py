"""colorlab: understand with your own hands how a neural network learns to colour a grey photograph.

`colorlab.<TAB>` shows what the course is about. What the notebooks teach lies flat, one file a topic
(`colorlab.lab`, `colorlab.bins`, `colorlab.objectives`, …); the rest has rooms (`colorlab.networks`,
`colorlab.files`, …). Nothing is loaded before it is used, so `import colorlab` is instant.
"""

import importlib

__version__ = "0.1.0"

_NAMES = {  # public name -> the module that defines it
    "Classification": "objectives",
    "ColorBins": "bins",
    "Colorizer": "colorizer",
    "Config": "config",
    "Regression": "objectives",
    "UNet": "networks.unet",
    "fit": "training",
    "lab_to_rgb": "lab",
    "rgb_to_lab": "lab",
}
_MODULES = (
    "bins",
    "colorizer",
    "config",
    "data",
    "datasets",
    "evaluation",
    "files",
    "hints",
    "kernels",
    "lab",
    "media",
    "metrics",
    "networks",
    "objectives",
    "papers",
    "plots",
    "quantization",
    "regions",
    "toy",
    "training",
)

__all__ = [*_NAMES, "__version__"]


def __getattr__(name: str):
    if name in _NAMES:
        value = getattr(importlib.import_module(f"colorlab.{_NAMES[name]}"), name)
        globals()[name] = value  # asked only once
        return value
    if name in _MODULES:
        return importlib.import_module(f"colorlab.{name}")
    raise AttributeError(f"module 'colorlab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
