"""colorlab.papers: what it says of colorlab is so, and the recorded comparison fits the networks it speaks of."""

import re

import pytest
import torch

from colorlab import papers
from colorlab.bins import ColorBins
from colorlab.colorizer import Colorizer
from colorlab.config import History
from colorlab.evaluation import compared
from colorlab.networks.published import build
from colorlab.objectives import Classification, Regression

TABLE = compared()


def test_the_table_has_a_row_for_every_difference_and_four_columns():
    head, rule, *rows = papers.table().split("\n")
    assert len(rows) == len(papers.DIFFERENCES) == 8
    for line in (head, rule, *rows):
        assert re.fullmatch(r"\|([^|]+\|){4}", line), line


def test_figures_are_those_that_were_published():
    assert papers.HINT_CURVE == {0: 24.43, 1: 25.37, 2: 26.20, 5: 27.39, 10: 28.42, 20: 29.34}
    said = {d.what.split(" (")[0]: (d.paper, d.code) for d in papers.DIFFERENCES}
    assert said["neighbours K of a soft label"] == ("5", "10")
    assert said["temperature T"] == ("0.38", "0.3837, as logits × 2.606") and round(1 / 0.3837, 3) == 2.606


def test_every_switch_that_the_table_names_exists():
    """The words of the column, tried: a row that is renamed in the library fails here."""
    here = " ".join(d.here for d in papers.DIFFERENCES)
    bins = {rule: ColorBins(10, rule) for rule in ("nearest", "corners", "square")}
    assert ", ".join(str(b.n_bins) for b in bins.values()) in here
    assert Classification(bins["nearest"], neighbours=10).neighbours == 10
    assert {Regression(norm).norm for norm in ("l2", "huber", "l1")} == {"l2", "huber", "l1"}
    assert {"loss", "unweighted_loss"} <= set(vars(History()))
    sizes = dict(in_channels=1, out_channels=2, width=2)
    assert build("UNet", **sizes, half_resolution=True).answer_every == 2
    assert build("Zhang2016", **sizes).answer_every == 4
    for pooling in (True, False):
        build("Ronneberger2015", **sizes, pooling=pooling)
    build("Zhang2017", **sizes)
    named = set(re.findall(r"(\w+)=", here))
    assert named == {"neighbours", "temperature", "half_resolution", "rule", "pooling"}


def test_five_neighbours_are_the_five_nearest_of_ten():
    ab = 40 * torch.randn(1, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    bins, logits = ColorBins(10), torch.randn(1, 262, 8, 8, generator=torch.Generator().manual_seed(1))
    indices, shares = bins.encode_soft(ab, 10)
    five = shares[:, :5] / shares[:, :5].sum(1, keepdim=True)
    wanted = -(five * logits.log_softmax(1).gather(1, indices[:, :5])).sum(1)
    found = Classification(bins, "soft", neighbours=5).pixel_losses(logits, ab)
    torch.testing.assert_close(found, wanted)


def test_neighbours_are_stored_with_a_network(tmp_path):
    objective = Classification(ColorBins(40), "soft", neighbours=3)
    network = build("UNet", in_channels=1, out_channels=objective.out_channels, width=2, depth=1)
    path = Colorizer(network, objective).save(tmp_path / "three.safetensors")
    assert Colorizer.load(path).objective.neighbours == 3


# ---- the recorded comparison ---------------------------------------------------------------------


def test_every_network_compared_is_small_and_was_given_the_same():
    assert TABLE["data"]["part"] == "held out"
    for name, row in TABLE["rows"].items():
        semantic = name.startswith(("small", "efficientnet"))  # the opinion's weights come on top
        assert row["weights"] <= (2.1e6 if semantic else 2e6), name
        assert row["seeds"]
        assert {its["scores"]["pictures"] for its in row["seeds"].values()} == {TABLE["data"]["pictures"]}


@pytest.mark.parametrize("measure", ["psnr", "rebalanced_auc", "chroma_ratio"])
def test_a_difference_is_that_of_the_recorded_scores_within_its_interval(measure):
    for name, row in TABLE["differences"].items():
        first, second = (TABLE["rows"][part]["seeds"] for part in name.split(" - "))
        assert row.keys() == first.keys() & second.keys(), name
        for seed, its in row.items():
            low, apart, high = its[measure]
            scores = [each[seed]["scores"][measure] for each in (first, second)]
            assert apart == pytest.approx(scores[0] - scores[1]) and low <= apart <= high, name


@pytest.mark.parametrize(
    "seeds, said",
    [
        ([(0.1, 0.2, 0.3), (0.2, 0.5, 0.8)], "better"),
        ([(-0.3, -0.2, -0.1), (-0.8, -0.5, -0.2)], "worse"),
        ([(0.1, 0.2, 0.3), (-0.1, 0.2, 0.5)], "cannot be told apart"),
    ],
)
def test_nothing_is_called_better_unless_every_seed_says_so(seeds, said):
    recorded = {
        "differences": {"a - b": {str(k): {"rebalanced_auc": found} for k, found in enumerate(seeds)}}
    }
    assert papers.verdict(recorded, "a", "b").endswith(said)
    assert papers.apart(recorded, "a", "b") == seeds
