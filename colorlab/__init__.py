"""colorlab: understand with your own hands how a neural network learns to colour a grey photograph.

The library is flat; import the file the sentence names: `colorlab.lab`, `colorlab.bins`, `colorlab.networks.unet`, …
"""

import importlib

__version__ = "0.1.0"

__all__ = ["Colorizer", "__version__"]


def __getattr__(name: str):
    # `import colorlab` stays instant; torch is loaded with the first thing that needs it.
    if name == "Colorizer":
        from colorlab.colorizer import Colorizer

        return Colorizer
    try:
        return importlib.import_module(f"colorlab.{name}")  # colorlab.lab, colorlab.bins, …
    except ModuleNotFoundError as error:
        if error.name != f"colorlab.{name}":
            raise
        raise AttributeError(f"module 'colorlab' has no attribute {name!r}") from None
