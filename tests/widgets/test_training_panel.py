"""The live training panel trains as `fit` does, stops when told, and keeps what was learnt."""

import asyncio

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from colorlab.colorizer import Colorizer
from colorlab.config import Config, History
from colorlab.objectives import Regression
from colorlab.toy import Marbles
from colorlab.training import fit, measurements
from colorlab.widgets.training_panel import TrainingPanel, describe_training

CONFIG = Config(steps=6, evaluate_every=2, batch_size=4)


def new_panel(config=CONFIG) -> TrainingPanel:
    marbles = Marbles(size=16, seed=0)
    colorizers = {name: Colorizer.new(Regression(), width=4, depth=1) for name in ("one", "two")}
    floors = dict.fromkeys(colorizers, marbles.floor(Regression()))
    shown = [np.full((20, 24, 3), grey, np.uint8) for grey in (60, 180)]
    return TrainingPanel(
        colorizers, marbles, config, shown, floors, dict.fromkeys(colorizers, "squared Lab units")
    )


def test_a_training_in_the_panel_is_that_of_fit():
    panel = new_panel()
    histories = asyncio.run(panel.run())
    alone = Colorizer.new(Regression(), width=4, depth=1)
    history = fit(alone, Marbles(size=16, seed=0), CONFIG)
    assert histories["one"].loss == histories["two"].loss == history.loss
    for weights in zip(alone.network.parameters(), panel.colorizers["two"].network.parameters(), strict=True):
        assert torch.equal(*weights)
    assert panel.progress.value == panel.progress.max == 12
    assert panel.stop_button.disabled


@pytest.mark.slow
def test_stop_ends_one_training_at_its_next_measurement_and_the_next_begins():
    panel, states = new_panel(), []
    describe = panel._draw

    def press_once() -> None:
        states.append(list(panel.histories))
        if panel.histories["one"].step[-1] == 0:
            panel.stop_button.click()
        describe()

    panel._draw = press_once
    histories = asyncio.run(panel.run())
    assert histories["one"].interrupted and histories["one"].step == [0]
    assert not histories["two"].interrupted and histories["two"].step == [0, 2, 4, 6]
    assert "one: step 0" in describe_training(histories) and "(stopped)" in panel.status.value


@pytest.mark.slow
def test_a_second_press_does_not_stop_the_next_training():
    panel, pressed = new_panel(Config(steps=40, evaluate_every=2, batch_size=4)), []

    async def twice():
        task = asyncio.ensure_future(panel.run())
        while panel.stop_button.disabled:
            await asyncio.sleep(0)
        for _ in range(2):  # a browser sends no press of a button that is disabled
            pressed.append(not panel.stop_button.disabled)
            if pressed[-1]:
                panel.stop_button.click()
        return await task

    histories = asyncio.run(twice())
    assert pressed == [True, False]
    assert histories["one"].interrupted
    assert not histories["two"].interrupted
    assert "Stopping" not in panel.status.value


def test_photographs_of_several_heights_are_refused():
    with pytest.raises(ValueError, match=r"one height, got \[20, 30\]"):
        TrainingPanel({}, None, CONFIG, [np.zeros((h, 9, 3), np.uint8) for h in (20, 30)], {}, {})


def test_an_interrupt_stops_everything_and_keeps_what_was_learnt():
    panel = new_panel(Config(steps=100_000, evaluate_every=2, batch_size=4))

    async def interrupted():
        task = asyncio.ensure_future(panel.run())
        while not panel.histories.get("one", None) or panel.histories["one"].step[-1] < 4:
            await asyncio.sleep(0.01)
        task.cancel()
        return await task

    histories = asyncio.run(interrupted())
    assert list(histories) == ["one"]
    assert histories["one"].interrupted and 4 <= histories["one"].step[-1] < 100_000


def test_an_error_in_a_training_reaches_the_reader():
    panel = new_panel()
    torch.nn.init.constant_(panel.colorizers["one"].network.head.weight, torch.nan)
    with pytest.raises(FloatingPointError, match="the loss became nan at step 0"):
        asyncio.run(panel.run())


@pytest.mark.slow
def test_the_static_twin_shows_losses_floors_and_pictures():
    panel = new_panel()
    asyncio.run(panel.run())
    figure = panel.figure("A finding")
    assert isinstance(figure, Figure)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles[0].startswith("one: ") and titles[-1] == "Ground truth" and len(titles) == 6
    assert describe_training({}) == "Nothing measured yet."


def test_whoever_asks_for_measurements_decides_when_it_is_enough():
    history, colorizer = History(), Colorizer.new(Regression(), width=4, depth=1)
    training = measurements(colorizer, Marbles(size=16), CONFIG, history)
    assert [next(training), next(training), next(training)] == [0, 2, 4]
    training.close()
    assert history.interrupted and history.step == [0, 2, 4]
    assert not colorizer.network.training


def test_an_interrupt_while_looking_ends_fit_and_keeps_what_was_learnt(capsys):
    def interrupt(step, colorizer, history):
        if step == 4:
            raise KeyboardInterrupt

    history = fit(Colorizer.new(Regression(), width=4, depth=1), Marbles(size=16), CONFIG, interrupt)
    assert history.interrupted and history.step == [0, 2, 4]
    assert "Interrupted after 4 of 6 steps" in capsys.readouterr().out


def test_an_interrupt_before_anything_was_learnt_goes_through():
    class Unwilling(Marbles):
        def evaluation(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(Colorizer.new(Regression(), width=4, depth=1), Unwilling(size=16), CONFIG)


def test_two_objectives_begin_with_one_trunk():
    first, second, third = (Colorizer.new(Regression(), depth=1, seed=seed).network for seed in (0, 0, 1))
    same = [torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True)]
    other = [torch.equal(a, b) for a, b in zip(first.parameters(), third.parameters(), strict=True)]
    assert all(same) and not all(other)
