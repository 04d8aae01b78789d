"""colorlab.widgets.words: what is copied looks as what matplotlib draws."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from colorlab.widgets import words
from colorlab.widgets.words import WordsKeptCanvas

WORDS = [
    {"s": "plain", "x": 0.1, "y": 0.2},
    {"s": "turned, L\u2009=\u200950", "x": 0.5, "y": 0.1, "rotation": 60, "color": "tab:red"},
    {"s": r"$\sigma = 5$", "x": 0.1, "y": 0.6, "fontsize": 14},
    {"s": "half seen", "x": 0.6, "y": 0.7, "alpha": 0.5},
    {"s": "cut off at the edge", "x": 0.8, "y": 0.9},
    {"s": "outside", "x": 3, "y": 3},
    {"s": " ", "x": 0.5, "y": 0.5},
]


def figure(*texts):
    made = Figure(figsize=(3, 2), facecolor="none")
    made.add_axes((0, 0, 1, 1), facecolor="lightblue").axis("off")
    for text in texts:
        made.axes[0].text(**text)
    return made


def pixels(canvas):
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).astype(int)


@pytest.mark.parametrize("text", WORDS, ids=[text["s"] for text in WORDS])
def test_words_look_the_same_the_first_the_second_and_the_third_time(text):
    usual, kept = pixels(FigureCanvasAgg(figure(text))), WordsKeptCanvas(figure(text))
    for _ in range(3):
        assert np.abs(pixels(kept) - usual).max() <= 1
    assert np.array_equal(pixels(kept), pixels(WordsKeptCanvas(figure(text))))  # no other the first time


def test_the_paper_has_the_size_that_matplotlib_gives_it():
    made = Figure(figsize=(9.2, 4.1))  # 100 times 9.2 is a hair less than 920
    usual = FigureCanvasAgg(made).get_renderer()
    kept = WordsKeptCanvas(made).get_renderer()
    assert (kept.width, kept.height) == (usual.width, usual.height) == (920, 410)


def test_words_that_are_cut_off_by_their_axes_stay_cut_off():
    made = figure({"s": "half of this", "x": 0.5, "y": 0.5, "clip_on": True})
    made.axes[0].set_position((0, 0, 0.6, 1))
    made.axes[0].texts[0].set_position((0.7, 0.5))
    usual, kept = pixels(FigureCanvasAgg(made)), WordsKeptCanvas(made)
    for _ in range(3):
        assert np.abs(pixels(kept) - usual).max() <= 1


def test_words_that_change_are_drawn_as_they_are_now():
    made = figure(WORDS[0])
    kept = WordsKeptCanvas(made)
    text = made.axes[0].texts[0]
    for change in ({"text": "other"}, {"x": 0.3}, {"color": "green"}, {"fontsize": 20}, {"rotation": 10}):
        for _ in range(3):
            before = pixels(kept)
        text.set(**change)
        after = pixels(kept)
        assert not np.array_equal(after, before), change
        assert np.abs(after - pixels(FigureCanvasAgg(made))).max() <= 1, change
        made.set_canvas(kept)


def test_no_more_words_are_remembered_than_a_figure_can_need(monkeypatch):
    monkeypatch.setattr(words, "MOST", 20)
    made = figure(WORDS[0])
    kept = WordsKeptCanvas(made)
    for number in range(100):
        made.axes[0].texts[0].set_text(f"{number}")
        kept.draw()
        assert len(kept.renderer._words) <= 20
