"""Semantic features: what a frozen classifier of whole pictures thinks is to be seen, fused into a U-Net.

After Baldassarre, González Morín and Rodés-Guirao, Deep Koalarization (2017): a local network that sees
edges and textures is told by a classifier "this is a lawn", everywhere at once. Theirs was an
Inception-ResNet-v2; ours is the EfficientNet-Lite0 that comes with colorlab.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from colorlab.arguments import true_or_false
from colorlab.lab import grey_of
from colorlab.networks import lite0
from colorlab.networks.unet import UNet

SIDE = 128  # pixels of the shorter side at which the classifier looks


@torch.no_grad()
def opinion(L: Tensor) -> Tensor:
    """What EfficientNet-Lite0 thinks of grey pictures: its logits, brought to mean 0 and spread 1 in each.

    How sure a classifier is of itself depends on how it was trained, and a network to be fused with must not
    care.

    Args:
        L: scaled lightness `(N, 1, H, W)` in [-1, 1], any size.

    Returns:
        `(N, 1000)` float32; the classes are ImageNet's.
    """
    scale = SIDE / min(L.shape[-2:])
    step = lite0.STRIDES[-1]
    size = [max(step, round(side * scale / step) * step) for side in L.shape[-2:]]
    grey = F.interpolate(grey_of(50 * (L.float() + 1)), size=size, mode="bilinear", antialias=scale < 1)
    logits = lite0.shipped(L.device)(grey.expand(-1, 3, -1, -1))
    return F.layer_norm(logits.float(), (lite0.CLASSES,))


class SemanticUNet(UNet):
    """A U-Net into whose middle a frozen classifier's opinion on the whole picture is fused.

    Args:
        in_channels, out_channels, and further ones: as in `UNet`; the first channel is scaled L.
        shuffled: every picture gets the opinion on another one of its batch: the control that tells what a
            classifier knows from what more weights can do.
    """

    def __init__(self, in_channels: int, out_channels: int, shuffled: bool = False, **unet):
        super().__init__(in_channels, out_channels, **unet, vector=lite0.CLASSES)
        del self.config["vector"]  # the classifier decides
        self.vector = 0  # nobody else gives one
        self.shuffled = self.config["shuffled"] = true_or_false("shuffled", shuffled)

    @property
    def reads(self) -> str:
        return lite0.checksum()

    def last_features(self, x: Tensor, vector: Tensor | None) -> Tensor:
        found = opinion(x[:, :1])
        return super().last_features(x, found.roll(1, dims=0) if self.shuffled else found)
