"""Searches in sketches: what was chosen, what is at hand, and the audit of what may miss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rgbir.index.metric import Metric
from rgbir.index.nearest.devices import OnDevice, on
from rgbir.index.nearest.recall import Audit
from rgbir.index.nearest.rows import Nearest
from rgbir.index.nearest.sketches import Choice, Compressed, Device, Kind, Sketch, Workshop, worth_a_sketch
from rgbir.index.nearest.slabs import Filter, Slab
from rgbir.index.nearest.view import View

Exactly = Callable[[View, NDArray[np.float32], Sequence[str], int], Nearest]


@dataclass(frozen=True, slots=True)
class Found:
    """What answers.

    Attributes:
        rows: (key, row) pairs in order.
        exact: whether they are brute force's.
    """

    rows: Nearest
    exact: bool = True


class Approximate:
    """A gallery's sketches. Without a choice and a device there are none.

    Args:
        exactly: asks again what an audit compares with.
    """

    def __init__(self, exactly: Exactly, device: Device | None = None) -> None:
        self.device = device
        self.audit = Audit(Choice())
        self._exactly = exactly
        self._chosen: Choice | None = None
        self._workshop: Workshop | None = None
        self._auditor = ThreadPoolExecutor(1, "audit")

    def choose(self, choice: Choice, metric: Metric) -> None:
        """Makes it so; nothing happens where it is so already."""
        if choice == self._chosen:
            return
        self._chosen, self.audit, self._workshop = choice, Audit(choice), None
        if choice.kind is not Kind.EXACT:
            self._workshop = Workshop(lambda slabs: Compressed(choice, metric, slabs, self.device))
        elif (device := self.device) is not None:
            self._workshop = Workshop(lambda slabs: on(device, metric, slabs))

    @property
    def refused(self) -> Exception | None:
        """Why a device isn't used, or an index couldn't be made."""
        return None if self._workshop is None else self._workshop.refused

    def at_hand(self, view: View, cameras: Iterable[str]) -> dict[str, Sketch]:
        """Sketches of these cameras, by camera, as far as they are made and hold."""
        gave_up = self._chosen is not None and self._chosen.kind is not self.audit.choice.kind
        if self._workshop is None or gave_up:
            return {}
        return self._workshop.at_hand({camera: view.cameras[camera] for camera in cameras})

    def nearest(
        self, view: View, query: NDArray[np.float32], cameras: Sequence[str], top_k: int, sketches: Mapping[str, Sketch]
    ) -> Found:
        """The `top_k` rows nearest to the query, float32 (d,), by the sketches and audited."""
        nearest = view.nearest(query, cameras, Filter(), top_k, sketches, self.audit.choice.width)
        exact = all(sketch.exact for sketch in sketches.values())
        if not exact and self.audit.due():
            rows = [row for _, row in nearest]
            self._auditor.submit(self._compare, view, query, cameras, top_k, rows)
        return Found(nearest, exact)

    def nearest_of_many(
        self,
        view: View,
        queries: Sequence[tuple[NDArray[np.float32], int]],
        cameras: Sequence[str],
        sketches: Mapping[str, Sketch],
    ) -> list[Found]:
        """`nearest` of each query (d,) and its `top_k`; a device is asked for all of them at once."""
        devices = {camera: sketch for camera, sketch in sketches.items() if isinstance(sketch, OnDevice)}
        elsewhere = any(view.size(camera) for camera in cameras if camera not in devices)
        if len(queries) < (view.worth_joining(cameras) if elsewhere else 2) or len(devices) < len(sketches):
            return [self.nearest(view, query, cameras, top_k, sketches) for query, top_k in queries]
        together, most = np.stack([query for query, _ in queries]), max(top_k for _, top_k in queries)
        lists = view.nearest_of_many(together, cameras, Filter(), most, devices)
        return [Found(nearest[:top_k]) for (_, top_k), nearest in zip(queries, lists, strict=True)]

    def forget(self, cameras: Iterable[str]) -> None:
        if self._workshop is not None:
            self._workshop.forget(list(cameras))

    def wait(self) -> None:
        """Until every sketch that was asked for is made, and every audit done."""
        if self._workshop is not None:
            self._workshop.wait()
        self._auditor.submit(lambda: None).result()

    def close(self) -> None:
        """Ends the work beside the searches, and gives back what a device held."""
        if self._workshop is not None:
            self._workshop.wait()
            self._workshop = None
        self._auditor.shutdown()

    def _compare(
        self, view: View, query: NDArray[np.float32], cameras: Sequence[str], top_k: int, rows: list[int]
    ) -> None:
        self.audit.compare(rows, [row for _, row in self._exactly(view, query, cameras, top_k)])


def sketch_all(choice: Choice, metric: Metric, cameras: Mapping[str, tuple[Slab, ...]]) -> dict[str, Sketch]:
    """Of every camera that a gallery would make one of, made now."""
    return {camera: Compressed(choice, metric, slabs) for camera, slabs in cameras.items() if worth_a_sketch(slabs)}
