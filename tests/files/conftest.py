"""What tests of several kinds of files share."""

import pytest
import torch

from colorlab.bins import ColorBins
from colorlab.colorizer import Colorizer
from colorlab.networks.unet import UNet
from colorlab.objectives import Classification


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The file of a small classification that has learnt nothing."""
    torch.manual_seed(0)
    objective = Classification(ColorBins(40))
    network = Colorizer(
        UNet(1, objective.out_channels, width=4, depth=1, half_resolution=True), objective, 16
    )
    return network.save(tmp_path_factory.mktemp("model") / "small.safetensors")
