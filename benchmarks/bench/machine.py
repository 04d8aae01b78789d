"""What this machine can do at most, measured before anything else, and what else it is doing."""

import os
import platform
from importlib.metadata import version

import torch
from clock import Row, measured

SIDE = 1024
NAMED = ("torch", "numpy", "scikit-image", "scikit-learn", "kornia", "opencv-python-headless")


def limits() -> dict:
    """FLOP/s of a product of matrices in 32 and 16 bits, and bytes/s of a copy."""
    a, b = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    a16, b16 = a.bfloat16(), b.bfloat16()
    source = torch.rand(16, 1 << 20)
    target = torch.empty_like(source)
    flop, moved = 2 * SIDE**3, 2 * source.numel() * 4
    seconds = {
        name: measured(Row(name, call, budget=3))["seconds"]
        for name, call in {
            "float32": lambda: a @ b,
            "bfloat16": lambda: a16 @ b16,
            "copy": lambda: target.copy_(source),
        }.items()
    }
    return {
        "GEMM float32, GFLOP/s": flop / seconds["float32"] / 1e9,
        "GEMM bfloat16, GFLOP/s": flop / seconds["bfloat16"] / 1e9,
        "copy, GB/s": moved / seconds["copy"] / 1e9,
    }


def described() -> dict:
    """Processor, threads, load and versions, so that nobody compares what cannot be compared."""
    return {
        "processor": platform.processor() or platform.machine(),
        "vector instructions": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load before": round(os.getloadavg()[0], 2),
        "GPU": torch.cuda.get_device_name() if torch.cuda.is_available() else "none: not run on a GPU",
        "versions": {"Python": platform.python_version(), **{name: version(name) for name in NAMED}},
    }
