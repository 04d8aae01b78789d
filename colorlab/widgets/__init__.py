"""Explorables: one idea each, a pure `render_…(state) -> Figure` and a widget over it."""

from colorlab.widgets.explorable import Explorable

__all__ = ["Explorable"]
