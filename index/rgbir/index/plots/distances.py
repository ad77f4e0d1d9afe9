"""How far the same person's images lie from each other, and different people's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rgbir.index.plots.canvas import RIGHT, WRONG, canvas, save


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
