"""Ranked lists as papers show them: the query at the left, its hits in order, framed by whether they are right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rgbir.index.datasets.records import ImageRecord
from rgbir.index.images import decode, pixels, read_bytes
from rgbir.index.plots.canvas import RIGHT, WRONG, save

SIZE = (160, 64)


def draw_sheet(rows: Sequence[tuple[ImageRecord, Sequence[tuple[ImageRecord, float]]]], file: Path) -> None:
    """A row for each query: the query, then its hits with camera and distance; green is the query's person."""
    longest = max(len(hits) for _, hits in rows)
    figure = Figure(figsize=(0.85 * (longest + 1.4), 2.3 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), longest + 1, squeeze=False)
    for line, (query, hits) in zip(grid, rows, strict=True):
        _show(line[0], query, f"camera {query.camera}\nperson {query.identity}", "black")
        for axes in line[1:]:
            axes.axis("off")
        for axes, (hit, distance) in zip(line[1:], hits, strict=False):
            right = hit.identity is not None and hit.identity == query.identity
            _show(axes, hit, f"camera {hit.camera}\n{distance:.2f}", RIGHT if right else WRONG)
    save(figure, file)


def _show(axes: Axes, record: ImageRecord, text: str, colour: str) -> None:
    image = pixels(decode(read_bytes(record.path), str(record.path)), *SIZE)
    axes.axis("on")
    axes.imshow(np.asarray(image))
    axes.set(xticks=[], yticks=[])
    axes.set_title(text, fontsize=7)
    for spine in axes.spines.values():
        spine.set(visible=True, color=colour, linewidth=3)
