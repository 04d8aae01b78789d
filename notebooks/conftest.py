"""Kernels that nbval starts encrypt what they send, as those of `colorlab run` do."""

from jupyter_client.manager import KernelManager

from colorlab.course.kernel import ENCRYPTION

KernelManager.transport_encryption.default_value = ENCRYPTION
