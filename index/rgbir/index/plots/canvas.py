"""Figures without a display, colours that stay apart for most eyes, and what is drawn with nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

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


def draw_cmc(runs: Mapping[str, Sequence[float]], file: Path, title: str = "", ranks: int = 20) -> None:
    """Each run's curve, shares in 0..1 by rank from 1, up to rank `ranks`; its rank-1 stands in the legend."""
    figure, axes = canvas()
    for number, (name, curve) in enumerate(runs.items()):
        shown = [100 * value for value in curve[:ranks]]
        places = range(1, len(shown) + 1)
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(places, shown, color=colour, marker="o", markersize=3, label=f"{name}: {shown[0]:.2f}")
    axes.set(xlabel="rank", ylabel="found, % of the queries", title=title, ylim=(0, 102))
    axes.set_xticks([1, *range(5, ranks + 1, 5)])
    axes.grid(alpha=0.25)
    axes.legend(title="rank-1", loc="lower right", frameon=False)
    save(figure, file)


def draw_distances(same: NDArray[np.float64], different: NDArray[np.float64], file: Path, label: str) -> None:
    """Both distributions, each with area 1, and their medians.

    Args:
        same, different: float64 (n,) and (m,), the distances of pairs of one person, and of two.
        label: names the distance.
    """
    figure, axes = canvas()
    low, high = (float(value) for value in np.quantile(np.concatenate([same, different]), [0.0, 0.999]))
    bins = np.linspace(low, high, 81)
    for values, colour, name in ((same, RIGHT, "same person"), (different, WRONG, "different people")):
        axes.hist(values, bins.tolist(), density=True, alpha=0.5, color=colour, label=f"{name}, {len(values):,} pairs")
        axes.axvline(float(np.median(values)), color=colour, linestyle="--", linewidth=1)
    axes.set(xlabel=label, yticks=[], title="query to gallery; dashed: medians")
    axes.spines["left"].set_visible(False)
    axes.legend(frameon=False)
    save(figure, file)
