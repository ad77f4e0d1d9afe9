"""Which index suits this gallery? Recall, time and memory on its own embeddings, measured beside exact search."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import UsageError
from rgbir.index.nearest.approximate import sketch_all
from rgbir.index.nearest.rows import Nearest
from rgbir.index.nearest.sketches import MOST_WIDTH, WORTH_A_SKETCH, Choice, Compressed, Kind, Sketch, worth_a_sketch
from rgbir.index.nearest.slabs import Filter
from rgbir.index.nearest.view import View
from rgbir.index.progress import Progress, silent

WORTH_MISSING = 1.5
"""How many times as fast as exact search an index must be to be recommended."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One way to search.

    Attributes:
        choice: with the recall that was to be reached.
        recall: what was measured, 0 to 1.
        milliseconds: the median of a query.
        bytes: that it needs beside the embeddings.
        build_s: seconds that making it took.
    """

    choice: Choice
    recall: float
    milliseconds: float
    bytes: int
    build_s: float

    def to_dict(self) -> dict[str, object]:
        return {
            "kind": self.choice.kind,
            "width": self.choice.width,
            "target": self.choice.recall,
            "recall": self.recall,
            "milliseconds": self.milliseconds,
            "bytes": self.bytes,
            "build_s": self.build_s,
        }


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was measured, and what it advises.

    Attributes:
        measured: exact search first.
        rows: how many sightings it was measured on.
        advice: the way to search.
        reason: why, in words.
    """

    measured: tuple[Measured, ...]
    rows: int
    advice: Choice
    reason: str


def tune(
    view: View,
    kinds: Sequence[Kind] = (Kind.PQ, Kind.RABITQ, Kind.HNSW),
    *,
    queries: int = 100,
    top_k: int = 10,
    recall: float = 0.99,
    most_rows: int = 100_000,
    progress: Progress = silent,
) -> Tuning:
    """Searches a gallery's view for some of its own sightings in the other cameras, exactly and by each kind.

    Each kind's width is doubled until its recall@top_k is reached. Cameras are taken whole until there are `most_rows` rows.

    Cameras that a gallery would make no index of are searched exactly, as it would.

    Raises:
        UsageError: too few sightings to measure anything.
    """
    view = _part(view, most_rows)
    if view.sightings < 1000:
        raise UsageError(f"{view.sightings:,} sightings are searched exactly in no time; tune from 1,000 on")
    asked = list(_asked(view, queries))
    for slab in view.slabs(view.cameras):
        if not slab.coded:
            slab.code()
    truth, exact_ms = _run(asked, partial(_in_sketches, view, {}, top_k, 0))
    codes = sum(slab.stored.size for slab in view.slabs(view.cameras))
    measured = [Measured(Choice(), 1.0, exact_ms, codes, 0.0)]
    progress(1)
    if not any(worth_a_sketch(slabs) for slabs in view.cameras.values()):
        reason = (
            f"no camera has {WORTH_A_SKETCH:,} sightings, below which a gallery is searched exactly whatever is chosen"
        )
        return Tuning(tuple(measured), view.sightings, Choice(), reason)
    for kind in kinds:
        measured.append(_measure(view, asked, truth, Choice(kind, recall=recall), top_k))
        progress(1)
    return Tuning(tuple(measured), view.sightings, *_advice(measured, recall))


def _part(view: View, most_rows: int) -> View:
    cameras, rows = {}, 0
    for camera, slabs in view.cameras.items():
        if rows < most_rows:
            cameras[camera] = slabs
            rows += sum(map(len, slabs))
    return View(view.metric, view.mark, cameras)


def _asked(view: View, queries: int) -> Iterator[tuple[NDArray[np.float32], list[str]]]:
    """A row, and the cameras to search for it: the others, or its own if there is no other."""
    generator = np.random.default_rng(0)
    names = list(view.cameras)
    for _ in range(queries):
        camera = names[generator.integers(0, len(names))]
        slab = view.cameras[camera][generator.integers(0, len(view.cameras[camera]))]
        row = np.asarray(slab.vectors[generator.integers(0, len(slab))], np.float32)
        yield row, [name for name in names if name != camera] or names


def _run(
    asked: Sequence[tuple[NDArray[np.float32], list[str]]],
    search: Callable[[NDArray[np.float32], list[str]], list[tuple[float, int]]],
) -> tuple[list[list[int]], float]:
    """The rows found for each query, and the median milliseconds."""
    rows, taken = [], []
    for query, cameras in asked:
        started = time.perf_counter()
        rows.append([row for _, row in search(query, cameras)])
        taken.append((time.perf_counter() - started) * 1000)
    return rows, float(np.median(taken))


def _measure(
    view: View,
    asked: Sequence[tuple[NDArray[np.float32], list[str]]],
    truth: Sequence[Sequence[int]],
    choice: Choice,
    top_k: int,
) -> Measured:
    started = time.perf_counter()
    sketches = sketch_all(choice, view.metric, view.cameras)
    build_s = time.perf_counter() - started
    size = sum(sketch.bytes for sketch in sketches.values() if isinstance(sketch, Compressed))
    width = 32
    while True:
        answers, milliseconds = _run(asked, partial(_in_sketches, view, sketches, top_k, width))
        pairs = list(zip(answers, truth, strict=True))
        reached = float(np.mean([len(set(rows) & set(true)) / len(true) for rows, true in pairs if true]))
        if reached >= choice.recall or 2 * width > MOST_WIDTH:
            return Measured(Choice(choice.kind, width, choice.recall), reached, milliseconds, size, build_s)
        width *= 2


def _in_sketches(
    view: View, sketches: Mapping[str, Sketch], top_k: int, width: int, query: NDArray[np.float32], cameras: list[str]
) -> Nearest:
    return view.nearest(query, cameras, Filter(), top_k, sketches, width)


def _advice(measured: Sequence[Measured], recall: float) -> tuple[Choice, str]:
    exact, others = measured[0], measured[1:]
    enough = [other for other in others if other.recall >= recall]
    best = min(enough, key=lambda other: other.milliseconds, default=None)
    if best is None:
        return Choice(), f"no kind reaches a recall of {recall:g}"
    gain = exact.milliseconds / best.milliseconds
    if gain < WORTH_MISSING:
        return Choice(), f"{best.choice.kind} is {gain:.1f} times as fast as exact search: not worth what it may miss"
    return (
        best.choice,
        f"{best.choice.kind} is {gain:.1f} times as fast as exact search, with a recall of {best.recall:.4f}",
    )
