"""CMC curves of several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rgbir.index.plots.canvas import COLOURS, canvas, save


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
