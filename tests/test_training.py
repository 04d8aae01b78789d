"""colorlab.training: the same seed gives the same curve, and a reader may interrupt at any time."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from colorlab.bins import ColorBins
from colorlab.colorizer import Colorizer
from colorlab.config import Config
from colorlab.data import Evaluation
from colorlab.networks.unet import UNet
from colorlab.objectives import Classification, Regression
from colorlab.toy import Marbles
from colorlab.training import fit, learning_rate_factor

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
