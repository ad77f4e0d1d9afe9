"""Figures without a display, and colours that stay apart for most eyes."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rgbir.index.files import beside

# Okabe & Ito, "Color Universal Design", 2008.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#f0e442")
RIGHT, WRONG = "#009e73", "#d55e00"


def canvas(width: float = 6.4, height: float = 4.4) -> tuple[Figure, Axes]:
    """A figure with one plain axis; inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save(figure: Figure, file: Path) -> None:
    with beside(file) as new:
        figure.savefig(new, dpi=150, metadata={"Software": None})
