"""colorlab.evaluation: what a global hint tells a network, none, its own or another picture's."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from colorlab.colorizer import Colorizer
from colorlab.evaluation import AT_ONCE, evaluate, global_hints, predict, table
from colorlab.hints import GLOBAL_LENGTH, HINT_CHANNELS, global_bins, global_hint
from colorlab.metrics import Tally, score
from colorlab.networks.base import Trunk
from colorlab.networks.unet import UNet
from colorlab.objectives import AB_SCALE, Regression

COLORS = torch.tensor([[62.0, 3.0], [-42.0, 37.0], [12.0, -53.0], [33.0, 31.0]])  # a, b; no bin's centre


class Obedient(Trunk):
    """Answers the mean colour of the histogram it is given everywhere, and grey without one."""

    multiple, answer_every, vector = 1, 1, GLOBAL_LENGTH

    def __init__(self):
        super().__init__()
        self.config = dict(in_channels=1, out_channels=2, vector=GLOBAL_LENGTH)
        self.nothing = torch.nn.Parameter(torch.zeros(1))  # a colorizer asks where its weights are

    def answer(self, x, vector):
        mean = vector[:, : global_bins().n_bins] @ global_bins().centers / AB_SCALE
        return mean[:, :, None, None].expand(-1, -1, *x.shape[-2:])


def flat(n=4, side=4):
    """(n, 3, side, side): pictures of one colour each, in turns, all of L 50."""
    ab = COLORS[torch.arange(n) % len(COLORS)][:, :, None, None].expand(-1, -1, side, side)
    return torch.cat([torch.full((n, 1, side, side), 50.0), ab], dim=1)


def unet(**options):
    torch.manual_seed(0)
    return UNet(1, 2, width=4, depth=1, vector=GLOBAL_LENGTH, **options)


def test_a_network_that_obeys_is_right_with_its_own_hint_grey_without_and_wrong_with_anothers():
    lab = flat()
    found = global_hints(Colorizer(Obedient(), Regression()), lab)
    assert list(found) == ["none", "its own", "another's"]
    scores = {name: row["scores"] for name, row in found.items()}
    grey = score(list(torch.zeros(4, 2, 4, 4)), list(lab))
    assert scores["none"] == pytest.approx(grey)
    assert scores["none"]["chroma_ratio"] == 0
    assert scores["its own"]["psnr"] > 30 > 20 > scores["another's"]["psnr"]  # all within half a bin
    before = list(lab.roll(1, dims=0)[:, 1:])  # the colours of a neighbour
    assert scores["another's"]["auc"] == pytest.approx(score(before, list(lab))["auc"], abs=2)
    for row in found.values():
        low, high = row["interval"]["psnr"]
        assert low <= row["scores"]["psnr"] <= high


def test_every_picture_gets_its_own_hint_in_batches_too():
    lab = flat(AT_ONCE + 6)
    own = torch.cat([global_hint(one) for one in lab.split(1)])
    colorizer = Colorizer(Obedient(), Regression())
    found = predict(colorizer, lab, like=own)
    assert found.shape == (AT_ONCE + 6, 2, 4, 4)
    assert ((found - lab[:, 1:]).norm(dim=1) < 7.1).all()  # half of a bin's diagonal
    assert global_hints(colorizer, lab)["its own"]["scores"] == Tally.of(list(found), list(lab)).scores()


def test_for_a_network_that_ignores_the_hint_all_three_are_the_same():
    found = global_hints(Colorizer(unet(), Regression()), flat())  # as it is built, it does
    assert found["none"] == found["its own"] == found["another's"]


def test_for_one_that_heeds_it_no_two_are_the_same():
    network = unet()
    torch.nn.init.normal_(network.fuse.mix.weight)
    found = [row["scores"]["psnr"] for row in global_hints(Colorizer(network, Regression()), flat()).values()]
    assert len(set(found)) == 3


def test_a_network_that_takes_none_is_refused():
    with pytest.raises(ValueError, match="without global hints"):
        global_hints(Colorizer(UNet(1, 2, width=4, depth=1), Regression()), flat())


@pytest.fixture
def album(tmp_path, monkeypatch):
    monkeypatch.setenv("COLORLAB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "album").mkdir()
    rng = np.random.default_rng(0)
    for name in "abc":
        rgb = rng.integers(0, 255, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(rgb).save(tmp_path / "album" / f"{name}.png")
    return tmp_path / "album"


@pytest.mark.parametrize("vector", [0, GLOBAL_LENGTH])
def test_global_hints_are_in_the_result_and_its_table_where_the_network_takes_them(album, tmp_path, vector):
    torch.manual_seed(0)
    network = UNet(1 + HINT_CHANNELS, 2, width=4, depth=1, vector=vector)
    model = Colorizer(network, Regression()).save(tmp_path / "m.safetensors")
    result = evaluate(str(album), (str(model),), size=16)
    assert ("global hint" in result) == bool(vector)
    lines = [line for line in table(result).splitlines() if line.startswith("global hint: ")]
    assert len(lines) == (3 if vector else 0)
    json.dumps(result)
    if vector:
        row = result["rows"]["m"]["scores"]
        assert result["global hint"]["none"]["scores"]["psnr"] == pytest.approx(row["psnr"])
        assert f"PSNR {row['psnr']:.2f} dB" in lines[0]
