"""Indexes of whole cameras beside the slabs: compressed ones, which may miss, and those on a GPU, which don't.

A sketch proposes rows; their keys are computed as ever, so what it finds is ordered exactly. Rows that came after it was made
are searched in their slabs. A removal throws the camera's sketch away.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import GalleryError, UsageError
from rgbir.index.metric import Metric
from rgbir.index.nearest.codes import Candidates
from rgbir.index.nearest.slabs import Rows, Slab

_log = logging.getLogger(__name__)
WORTH_A_SKETCH, ASKED_BEFORE_SKETCHES = 4_096, 8
"""A camera of so many rows gets a sketch once the gallery was searched so often; below, its slabs are as quick."""
_TRAINED_ON, _STALE = 65_536, 0.1
MOST_WIDTH = 4_096


class Kind(StrEnum):
    """How a gallery is searched. EXACT is brute force by certificate; the others may miss, and say so in each answer.

    PQ: 4-bit product quantisation, FastScan (d/16 bytes a row). RABITQ: one bit a value. HNSW: a graph over 8-bit codes.
    IVF: inverted lists of whole embeddings.
    """

    EXACT = "exact"
    PQ = "pq"
    RABITQ = "rabitq"
    HNSW = "hnsw"
    IVF = "ivf"


@dataclass(frozen=True, slots=True)
class Choice:
    """How to search.

    Attributes:
        kind: exactly, or by which sketch.
        width: rows that a sketch proposes for the exact ranking.
        recall: what an audit must find, or width grows; 0 to 1.

    Raises:
        UsageError: a value out of its range.
    """

    kind: Kind = Kind.EXACT
    width: int = 128
    recall: float = 0.99

    def __post_init__(self) -> None:
        if not 1 <= self.width <= MOST_WIDTH:
            raise UsageError(f"width is between 1 and {MOST_WIDTH:,} rows, not {self.width}")
        if not 0 < self.recall <= 1:
            raise UsageError(f"recall is above 0 and at most 1, not {self.recall}")

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        values = json.loads(text)
        return cls(**{**values, "kind": Kind(values.get("kind", Kind.EXACT))})


class Device(Protocol):
    """Where indexes can be placed."""

    half: bool

    def place(self, index: Any) -> Any: ...

    def take(self, size: int) -> bool:
        """Reserves bytes; False if there are not so many."""
        ...

    def give(self, size: int) -> None:
        """Takes them back."""
        ...


class Sketch(Protocol):
    """An index of a camera's rows up to `last`. exact: its candidates come with a certificate."""

    last: int
    exact: bool

    def __len__(self) -> int: ...

    def scan(self, query: NDArray[np.float32], width: int) -> Candidates:
        """Candidates for a query (d,), whose places are row numbers.

        `lower` of a sketch that may miss only tells which it finds nearer.
        """
        ...


class Compressed:
    """A sketch of one of the kinds that may miss. Promises nothing of the rows that it doesn't propose."""

    exact = False
    _written: int | None = None
    """Bytes of what is on a device now, which FAISS can't write from there."""

    def __init__(self, choice: Choice, metric: Metric, slabs: Sequence[Slab], device: Device | None = None) -> None:
        import faiss

        self.choice, self.metric = choice, metric
        self.rows: Rows = np.concatenate([slab.rows for slab in slabs])
        self.last = int(self.rows[-1])
        dimension = slabs[0].stored.shape[1]
        self._index: Any = faiss.index_factory(
            dimension, factory(choice.kind, dimension, len(self.rows)), kind_of(metric)
        )
        parts: tuple[Any, ...] = (self._index, getattr(self._index, "pq", None))
        for part in parts:
            if hasattr(part, "cp"):
                part.cp.min_points_per_centroid = 1  # small cameras are clustered without a word
        step = max(1, -(-len(self.rows) // _TRAINED_ON))
        self._index.train(np.concatenate([_floats(slab.vectors[::step]) for slab in slabs]))
        for slab in slabs:
            self._index.add(_floats(slab.vectors))
        if choice.kind is Kind.IVF:
            index: Any = self._index
            index.nprobe = max(1, index.nlist // 16)
            if device is not None:
                self._written = self.bytes
                self._index = device.place(self._index)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def bytes(self) -> int:
        """As FAISS would write it."""
        import faiss

        return self._written or int(faiss.serialize_index(self._index).nbytes)

    def scan(self, query: NDArray[np.float32], width: int) -> Candidates:
        """Candidates for a query (d,), in the order of their compressed distances."""
        import faiss

        parameters: Any = None
        if self.choice.kind is Kind.HNSW:
            parameters = faiss.SearchParametersHNSW(efSearch=max(64, width))  # type: ignore[attr-defined]
        values, places = self._index.search(query[None], min(width, len(self)), params=parameters)
        there = places[0] >= 0
        near = values[0] if self.metric is Metric.EUCLIDEAN else -values[0]
        return Candidates(self.rows[places[0][there]], near[there].astype(np.float64), np.inf)


def factory(kind: Kind, dimension: int, rows: int) -> str:
    """FAISS's name of a kind.

    Raises:
        UsageError: PQ of a dimension that can't be cut into pieces.
    """
    match kind:
        case Kind.PQ:
            pieces = next((m for m in range(max(dimension // 8, 1), 0, -1) if dimension % m == 0), 1)
            if pieces < 2 and dimension > 8:
                raise UsageError(f"{dimension} values can't be cut into equal pieces for pq; choose another kind")
            return f"PQ{pieces}x4fs"
        case Kind.RABITQ:
            return "RaBitQ"
        case Kind.HNSW:
            return "HNSW32,SQ8"
        case Kind.IVF:
            return f"IVF{max(1, int(4 * rows**0.5) // 4)},Flat"
        case Kind.EXACT:
            raise UsageError("exact search has no sketch")


def kind_of(metric: Metric) -> int:
    import faiss

    return int(faiss.METRIC_L2 if metric is Metric.EUCLIDEAN else faiss.METRIC_INNER_PRODUCT)


def _floats(vectors: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    return np.ascontiguousarray(vectors, np.float32)


def worth_a_sketch(slabs: Sequence[Slab]) -> bool:
    """Whether a camera has so many rows that its slabs aren't as quick."""
    return sum(map(len, slabs)) >= WORTH_A_SKETCH


class Workshop:
    """Makes sketches of the cameras of a view, one at a time beside the searches, and keeps those that still hold."""

    def __init__(self, make: Maker) -> None:
        self.make = make
        self._sketches: dict[str, tuple[Sketch, int]] = {}
        self._without: dict[str, int] = {}  # cameras that found no room, and the rows they had
        self._asked = 0
        self.refused: GalleryError | None = None
        self._busy = threading.Lock()
        self._thread: threading.Thread | None = None

    def at_hand(self, cameras: Mapping[str, tuple[Slab, ...]]) -> dict[str, Sketch]:
        """Of the cameras that have one, and none of whose rows was removed since; asks for what is missing or stale."""
        hold, wanted = {}, []
        for camera, slabs in cameras.items():
            rows = sum(map(len, slabs))
            sketch, covered = self._sketches.get(camera, (None, 0))
            if sketch is not None and _covered(slabs, sketch.last) == covered:
                hold[camera] = sketch
            stale = camera not in hold or rows - covered > _STALE * rows
            if worth_a_sketch(slabs) and stale and self._without.get(camera) != rows:
                wanted.append((camera, slabs))
        self._asked += 1
        if (
            wanted
            and self.refused is None
            and self._asked >= ASKED_BEFORE_SKETCHES
            and self._busy.acquire(blocking=False)
        ):
            self._thread = threading.Thread(target=self._work, args=(wanted,), name="sketch", daemon=True)
            self._thread.start()
        return hold

    def forget(self, cameras: Sequence[str]) -> None:
        """Throws their sketches away; what they held of removed rows goes with them."""
        gone = [self._sketches.pop(camera, None) for camera in cameras]
        if any(sketch is not None for sketch in gone):
            self._without.clear()  # there may be room again

    def wait(self) -> None:
        """Until nothing is being made."""
        if self._thread is not None:
            self._thread.join()

    def _work(self, wanted: Sequence[tuple[str, tuple[Slab, ...]]]) -> None:
        try:
            for camera, slabs in wanted:
                try:
                    sketch = self.make(slabs)
                    if sketch is None and self._sketches.pop(camera, None) is not None:
                        sketch = self.make(slabs)  # into the room of the one before
                except GalleryError as error:
                    _log.error("%s", error)
                    self.refused = error.with_traceback(None)  # whose frames hold what the device was given
                    return
                if sketch is None:
                    self._without[camera] = sum(map(len, slabs))
                else:
                    self._sketches[camera] = (sketch, len(sketch))
        finally:
            self._busy.release()


class Maker(Protocol):
    def __call__(self, slabs: Sequence[Slab]) -> Sketch | None: ...


def _covered(slabs: Sequence[Slab], last: int) -> int:
    """Rows up to that one; -1 where it isn't among them.

    Row numbers rise as rows come. So a sketch that ends with a row of these slabs has no row which came after their state, and
    with as many rows as they have up to there it has the same.
    """
    counts = [(slab, int(np.searchsorted(slab.rows, last, side="right"))) for slab in slabs]
    there = any(count and slab.rows[count - 1] == last for slab, count in counts)
    return sum(count for _, count in counts) if there else -1
