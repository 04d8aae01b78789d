"""The frame of every explorable: up to three controls, presets, a reset, a picture and a sentence."""

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import ipywidgets as widgets
import traitlets
from ipywidgets.widgets.widget_description import DescriptionWidget
from matplotlib.figure import Figure

from colorlab.plots import show
from colorlab.widgets.canvas import Canvas
from colorlab.widgets.caption import Caption
from colorlab.widgets.clickable import Clickable, Picture
from colorlab.widgets.turns import in_turn

MOST_CONTROLS = 3  # more would be more than one idea


Preset = Mapping[str, Any] | Callable[..., Mapping[str, Any]]


class Place(traitlets.HasTraits):
    """A part of the state without a control of its own: a click on the picture sets it."""

    value = traitlets.Any()

    def __init__(self, value: Any):
        super().__init__(value=value)


class Explorable(widgets.VBox):
    """Controls above a picture; move one and the picture answers.

    Works by keyboard: Tab reaches every control, the arrow keys move a slider, Enter presses a button.
    Below the picture stands what it shows in words, for those who cannot see it.

    Args:
        render: state -> Figure, pure; also the static twin in the next cell.
        describe: state -> one sentence with the numbers.
        controls: name of the state -> widget with a `value`, at most three; or a `Place`.
        presets: label of a button -> state it sets, or a function of the state. "Reset" is added: the first state.
        click: (label of the axes, x, y, **state) -> the part of the state that a click there changes, or a
            sentence that says why it changes nothing; x and y in the units of the axes, positional. It gives a
            picture that can be clicked.

    Attributes:
        state: the current values by name, readable and (through `set`) writable from Python.
        controls: the widgets by the name of their state.
        buttons: the presets and "Reset", by label.
        picture: the picture, PNG bytes in its `value`.
        caption: the sentence.
        refusal: why the last click changed nothing, below it; else empty.
    """

    def __init__(
        self,
        render: Callable[..., Figure],
        describe: Callable[..., str],
        controls: Mapping[str, widgets.ValueWidget | Place],
        presets: Mapping[str, Preset],
        click: Callable[..., Mapping[str, Any] | str] | None = None,
    ):
        seen = [control for control in controls.values() if isinstance(control, widgets.Widget)]
        if not 1 <= len(seen) <= MOST_CONTROLS:
            raise ValueError(f"controls: expected 1 to {MOST_CONTROLS}, got {len(seen)}")
        self._render, self._describe, self._click = render, describe, click
        self.controls = dict(controls)
        self._quiet = False
        self._canvas = Canvas()
        self.picture = Clickable() if click else Picture()
        self.picture.layout.max_width = "100%"
        self.picture.on_msg(self._received)
        self.caption, self.refusal = Caption(), Caption()
        self.buttons, self._start = {}, self.state
        for label, state in {**presets, "Reset": self._start}.items():
            self.buttons[label] = widgets.Button(description=label, layout=widgets.Layout(width="auto"))
            self.buttons[label].on_click(lambda _button, state=state: self.set(**self._asked(state)))
        for control in self.controls.values():
            if isinstance(control, DescriptionWidget):
                control.style.description_width = "initial"
                control.layout.width, control.layout.max_width = "32em", "100%"
            # observe, not interact: an error in a callback must reach the reader.
            control.observe(self._changed, names="value")
        row = widgets.HBox(list(self.buttons.values()), layout=widgets.Layout(flex_flow="row wrap"))
        super().__init__([*seen, row, self.picture, self.caption, self.refusal])
        self._draw()

    @property
    def state(self) -> dict[str, Any]:
        return {name: control.value for name, control in self.controls.items()}

    @in_turn()
    def set(self, **state: Any) -> None:
        """Move several controls at once and draw once."""
        self._quiet = True
        try:
            for name, value in state.items():
                self.controls[name].value = value
        finally:
            self._quiet = False
        self._draw()

    def _asked(self, preset: Preset) -> Mapping[str, Any]:
        return preset(**self.state) if callable(preset) else preset

    def twin(self, **state: Any) -> None:
        """Show another state as a plain picture, for pages that run no code: the widget's static twin.

        Raises:
            ValueError: the state that the widget begins with, which would show the same picture twice.
        """
        if self._start | state == self._start:
            raise ValueError(f"twin: the widget begins with {self._start}; show another state")
        state = self._start | state
        with in_turn():
            show(self._render(**state), alt=self._describe(**state))

    @in_turn()
    def click(self, x: float, y: float) -> None:
        """What a click does; x and y are fractions of the picture's width and height from the top left."""
        for axes in self._figure.axes:
            left, bottom, right, top = axes.bbox.extents / self._figure.bbox.extents[[2, 3, 2, 3]]
            if left <= x <= right and bottom <= 1 - y <= top:
                pixel = (x, 1 - y) * self._figure.bbox.extents[2:]
                place = axes.transData.inverted().transform(pixel)
                answer = self._click(axes.get_label(), *place, **self.state)
                self.set(**({} if isinstance(answer, str) else answer))
                self.refusal.value = escape(answer, quote=False) if isinstance(answer, str) else ""
                return
        self.refusal.value = ""  # beside all axes: no reason of before explains this

    def _received(self, _widget, message: Mapping[str, Any], _buffers) -> None:
        if "click" in message:
            self.click(*message["click"])

    @in_turn()
    def _changed(self, _change) -> None:
        if not self._quiet:
            self._draw()

    @in_turn()
    def _draw(self) -> None:
        self._figure = self._canvas.draw(self._render, **self.state)
        caption = self._describe(**self.state)
        self.picture.show(self._canvas.png(self._figure), caption)
        self.caption.value, self.refusal.value = escape(caption, quote=False), ""
