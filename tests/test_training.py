"""colorlab.training: the same seed gives the same curve, and a reader may interrupt at any time."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from colorlab.bins import ColorBins
from colorlab.colorizer import Colorizer
from colorlab.config import Config
from colorlab.data import Evaluation
from colorlab.flicker import FrameColorizer
from colorlab.networks.base import at
from colorlab.networks.unet import UNet
from colorlab.objective_base import averaged
from colorlab.objectives import Classification, Regression
from colorlab.toy import Marbles
from colorlab.training import fit, learning_rate_factor, random_places
from colorlab.weighted_regression import WeightedRegression

BINS = ColorBins(40)  # Q = 23: quick
SHORT = Config(steps=6, batch_size=2, evaluate_every=4)


def untrained(objective=None, seed=0, **options):
    objective = objective or Regression()
    torch.manual_seed(seed)
    return Colorizer(UNet(1, objective.out_channels, width=8, depth=1, **options), objective)


def train(objective=None, config=SHORT, **options):
    colorizer = untrained(objective)
    return colorizer, fit(colorizer, Marbles(size=16), config, **options)


# ---- the curve -----------------------------------------------------------------------------------


def assert_repeatable(objective, config):
    (one, first), (other, second) = train(objective, config), train(objective, config)
    assert first.loss == second.loss and first.chroma_ratio == second.chroma_ratio
    weights, again = one.network.state_dict(), other.network.state_dict()
    assert all(torch.equal(weights[name], again[name]) for name in weights)


@pytest.mark.slow
@pytest.mark.parametrize(
    "objective", [Regression(), Classification(BINS), Classification(BINS, "soft")], ids=repr
)
def test_one_seed_gives_one_curve_bit_for_bit(objective):
    assert_repeatable(objective, SHORT)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
def test_one_seed_gives_one_curve_on_two_threads_as_well(two_threads):
    assert_repeatable(Classification(BINS, "soft"), Config(steps=2, batch_size=2, evaluate_every=2))


def test_what_was_drawn_before_does_not_matter():
    colorizer, data = untrained(), Marbles(size=16)
    data.batch(5)
    torch.manual_seed(99)
    assert fit(colorizer, data, SHORT).loss == train()[1].loss


def test_another_seed_gives_another_curve():
    first, second = train()[1], train(config=replace(SHORT, seed=1))[1]
    assert first.loss[0] == second.loss[0]  # nothing learnt yet
    assert first.loss[-1] != second.loss[-1]


def test_every_step_takes_its_own_learning_rate(monkeypatch):
    monkeypatch.setattr("colorlab.training.learning_rate_factor", lambda step, _: 1.0 if step == 0 else 0.0)
    one, many = (train(config=Config(steps=n, batch_size=2))[0].network.state_dict() for n in (1, 4))
    assert all(torch.equal(one[name], many[name]) for name in one)  # no step after the first moved anything


@pytest.mark.slow
def test_it_learns():
    history = train(config=Config(steps=30, batch_size=4, learning_rate=1e-2))[1]
    assert history.loss[-1] < 0.8 * history.loss[0]


@pytest.mark.parametrize(
    "steps, every, measured", [(6, 4, [0, 4, 6]), (6, 3, [0, 3, 6]), (1, 10, [0, 1]), (3, 1, [0, 1, 2, 3])]
)
def test_measured_before_learning_then_regularly_and_at_the_end(steps, every, measured):
    history = train(config=Config(steps=steps, batch_size=2, evaluate_every=every))[1]
    assert history.step == measured


def test_every_column_of_the_history_has_one_entry_a_measurement():
    history = train()[1]
    columns = [history.step, history.loss, history.unweighted_loss, history.chroma_ratio, history.seconds]
    assert [len(column) for column in columns] == [3] * 5
    assert history.seconds == sorted(history.seconds)
    assert not history.interrupted


def test_the_first_entry_is_the_untrained_network():
    objective, data = Classification(BINS), Marbles(size=16)
    colorizer, fixed = untrained(objective), data.evaluation()
    with torch.no_grad():
        output = colorizer.answer(fixed.L)
        loss, ratio = fixed.loss(objective, output), fixed.chroma_ratio(colorizer.decode(output))
    history = fit(colorizer, data, SHORT)
    assert (history.loss[0], history.chroma_ratio[0]) == (loss, ratio)


@pytest.mark.slow
def test_both_losses_are_recorded_where_rare_colours_weigh_more():
    prior = BINS.prior(Marbles(size=16).batch(20)[0][:, 1:])
    balanced, rebalanced = (
        Classification(BINS, prior=prior),
        Classification(BINS, prior=prior, uniform_mix=0.3),
    )
    plain, weighted = train(balanced)[1], train(rebalanced)[1]
    assert plain.loss == plain.unweighted_loss
    assert weighted.unweighted_loss[0] == plain.loss[0]  # one untrained trunk, measured without weights
    assert weighted.loss[0] != weighted.unweighted_loss[0]


def test_the_reader_is_called_after_every_measurement():
    calls = []
    colorizer, history = train(on_evaluate=lambda step, c, _: calls.append((step, c)))
    assert calls == [(step, colorizer) for step in history.step]


def test_the_network_is_left_in_use_not_in_training():
    assert not train()[0].network.training


def test_a_network_that_answers_at_half_resolution_can_be_trained():
    colorizer = untrained(half_resolution=True)
    assert len(fit(colorizer, Marbles(size=16), SHORT).loss) == 3


# ---- a loss at some places -----------------------------------------------------------------------


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 100), st.integers(0, 10**6))
def test_places_are_different_ones_inside_and_decided_by_the_seed(height, width, count, seed):
    places = random_places(torch.zeros(2, 3, height, width), count, seed)
    assert len(places) == len(set(places.tolist())) == min(count, height * width)
    assert places.min() >= 0 and places.max() < height * width
    assert torch.equal(places, random_places(torch.zeros(5, 2, height, width), count, seed))


def test_every_place_is_as_likely_as_any_other():
    drawn = torch.cat([random_places(torch.zeros(1, 1, 3, 4), 4, seed) for seed in range(600)])
    counts = torch.bincount(drawn, minlength=12)
    assert counts.min() > 160 and counts.max() < 240  # 200 each; a standard deviation of 12


def test_what_stands_at_places_is_counted_row_by_row():
    x = torch.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    found = at(x, torch.tensor([0, 19, 7, 7]))
    assert found.shape == (2, 3, 4, 1)
    for n, (row, column) in enumerate([(0, 0), (3, 4), (1, 2), (1, 2)]):
        assert torch.equal(found[:, :, n, 0], x[:, :, row, column])


@pytest.mark.parametrize(
    "objective",
    [
        Regression(),
        Classification(BINS, "soft"),
        WeightedRegression(BINS, torch.full((BINS.n_bins,), 1 / BINS.n_bins), 0.5),
    ],
    ids=repr,
)
def test_on_average_the_loss_at_some_places_is_the_loss_at_all(objective):
    """Cut into four parts, exactly: their mean is that of the whole, and so are the gradients."""
    colorizer = untrained(objective, half_resolution=True)
    lab = Marbles(size=16).evaluation()
    x, ab = colorizer.inputs(lab.L), averaged(lab.outcomes[0], 2)
    everything = random_places(ab, 64, seed=3).reshape(4, 16)
    parts = [objective.loss(colorizer.network(x, places=part), at(ab, part)) for part in everything]
    whole = objective.loss(colorizer.network(x), ab)
    torch.testing.assert_close(sum(parts) / 4, whole)
    weights = list(colorizer.network.parameters())
    for one, other in zip(
        torch.autograd.grad(sum(parts) / 4, weights), torch.autograd.grad(whole, weights), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-5 * other.abs().max().item() + 1e-9, rtol=1e-3)


@pytest.mark.slow
def test_all_places_teach_what_no_places_teach():
    plain, placed = (train(config=replace(SHORT, places=places))[1] for places in (None, 16 * 16))
    assert placed.loss == pytest.approx(plain.loss, rel=1e-3)
    few = train(config=replace(SHORT, places=7))[1]
    assert few.loss[0] == plain.loss[0] and few.loss[-1] != plain.loss[-1]


def test_at_places_too_one_seed_gives_one_curve():
    assert_repeatable(Classification(BINS), replace(SHORT, places=7))


def test_every_step_looks_at_other_places(monkeypatch):
    seen = []

    def remember(answers, count, seed):
        seen.append(random_places(answers, count, seed))
        return seen[-1]

    monkeypatch.setattr("colorlab.training.random_places", remember)
    fit(untrained(half_resolution=True), Marbles(size=16), replace(SHORT, places=7))
    assert [tuple(places.shape) for places in seen] == [(7,)] * 6
    assert max(places.max() for places in seen) < 64  # answers, not pixels
    assert len({tuple(places.tolist()) for places in seen}) == 6


@pytest.mark.slow
def test_it_learns_at_few_places_too():
    config = Config(steps=30, batch_size=4, learning_rate=1e-2, places=20)
    history = train(config=config)[1]
    assert history.loss[-1] < 0.8 * history.loss[0]


# ---- stopping ------------------------------------------------------------------------------------


def interrupt_at(step):
    def on_evaluate(now, *_):
        if now == step:
            raise KeyboardInterrupt

    return on_evaluate


def test_an_interrupt_keeps_what_was_learnt(capsys):
    colorizer, history = train(on_evaluate=interrupt_at(4))
    assert history.interrupted
    assert history.step == [0, 4]
    assert "Interrupted after 4 of 6 steps" in capsys.readouterr().out
    fresh = untrained().network.state_dict()
    assert not any(torch.equal(w, fresh[name]) for name, w in colorizer.network.trunk_state().items())
    assert not colorizer.network.training


def test_an_interrupt_leaves_the_same_weights_as_the_uninterrupted_run_had():
    snapshot = {}

    def remember(step, colorizer, history):
        snapshot[step] = {name: w.clone() for name, w in colorizer.network.state_dict().items()}

    train(on_evaluate=remember)
    stopped, _ = train(on_evaluate=interrupt_at(4))
    assert all(torch.equal(w, snapshot[4][name]) for name, w in stopped.network.state_dict().items())


def test_an_interrupt_in_the_middle_of_a_measurement_leaves_no_half_entry(monkeypatch):
    measurements, loss = [], Evaluation.loss

    def interrupted(*args, **options):
        measurements.append(args)
        if len(measurements) == 4:  # the second loss of the second measurement
            raise KeyboardInterrupt
        return loss(*args, **options)

    monkeypatch.setattr(Evaluation, "loss", interrupted)
    history = train()[1]
    assert history.interrupted
    assert len(history.step) == len(history.loss) == len(history.unweighted_loss) == len(history.seconds)


def test_a_loss_that_is_not_finite_stops_with_the_step_and_the_remedy():
    colorizer = untrained()

    def break_it(step, colorizer, history):
        if step == 4:
            colorizer.network.head.bias.data.fill_(float("nan"))

    with pytest.raises(FloatingPointError, match=r"became nan at step 5; lower learning_rate, now 0\.003"):
        fit(colorizer, Marbles(size=16), SHORT, on_evaluate=break_it)
    assert not colorizer.network.training


# ---- the configuration ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "field, bad",
    [
        ("steps", 0),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("learning_rate", 1.5),
        ("learning_rate", float("nan")),
        ("warmup", -0.1),
        ("warmup", 0.95),
        ("weight_decay", -1e-3),
        ("places", 0),
        ("places", -3),
        ("evaluate_every", 0),
        ("seed", -1),
    ],
)
def test_refuses_a_value_out_of_range(field, bad):
    with pytest.raises(ValueError, match=f"{field}: expected a value .*, got {bad!r}"):
        Config(**{field: bad})


@pytest.mark.parametrize(
    "field, bad, expected",
    [
        ("steps", 10.0, "int"),
        ("steps", True, "int"),
        ("steps", "300", "int"),  # papermill's -y and -r pass strings
        ("seed", None, "int"),
        ("places", 10.0, "int"),
        ("places", True, "int"),
        ("learning_rate", "fast", "float"),
    ],
)
def test_refuses_a_wrong_type(field, bad, expected):
    with pytest.raises(TypeError, match=f"{field}: expected {expected}, got {bad!r}"):
        Config(**{field: bad})


def test_a_whole_number_will_do_for_a_float():
    assert Config(warmup=0, learning_rate=1).warmup == 0


def test_the_learning_rate_rises_then_falls():
    config = Config(steps=100, warmup=0.1)
    factors = [learning_rate_factor(step, config) for step in range(100)]
    assert factors[:10] == pytest.approx([0.1 * n for n in range(1, 11)])
    assert factors[10] == pytest.approx(1)
    assert all(later < earlier for earlier, later in pairwise(factors[10:]))
    assert 0 < factors[-1] < 0.02


def test_a_network_of_ones_own_needs_nothing_but_an_answer():
    """As notebook 03's: a plain chain of layers, which knows no judge."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.Conv2d(4, 2, 1))
    network.config = {"in_channels": 1, "out_channels": 2}
    config = Config(steps=10, batch_size=2, evaluate_every=10)
    colorizer = Colorizer(network, Regression())
    history = fit(colorizer, Marbles(size=16), config)
    assert history.loss[-1] < history.loss[0]
    rgb = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    film = FrameColorizer(colorizer)(rgb)
    assert np.array_equal(film, colorizer.colorize(rgb))
    with pytest.raises(ValueError, match="answers everywhere"):
        fit(colorizer, Marbles(size=16), replace(config, places=8))
