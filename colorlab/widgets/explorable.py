"""The frame of every explorable: up to three controls, presets, a reset, a picture and a sentence."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ipywidgets as widgets
import torch
from matplotlib.figure import Figure

from colorlab.plots import to_bytes

MOST_CONTROLS = 3  # more would be more than one idea


class Explorable(widgets.VBox):
    """Controls above a picture; move one and the picture answers.

    Works by keyboard: Tab reaches every control, the arrow keys move a slider, Enter presses a button.
    Below the picture stands what it shows in words, for those who cannot see it.

    Args:
        render: state -> Figure, pure; also the static twin in the next cell.
        describe: state -> one sentence with the numbers.
        controls: name of the state -> widget with a `value`, at most three.
        presets: label of a button -> state it sets. "Reset" is added: the state at the start.

    Attributes:
        state: the current values by name, readable and (through `set`) writable from Python.
    """

    def __init__(
        self,
        render: Callable[..., Figure],
        describe: Callable[..., str],
        controls: Mapping[str, widgets.ValueWidget],
        presets: Mapping[str, Mapping[str, Any]],
    ):
        if not 1 <= len(controls) <= MOST_CONTROLS:
            raise ValueError(f"controls: expected 1 to {MOST_CONTROLS}, got {len(controls)}")
        self._render, self._describe, self._controls = render, describe, dict(controls)
        self._quiet = False
        self.picture = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        self.caption = widgets.HTML()
        buttons = []
        for label, state in {**presets, "Reset": self.state}.items():
            button = widgets.Button(description=label, layout=widgets.Layout(width="auto"))
            button.on_click(lambda _button, state=dict(state): self.set(**state))
            buttons.append(button)
        for control in self._controls.values():
            control.style.description_width = "initial"
            control.layout.width, control.layout.max_width = "32em", "100%"
            # observe, not interact: an error in a callback must reach the reader.
            control.observe(self._changed, names="value")
        row = widgets.HBox(buttons, layout=widgets.Layout(flex_flow="row wrap"))
        super().__init__([*self._controls.values(), row, self.picture, self.caption])
        self._draw()

    @property
    def state(self) -> dict[str, Any]:
        return {name: control.value for name, control in self._controls.items()}

    def set(self, **state: Any) -> None:
        """Move several controls at once and draw once."""
        self._quiet = True
        try:
            for name, value in state.items():
                self._controls[name].value = value
        finally:
            self._quiet = False
        self._draw()

    def _changed(self, _change) -> None:
        if not self._quiet:
            self._draw()

    def _draw(self) -> None:
        with one_thread():
            self.picture.value = to_bytes(self._render(**self.state))
            self.caption.value = self._describe(**self.state)


@contextmanager
def one_thread() -> Iterator[None]:
    """Small tensors on a busy laptop: two threads wait for each other far longer than they work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
