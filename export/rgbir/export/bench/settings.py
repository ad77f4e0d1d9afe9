"""What is measured, and how often."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

Figures = dict[str, Any]
Steps = Mapping[str, Callable[[], Figures]]
"""What is measured one after the other, by its name; a step gives one figure or more, or raises why it can't."""


class NotMeasured(Exception):
    """What a step says of why it has no figures here."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What `rgbir bench gpu` measures.

    Attributes:
        scratch: an empty folder for the bundle; it is removed afterwards.
        device: as torch names it: cuda or cpu.
        backbone, height, width: of expAT's network, which is untrained; pixels.
        batch: images that go through the network together.
        rows: of the searched galleries, each is one.
        dimension: values of a row.
        queries: searched together.
        copied: bytes of a buffer whose copy is timed.
        repeats: a figure is the median of as many.
    """

    scratch: str
    device: str = "cuda"
    backbone: str = "resnet50"
    height: int = 288
    width: int = 144
    batch: int = 32
    rows: tuple[int, ...] = (1_000_000, 10_000_000)
    dimension: int = 2048
    queries: int = 32
    copied: int = 2 * 2**30
    repeats: int = 30

    @property
    def on_gpu(self) -> bool:
        return self.device != "cpu"

    @property
    def bundle(self) -> Path:
        """Where the network's bundle is, once it is exported."""
        return Path(self.scratch) / "bundle"

    def expect_gpu(self) -> None:
        """For what only a GPU can do.

        Raises:
            NotMeasured: on the processor.
        """
        if not self.on_gpu:
            raise NotMeasured("only on a GPU")


def typical(work: Callable[[], Any], repeats: int, warm: int = 5) -> float:
    """Median seconds of a call that ends when its work on the device has ended, after some that don't count."""
    for _ in range(min(warm, repeats)):
        work()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return median(times)
