"""What a widget of our own shows, held in a plain model of ipywidgets.

anywidget gives a browser two seconds to load a widget's code. If it takes longer, on a busy machine or in a long
notebook, the widget appears all the same, but nothing that Python says afterwards reaches it: its picture stays
empty, its sliders move nothing. Plain models wait for as long as it takes. So what changes lies in one of them, and
the widget's code reads it there: `model.get("held")` names it.
"""

import anywidget
import ipywidgets as widgets
import traitlets


class Held(widgets.Widget):
    """A value, and words about it; the browser keeps both and shows nothing by itself."""

    value = traitlets.Union([traitlets.Unicode(), traitlets.Bytes()]).tag(sync=True)
    description = traitlets.Unicode().tag(sync=True)


class Showing(anywidget.AnyWidget):
    """A widget that shows what it holds.

    Attributes:
        value: what is shown, text or bytes.
        description: what is to be seen, for readers who cannot.
    """

    held = traitlets.Instance(Held).tag(sync=True, **widgets.widget_serialization)

    def __init__(self, value: str | bytes, description: str = "", **options):
        super().__init__(held=Held(value=value, description=description), **options)

    def show(self, value: str | bytes, description: str) -> None:
        """Both at once, in one message."""
        with self.held.hold_sync():
            self.held.value, self.held.description = value, description

    @property
    def value(self):
        return self.held.value

    @value.setter
    def value(self, value):
        self.held.value = value

    @property
    def description(self) -> str:
        return self.held.description

    @description.setter
    def description(self, description: str) -> None:
        self.held.description = description
