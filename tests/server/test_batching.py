"""Requests share runs of the model; the queue is bounded; who goes away costs nothing."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import numpy as np
import pytest
from fastapi import Request
from tests.waiting import HANGS_AFTER_S, reached

from rgbir.server.engine.batching import Batcher
from rgbir.server.errors import ClientGone, TooBusy, TookTooLong
from rgbir.server.http.patience import patiently


def image(value: int) -> np.ndarray:
    return np.full((2, 2, 3), value, np.uint8)


class Model:
    """Gives each image's first value; waits at the gate."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.running = False
        self.batches: list[list[int]] = []

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.running = True
        self.gate.wait(HANGS_AFTER_S)
        values = images[:, 0, 0, 0]
        self.batches.append(values.tolist())
        if 66 in values:
            raise ValueError("six and six")
        return values[:, None].astype(np.float32)


def test_what_waits_goes_together_and_everyone_gets_their_own() -> None:
    async def run() -> None:
        model = Model()
        with ThreadPoolExecutor(1) as pool:
            batcher = Batcher(model, pool, most=4)
            asked = [asyncio.create_task(batcher([image(n), image(n + 100)])) for n in range(5)]
            await reached(lambda: batcher.waiting == 6)  # the first two are on their way
            model.gate.set()
            for number, answer in enumerate(await asyncio.gather(*asked)):
                assert answer[:, 0].tolist() == [number, number + 100]
        assert model.batches == [[0, 100, 1, 101], [2, 102, 3, 103], [4, 104]]
        assert (batcher.batches, batcher.images, batcher.waiting) == (3, 10, 0)

    asyncio.run(run())


def test_a_full_queue_refuses_and_one_who_left_is_not_encoded() -> None:
    async def run() -> None:
        model = Model()
        with ThreadPoolExecutor(1) as pool:
            batcher = Batcher(model, pool, most=2, queue=3)
            first = asyncio.create_task(batcher([image(1)]))
            await reached(lambda: model.running)
            gone = asyncio.create_task(batcher([image(2), image(3)]))
            stays = asyncio.create_task(batcher([image(4)]))
            await reached(lambda: batcher.waiting == 3)
            with pytest.raises(TooBusy, match="3 images wait for the model already, 3 may"):
                await batcher([image(5)])
            gone.cancel()
            await reached(lambda: batcher.waiting == 1)
            model.gate.set()
            assert (await first)[0, 0] == 1
            assert (await stays)[0, 0] == 4
        assert model.batches == [[1], [4]]
        assert batcher.refused == 1

    asyncio.run(run())


def test_a_failing_batch_fails_its_own_and_the_next_goes_on() -> None:
    async def run() -> None:
        model = Model()
        model.gate.set()
        with ThreadPoolExecutor(1) as pool:
            batcher = Batcher(model, pool)
            with pytest.raises(ValueError, match="six and six"):
                await batcher([image(66)])
            assert (await batcher([image(7)]))[0, 0] == 7
            assert (await batcher([])).shape == (0, 0)

    asyncio.run(run())


class Connection:
    """A request whose client leaves when told."""

    def __init__(self) -> None:
        self.left = asyncio.Event()

    async def receive(self) -> dict[str, str]:
        await self.left.wait()
        return {"type": "http.disconnect"}


def test_a_client_who_leaves_costs_nothing_and_a_deadline_ends_the_wait() -> None:
    async def run() -> None:
        model = Model()
        with ThreadPoolExecutor(1) as pool:
            batcher = Batcher(model, pool, most=1)
            first = asyncio.create_task(batcher([image(1)]))
            await reached(lambda: model.running)
            here = Connection()
            waiting = asyncio.create_task(patiently(cast(Request, here), batcher([image(2)]), HANGS_AFTER_S))
            await reached(lambda: batcher.waiting == 1)
            here.left.set()
            with pytest.raises(ClientGone):
                await waiting
            with pytest.raises(TookTooLong, match=r"may take 0\.05 s here"):
                await patiently(cast(Request, Connection()), batcher([image(3)]), 0.05)
            assert batcher.waiting == 0
            model.gate.set()
            assert (await first)[0, 0] == 1
            assert (await patiently(cast(Request, Connection()), batcher([image(4)]), HANGS_AFTER_S))[0, 0] == 4
        assert model.batches == [[1], [4]]

    asyncio.run(run())
