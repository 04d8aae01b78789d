"""Words that stand where they stood before are copied: to draw them is a tenth to a third of drawing a figure."""

from collections import OrderedDict

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg

MOST = 100  # words that are remembered: one takes up to 40 KB, a figure has up to 40


class WordsKept(RendererAgg):
    """Agg, which draws every letter of every figure anew. Here words are drawn once on paper of their own, and laid
    as a picture wherever the same words stand at the same place again."""

    def __init__(self, width: float, height: float, dpi: float):
        super().__init__(width, height, dpi)
        self._paper = RendererAgg(width, height, dpi)
        self._words: OrderedDict[tuple, tuple[int, int, np.ndarray]] = OrderedDict()

    def draw_text(self, gc, x, y, s, prop, angle, ismath=False, mtext=None) -> None:
        if gc.get_alpha() != 1 or gc.get_clip_rectangle() is not None or gc.get_clip_path()[0] is not None:
            super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)
            return
        word = (s, x, y, hash(prop), angle, ismath, gc.get_rgb(), gc.get_antialiased())
        if word not in self._words:
            self._paper.clear()
            self._paper.draw_text(gc, x, y, s, prop, angle, ismath, mtext)
            self._words[word] = _inked(np.asarray(self._paper.buffer_rgba()))
            if len(self._words) > MOST:
                self._words.popitem(last=False)  # seen longest ago
        self._words.move_to_end(word)
        left, bottom, pixels = self._words[word]
        self.draw_image(gc, left, bottom, pixels)


def _inked(pixels: np.ndarray) -> tuple[int, int, np.ndarray]:
    """(from the left, from below, the part of the paper that is not bare, its lowest row first)."""
    inked = pixels[..., 3] > 0
    rows = inked.any(1).nonzero()[0]
    if not len(rows):  # blanks, or words beyond the paper
        return 0, 0, np.zeros((1, 1, 4), np.uint8)
    columns = inked[rows[0] : rows[-1] + 1].any(0).nonzero()[0]
    inside = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return int(columns[0]), len(pixels) - 1 - int(rows[-1]), inside[::-1].copy()


class WordsKeptCanvas(FigureCanvasAgg):
    """A canvas whose renderer keeps words."""

    def get_renderer(self) -> WordsKept:
        usual = super().get_renderer()  # a new one where the size has changed
        if not isinstance(usual, WordsKept):
            self.renderer = WordsKept(usual.width, usual.height, usual.dpi)
        return self.renderer
