"""The kernel that runs a notebook without a reader: its messages encrypted, its environment its own."""

import os
from typing import Any

import zmq
from jupyter_client.manager import AsyncKernelManager
from traitlets import Dict, default

CELL_TIMEOUT = 3600  # seconds; a cell that takes longer hangs
ENCRYPTION = "auto" if zmq.has("curve") else "disabled"


class Kernel(AsyncKernelManager):
    """As jupyter_client's, which by itself sends what is computed over TCP as plain text.

    Attributes:
        environment: variables of the kernel's process, over those of this one.
    """

    environment = Dict().tag(config=True)

    @default("transport_encryption")
    def _encrypted(self) -> str:
        return ENCRYPTION

    async def start_kernel(self, **options: Any) -> None:
        env = options.pop("env", os.environ) | self.environment
        await super().start_kernel(env=env, **options)

    async def _async_interrupt_kernel(self) -> None:
        """Nothing: asked to end, a kernel ends. Elsewhere it is interrupted first, and complains on stderr
        if that meets the last message that it answers. One that goes on computing is killed a little later."""
