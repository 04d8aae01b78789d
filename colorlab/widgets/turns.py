"""Whose turn it is: widgets answer one message after another, though they may arrive on several threads.

JupyterLab hands what a reader does to the kernel's main thread or to a subshell, which is another thread of the
same process; so an Undo may come while the hint it takes back is still being coloured.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import torch

_TURN = RLock()  # of all widgets: how many threads torch uses belongs to the whole process


@contextmanager
def in_turn() -> Iterator[None]:
    """Around what answers a message, or above it as a decorator: others wait, and torch uses one thread.

    Small tensors on a busy laptop: two threads wait for each other far longer than they work.
    """
    with _TURN:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
