"""Images of several requests through the model together, without letting anyone wait for long or the queue grow."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from rgbir.server.errors import TooBusy

RECENT = 32
"""Batches that tell how quick the model is."""
Encode = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


@dataclass(slots=True, eq=False)
class _Waiting:
    pixels: Sequence[NDArray[np.uint8]]
    result: asyncio.Future[NDArray[np.float32]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Batcher:
    """One model's queue. While a batch runs, the next one gathers; a lone request never waits for others.

    Args:
        encode: runs in `executor`, uint8 (n, height, width, 3) → float32 (n, d).
        most: images a batch, unless one request alone has more.
        queue: images that may wait; more are refused.
        clock: tells seconds.
    """

    def __init__(
        self,
        encode: Encode,
        executor: Executor,
        most: int = 16,
        queue: int = 256,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.most, self.queue = most, queue
        self.batches = self.images = self.refused = self.running = 0
        self._clock, self._recent = clock, deque[tuple[int, float]](maxlen=RECENT)
        self._encode, self._executor = encode, executor
        self._waiting: list[_Waiting] = []
        self._running: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Images in the queue."""
        return sum(len(request.pixels) for request in self._waiting)

    @property
    def idle(self) -> bool:
        """Nobody waits for the model, or has it."""
        return not self._waiting and (self._running is None or self._running.done())

    @property
    def requests(self) -> int:
        """Requests in the queue."""
        return len(self._waiting)

    @property
    def expected_s(self) -> float | None:
        """Seconds until what is here now went through the model, as quickly as the last batches did; None before the first."""
        images = sum(count for count, _ in self._recent)
        return (self.waiting + self.running) * sum(taken for _, taken in self._recent) / images if images else None

    async def __call__(self, pixels: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """The embeddings float32 (n, d) of one request's n images, each uint8 (height, width, 3).

        Cancelled while it waits, it costs nothing.

        Raises:
            TooBusy: the queue is full.
        """
        if not pixels:
            return np.empty((0, 0), np.float32)
        if self.waiting + len(pixels) > self.queue:
            self.refused += 1
            raise TooBusy(f"{self.waiting} images wait for the model already, {self.queue} may; try again in a moment")
        request = _Waiting(pixels)
        self._waiting.append(request)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        try:
            return await request.result
        finally:
            if request in self._waiting:
                self._waiting.remove(request)

    def passed(self, images: int, seconds: float) -> None:
        """Counts a batch that went through the model, here or past this queue."""
        self.batches += 1
        self.images += images
        self._recent.append((images, seconds))

    async def _run(self) -> None:
        while self._waiting:
            batch = self._next()
            images = [image for request in batch for image in request.pixels]
            self.running, begun = len(images), self._clock()
            try:
                work = partial(self._encode, np.stack(images))
                embeddings = await asyncio.get_running_loop().run_in_executor(self._executor, work)
            except Exception as error:
                for request in batch:
                    if not request.result.done():
                        request.result.set_exception(error)
                continue
            finally:
                self.running = 0
            self.passed(len(images), self._clock() - begun)
            start = 0
            for request in batch:
                end = start + len(request.pixels)
                if not request.result.done():
                    request.result.set_result(embeddings[start:end])
                start = end

    def _next(self) -> list[_Waiting]:
        """Those who came first, as many as a batch holds."""
        batch: list[_Waiting] = []
        images = 0
        while self._waiting and (not batch or images + len(self._waiting[0].pixels) <= self.most):
            batch.append(self._waiting.pop(0))
            images += len(batch[-1].pixels)
        return batch
