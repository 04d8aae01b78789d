"""A third objective, in one file that no other knows: it is trained, used, saved, judged and filmed like the two.

And the floors of all of them against optimisation: whoever minimises the loss directly lands on the floor.
"""

import numpy as np
import pytest
import torch

from colorlab.bins import ColorBins
from colorlab.colorizer import Colorizer
from colorlab.config import Config
from colorlab.evaluation import judge
from colorlab.flicker import FrameColorizer
from colorlab.objective_base import Objective
from colorlab.objectives import AB_SCALE, Classification, Regression
from colorlab.recipe import ObjectivePlan, choose_objective
from colorlab.toy import Marbles
from colorlab.training import fit
from colorlab.weighted_regression import WeightedRegression

BINS = ColorBins(20)
PRIOR = torch.softmax(torch.randn(BINS.n_bins, generator=torch.Generator().manual_seed(0)), 0)


class Bold(Regression):
    """A fourth, as a reader might write it in a notebook: half of the squared error."""

    kind = "bold"

    def pixel_losses(self, output, ab, weighted=True):
        return super().pixel_losses(output, ab) / 2

    def to_dict(self):
        return {"kind": self.kind}

    @classmethod
    def from_dict(cls, stored):
        return cls()


def colorizer(objective):
    made = Colorizer.new(objective, width=4, depth=1)
    made.working_size = 16
    return made


@pytest.mark.slow
@pytest.mark.parametrize("objective", [WeightedRegression(BINS, PRIOR, 0.4), Bold()], ids=repr)
def test_it_is_trained_used_saved_judged_and_filmed_like_the_two(objective, tmp_path):
    world, made = Marbles(size=16), colorizer(objective)
    history = fit(made, world, Config(steps=6, batch_size=4, evaluate_every=3))
    assert history.loss[-1] < history.loss[0]
    assert 0 < world.floor(objective) < history.loss[-1]
    rgb = np.random.default_rng(0).integers(0, 255, (20, 24, 3), dtype=np.uint8)
    loaded = Colorizer.load(made.save(tmp_path / "m.safetensors"))
    assert loaded.objective.to_dict() == objective.to_dict()
    assert np.array_equal(loaded.colorize(rgb), made.colorize(rgb))
    tallies, _ = judge({"third": loaded}, [rgb, rgb[::-1].copy()])
    assert np.isfinite(tallies["third"].scores()["psnr"])
    assert FrameColorizer(loaded)(rgb).shape == rgb.shape
    with pytest.raises(ValueError, match="no distribution to anneal"):
        loaded.colorize(rgb, temperature=0.5)


def test_a_file_of_an_objective_that_nobody_knows_is_refused():
    with pytest.raises(ValueError, match=r"unknown kind, 'never'; known: regression, .*classification"):
        Objective.from_dict({"kind": "never"})


def test_the_weighted_loss_is_the_weight_of_the_nearest_bin_times_the_squared_error():
    objective, g = WeightedRegression(BINS, PRIOR, 0.3), torch.Generator().manual_seed(1)
    output, ab = torch.randn(2, 2, 5, 4, generator=g), 60 * torch.randn(2, 2, 5, 4, generator=g)
    weight = BINS.weights(PRIOR, 0.3)[BINS.encode(ab)]
    by_torch = torch.nn.functional.mse_loss(output * AB_SCALE, ab, reduction="none").sum(1)
    torch.testing.assert_close(objective.pixel_losses(output, ab), weight * by_torch)
    torch.testing.assert_close(objective.pixel_losses(output, ab, weighted=False), by_torch)


OBJECTIVES = [
    *(Regression(norm) for norm in ("l2", "l1", "huber")),
    *(
        Classification(BINS, targets, prior, mix, neighbours)
        for targets, neighbours in (("hard", 10), ("soft", 10), ("soft", 3), ("soft", 1))
        for prior, mix in ((None, 1.0), (PRIOR, 0.4))
    ),
    WeightedRegression(BINS, PRIOR, 0.4),
]


@pytest.mark.slow
@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: f"{o!r} {getattr(o, 'neighbours', '')}")
def test_whoever_minimises_the_loss_directly_lands_on_the_floor(objective):
    world = Marbles(size=16)
    fixed, floor = world.evaluation(), world.floor(objective)
    marbles = world.palette[:, 1:].reshape(3, 1, 2, 1, 1)
    answer = torch.zeros(1, objective.out_channels, 1, 1, requires_grad=True)
    optimizer = torch.optim.LBFGS([answer], max_iter=300, line_search_fn="strong_wolfe")

    def expected():
        optimizer.zero_grad()
        loss = sum(p * objective.loss(answer, ab) for p, ab in zip(fixed.probabilities, marbles, strict=True))
        loss.backward()
        return loss

    optimizer.step(expected)
    reached = expected().item()
    assert reached == pytest.approx(floor, rel=2e-3)
    assert reached > floor * (1 - 1e-4)  # nobody falls below it


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("regression", Regression),
        ("weighted-regression", WeightedRegression),
        ("classification", Classification),
    ],
)
def test_the_command_line_calls_them_by_these_names_and_weights_change_no_plain_regression(name, kind):
    class Part:
        def __len__(self):
            return 4

        def batches(self, n, seed):
            while True:
                yield torch.rand(n, 3, 4, 4, generator=torch.Generator().manual_seed(seed)) * 50

    assert type(choose_objective(ObjectivePlan(name, 20.0), Part())) is kind


def test_no_other_name_is_taken_for_one_of_them():
    with pytest.raises(
        ValueError, match=r"expected one of .*, weighted-regression, got 'weighted_regression'"
    ):
        ObjectivePlan("weighted_regression")
