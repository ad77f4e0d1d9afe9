"""Exact search on GPUs: flat indexes a camera, whose answers are the processor's by certificate.

Some GPU builds of FAISS ignore ID selectors and none can remove, so a device holds whole cameras, is made anew when one
changes, and filtered searches go to the slabs.

The suite drives this code with the processor in a device's place; the tests marked `gpu` want one.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import GalleryError
from rgbir.index.metric import Metric
from rgbir.index.nearest.codes import Candidates, lost, squared_lengths
from rgbir.index.nearest.joined import Proposal
from rgbir.index.nearest.sketches import Device, kind_of
from rgbir.index.nearest.slabs import Rows, Slab

MOST_ON_A_GPU = 2_048
"""Neighbours that FAISS gives on a GPU."""
_HALF = 2.0**-11
_log = logging.getLogger(__name__)


class DeviceDiffers(GalleryError):
    """A device that gives other answers than the processor; it is not used."""


@dataclass(slots=True)
class Gpus:
    """All GPUs that FAISS sees.

    Attributes:
        spread: each holds a part of the rows (`shard`), or all of them (`replica`).
        half: rows as float16 on the device; bounds grow by what that loses, answers stay.
        most_bytes: of embeddings, on all of them together; cameras past it stay on the processor.
        used: bytes of embeddings that are there.

    Raises:
        GalleryError: no GPU, or a FAISS without one.
    """

    spread: Literal["shard", "replica"] = "shard"
    half: bool = False
    most_bytes: int | None = None
    used: int = 0
    _resources: list[Any] = field(default_factory=list)
    _counting: threading.RLock = field(default_factory=threading.RLock)
    _turn: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        import faiss

        if not hasattr(faiss, "StandardGpuResources") or not faiss.get_num_gpus():
            raise GalleryError(
                "FAISS sees no GPU here; install rgbir[gpu] on a machine with one, or search on the processor"
            )
        self._resources = [faiss.StandardGpuResources() for _ in range(faiss.get_num_gpus())]

    def place(self, index: Any) -> Placed:
        """The index on the devices."""
        import faiss

        options = faiss.GpuMultipleClonerOptions()
        options.shard, options.useFloat16 = self.spread == "shard", self.half
        with self._turn:
            return Placed(faiss.index_cpu_to_gpu_multiple_py(self._resources, index, co=options), self._turn)

    def take(self, size: int) -> bool:
        """Reserves bytes; False if there are not so many."""
        with self._counting:
            if self.most_bytes is not None and self.used + size > self.most_bytes:
                return False
            self.used += size
            return True

    def give(self, size: int) -> None:
        """Takes bytes back that were reserved."""
        with self._counting:
            self.used -= size


class Placed:
    """An index on the devices, whose memory one thread at a time may use: FAISS ends the process otherwise.

    Args:
        index: FAISS's.
        turn: held for placing, searching and freeing; all indexes on the same devices share it.
    """

    def __init__(self, index: Any, turn: threading.RLock) -> None:
        self._index, self._turn = index, turn

    def search(self, *arguments: Any, **options: Any) -> Any:
        """What the index's own `search` takes and gives."""
        with self._turn:
            return self._index.search(*arguments, **options)

    def __del__(self) -> None:
        with self._turn:
            self._index = None


DeviceName = Literal["cpu", "gpu", "auto"]


def device_named(name: DeviceName, **options: Any) -> Gpus | None:
    """What `--device` means: none is the processor; `auto` takes GPUs where there are some.

    Raises:
        GalleryError: `gpu`, and there is none.
    """
    if name == "cpu":
        return None
    try:
        return Gpus(**options)
    except GalleryError:
        if name == "gpu":
            raise
        return None


class OnDevice:
    """A camera's rows in a device's memory, searched there and certified here."""

    exact = True

    def __init__(self, device: Device, metric: Metric, slabs: Sequence[Slab]) -> None:
        import faiss

        self.metric, self.half = metric, device.half
        self.rows: Rows = np.concatenate([slab.rows for slab in slabs])
        self.last = int(self.rows[-1])
        self.reach = max(slab.reach for slab in slabs)
        flat = faiss.IndexFlat(slabs[0].stored.shape[1], kind_of(metric))
        for slab in slabs:
            flat.add(np.ascontiguousarray(slab.vectors, np.float32))
        self._index = device.place(flat)

    def __len__(self) -> int:
        return len(self.rows)

    def scan(self, query: NDArray[np.float32], width: int) -> Candidates:
        """Of a query (d,), see `propose`."""
        if width > MOST_ON_A_GPU:
            return Candidates.everything(self.rows)
        proposal = self.propose(query[None], width)
        there = proposal.rows[0] >= 0
        return Candidates(proposal.rows[0, there], proposal.lower[0, there], float(proposal.rest[0]))

    def propose(self, queries: NDArray[np.float32], width: int) -> Proposal:
        """To each query (m, d), bounded as a float32 scan is; the device is asked once, for `MOST_ON_A_GPU` at most.

        Tensor cores may round each factor to 10 bits, and so does half storage.
        """
        width = min(width, len(self), MOST_ON_A_GPU)
        values, places = self._index.search(queries, width)
        wide, there = values.astype(np.float64), places >= 0
        long = np.sqrt(squared_lengths(queries))[:, None]
        slack = 2 * lost(queries.shape[1]) + 4 * _HALF
        with np.errstate(over="ignore", invalid="ignore"):
            if self.metric is Metric.EUCLIDEAN:
                key, error = wide, slack * (long + self.reach) ** 2
            else:
                key, error = 1.0 - wide, slack * np.maximum(long * self.reach, 1.0)
            lower, upper = key - error, key + error
        whole = there.all(axis=1)
        bounded = whole & np.isfinite(lower).all(axis=1)
        rest = np.where(whole, np.inf, -np.inf) if len(self) == width else np.where(bounded, lower[:, -1], -np.inf)
        lower[np.isnan(lower)], upper[~there | np.isnan(upper)] = -np.inf, np.inf
        return Proposal(np.where(there, self.rows[places], -1), lower, upper, rest)


def on(device: Device, metric: Metric, slabs: Sequence[Slab]) -> OnDevice | None:
    """A camera on the device, once its answers were compared with the processor's; None if it doesn't fit there.

    Its bytes are given back when nobody holds it any more.

    Raises:
        DeviceDiffers: it answers otherwise.
    """
    size = sum(slab.stored.size * (2 if device.half else 4) for slab in slabs)
    if not device.take(size):
        _log.warning("%d bytes more don't fit the device's limit; this camera is searched on the processor", size)
        return None
    try:
        made = OnDevice(device, metric, slabs)
    except BaseException:
        device.give(size)
        raise
    weakref.finalize(made, device.give, size)
    _self_test(made, metric, slabs)
    return made


def _self_test(made: OnDevice, metric: Metric, slabs: Sequence[Slab], searches: int = 5, top_k: int = 10) -> None:
    """A few rows, slightly moved, searched on both.

    Raises:
        DeviceDiffers: a bound that doesn't hold, or a row that is missing.
    """
    generator = np.random.default_rng(0)
    for sample in [slabs[number] for number in generator.integers(0, len(slabs), searches)]:
        row = np.asarray(sample.vectors[generator.integers(0, len(sample))], np.float32)
        query = metric.prepare((row + 0.1 * row.std() * generator.standard_normal(len(row)))[None])[0]
        keys = np.concatenate([slab.keys(query, np.arange(len(slab))) for slab in slabs])
        places, lower, rest = made.scan(query, top_k + 16)
        position = {int(number): place for place, number in enumerate(made.rows)}
        known = np.array([keys[position[number]] for number in places.tolist()])
        others = np.delete(keys, [position[number] for number in places.tolist()])
        if (known < lower).any() or (others < rest).any():
            raise DeviceDiffers(
                "the device answers otherwise than the processor, by more than rounding explains; it is not used. Update its"
                " driver and FAISS, or search on the processor"
            )
