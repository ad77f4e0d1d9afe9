"""A lone search changes threads once; one beside others takes the queues; both find the same."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.waiting import HANGS_AFTER_S, reached

from rgbir.index import Answer, BadImage, Marks, SearchOptions, SysuMM01, read_bytes
from rgbir.server.engine.engine import Engine
from rgbir.server.settings import Settings

OPTIONS = SearchOptions(camera="3", top_k=6)


@pytest.fixture
def pictures(people: SysuMM01) -> list[tuple[str, bytes]]:
    return [(record.source, read_bytes(record.path)) for record in list(people.records("test", (3,)))[:5]]


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pools of threads that were asked to do something, in order."""
    asked: list[str] = []
    run = Engine._run

    async def noting(pool: ThreadPoolExecutor, work: Callable[[], Any]) -> Any:
        asked.append(str(pool._thread_name_prefix))
        return await run(pool, work)

    monkeypatch.setattr(Engine, "_run", staticmethod(noting))
    return asked


def found_in(answer: Answer) -> list[tuple[str, float]]:
    return [(hit.id, hit.distance) for hit in answer.hits]


async def searched(engine: Engine, picture: tuple[str, bytes]) -> tuple[Answer, np.ndarray]:
    return await engine.search_marked([picture], OPTIONS, [None], Marks())


def test_a_lone_search_changes_threads_once_and_finds_what_one_beside_others_finds(
    settings: Settings, pictures: list[tuple[str, bytes]], pools: list[str]
) -> None:
    async def run(engine: Engine) -> None:
        alone = [await searched(engine, picture) for picture in pictures]
        assert pools == ["model"] * len(pictures)
        queue = next(queue for queue in engine.now.queues.values() if queue.batches)
        assert (queue.batches, queue.images) == (5, 5)

        together = await asyncio.gather(*(searched(engine, picture) for picture in pictures))
        assert {"decode", "search"} <= set(pools[5:])
        for (lone, embedding), (beside, beside_embedding) in zip(alone, together, strict=True):
            assert set(lone.milliseconds) == set(beside.milliseconds) >= {"decode", "encode"}
            np.testing.assert_allclose(embedding, beside_embedding, rtol=1e-5, atol=1e-6)
            assert [hit for hit, _ in found_in(lone)] == [hit for hit, _ in found_in(beside)]

    engine = Engine(settings)
    try:
        asyncio.run(run(engine))
    finally:
        engine.close()


def test_who_comes_while_one_searches_alone_waits_for_the_model(
    settings: Settings, pictures: list[tuple[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model runs for one at a time, whoever came which way."""
    engine = Engine(settings)
    encode, gate, runs = engine.encoder.encode, threading.Event(), list[int]()
    at_once = most = 0

    def encoding(*arguments: Any) -> Any:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        runs.append(len(arguments[0]))
        try:
            gate.wait(HANGS_AFTER_S)
            return encode(*arguments)
        finally:
            at_once -= 1

    monkeypatch.setattr(engine.encoder, "encode", encoding)

    async def run() -> None:
        first = asyncio.create_task(searched(engine, pictures[0]))
        await reached(lambda: len(runs) == 1)
        others = [asyncio.create_task(searched(engine, picture)) for picture in pictures[1:]]
        await reached(lambda: sum(queue.waiting + queue.running for queue in engine.now.queues.values()) == 4)
        gate.set()
        assert all(answer.hits for answer, _ in await asyncio.gather(first, *others))

    try:
        asyncio.run(run())
    finally:
        engine.close()
    assert most == 1
    assert (runs[0], sum(runs)) == (1, 5)


def test_a_lone_picture_that_cant_be_read_fails_alone(
    settings: Settings, pictures: list[tuple[str, bytes]], pools: list[str]
) -> None:
    async def run(engine: Engine) -> None:
        with pytest.raises(BadImage):
            await searched(engine, ("night.jpg", b"no picture"))
        assert (await searched(engine, pictures[0]))[0].hits
        assert pools == ["model", "model"]

    engine = Engine(replace(settings, audit=None))
    try:
        asyncio.run(run(engine))
    finally:
        engine.close()
