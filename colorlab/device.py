"""Where to compute: a GPU where there is one."""

import torch


def choose_device(name: str) -> str:
    """ "auto" takes a GPU where there is one; anything else is checked."""
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return next(d for d in ("cuda", "mps", "cpu") if available[d])
    if not isinstance(name, str) or name not in available:
        raise ValueError(f"device: expected auto, {', '.join(available)}, got {name!r}")
    if not available[name]:
        raise ValueError(f'device: this machine offers no {name!r}; use "auto" or "cpu"')
    return name
