"""The live training panel: pictures come while the cell runs, and Stop is heard then, not afterwards."""

import pytest
from jupyter_page import Notebook, until, write_notebook

pytestmark = pytest.mark.slow

SENTENCE = ".jp-OutputArea-output [role=status]"  # below the panel's picture

CELL = """
import numpy as np

from colorlab.colorizer import Colorizer
from colorlab.objectives import Regression
from colorlab.toy import Marbles
from colorlab.config import Config
from colorlab.widgets.training_panel import TrainingPanel

marbles, objective = Marbles(seed=0), Regression()
names = ["first", "second"]
panel = TrainingPanel(
    {name: Colorizer.new(objective, width=4, depth=1) for name in names},
    marbles,
    Config(steps=steps, evaluate_every=10),
    shown=[np.full((24, 24, 3), 90, np.uint8)],
    floors=dict.fromkeys(names, marbles.floor(objective)),
    units=dict.fromkeys(names, "squared Lab units"),
)
display(panel)
histories = await panel.run()
"""


def test_stop_ends_the_training_at_work_and_keeps_it(page, lab):
    url, folder = lab
    write_notebook(folder / "panel.ipynb", f"steps = 20_000\n{CELL}")
    notebook = Notebook(page, url, "panel.ipynb")
    notebook.command("notebook:run-all-cells")
    image = page.locator(".jp-OutputArea-output img").first
    image.wait_for()
    for name in ("first", "second"):
        stop = page.get_by_role("button", name=f"Stop {name}, keep it")
        stop.wait_for()
        until(lambda name=name: name in page.locator(SENTENCE).inner_text(), f"{name} is not measured")
        stop.click()
    notebook.wait_idle(60)
    histories = notebook.ask("{n: [h.step[-1], h.interrupted, len(h.loss)] for n, h in histories.items()}")
    assert list(histories) == ["first", "second"]
    for last, interrupted, measured in histories.values():
        assert interrupted
        assert 0 < last < 20_000
        assert measured == last // 10 + 1
    assert "(stopped)" in page.locator(SENTENCE).inner_text()
    page.screenshot(path=folder / "panel.png")
    notebook.close()


def test_the_square_button_stops_everything_and_keeps_what_was_learnt(page, lab):
    url, folder = lab
    write_notebook(folder / "square.ipynb", f"steps = 20_000\n{CELL}")
    notebook = Notebook(page, url, "square.ipynb")
    notebook.command("notebook:run-all-cells")
    page.locator(SENTENCE).filter(has_text="first: step").wait_for()
    notebook.command("notebook:interrupt-kernel")
    notebook.wait_idle(60)
    step, interrupted = notebook.ask(
        "[panel.histories['first'].step[-1], panel.histories['first'].interrupted]"
    )
    assert interrupted
    assert 0 < step < 20_000
    assert "second" not in notebook.ask("list(panel.histories)")
    notebook.close()
