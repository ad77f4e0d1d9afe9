"""What needs a GPU; run by `make test-gpu` on a machine that has one and `rgbir[gpu]` in place of the CPU wheels."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import faiss
import numpy as np
import pytest
from tests.index.yard import filled, random_rows, sightings

from rgbir.index import Gallery, Metric, Query
from rgbir.index.nearest import sketches as sketches_module
from rgbir.index.nearest.devices import Gpus, OnDevice, device_named, on
from rgbir.index.nearest.sketches import Choice, Kind

pytestmark = pytest.mark.gpu
D = 512


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sketches_module, "ASKED_BEFORE_SKETCHES", 1)
    rows = random_rows(20_000, D)
    rows[1000:1010] = rows[0]
    for metric in Metric:
        filled(tmp_path / metric, sightings(rows), metric=metric).close()
    return tmp_path


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("spread", ["shard", "replica"])
@pytest.mark.parametrize("half", [False, True])
def test_the_gpus_answers_are_the_processors(
    folder: Path, metric: Metric, spread: Literal["shard", "replica"], half: bool
) -> None:
    queries = random_rows(40, D, seed=1)
    with Gallery(folder / metric) as plain, Gallery(folder / metric, Gpus(spread, half)) as placed:
        placed.search(Query(queries[0]))
        placed.approximate.wait()
        assert set(placed.approximate.at_hand(placed.view(), ["a", "b"])) == {"a", "b"}
        for query in queries:
            for options in ({}, {"top_k": 300}, {"cameras": ["b"]}, {"identity": 3}):
                asked = Query(query, **options)
                ours, theirs = placed.search(asked), plain.search(asked)
                assert [(h.id, h.distance) for h in ours.hits] == [(h.id, h.distance) for h in theirs.hits]
                assert ours.exact
        for options in ({}, {"top_k": 300}, {"cameras": ["b"]}):
            many = [Query(query, **options) for query in queries]
            for ours, theirs in zip(placed.search_many(many), plain.search_many(many), strict=True):
                assert [(h.id, h.distance) for h in ours.hits] == [(h.id, h.distance) for h in theirs.hits]
                assert ours.exact
        gone = plain.search(Query(queries[0])).hits[0].id
        plain.remove(ids=[gone])
        assert gone not in {hit.id for hit in placed.search(Query(queries[0])).hits}


def test_a_memory_limit_keeps_cameras_on_the_processor(folder: Path) -> None:
    with Gallery(folder / Metric.EUCLIDEAN) as gallery:
        slabs = gallery.view().cameras["a"]
        device = Gpus(most_bytes=4 * D * 10_000)
        placed = on(device, Metric.EUCLIDEAN, slabs)
        assert isinstance(placed, OnDevice)
        assert on(device, Metric.EUCLIDEAN, slabs) is None


def test_inverted_lists_on_a_gpu_say_that_they_may_miss(folder: Path) -> None:
    query = np.random.default_rng(1).standard_normal(D).astype(np.float32)
    with Gallery(folder / Metric.EUCLIDEAN, device_named("auto")) as gallery:
        gallery.choose(Choice(Kind.IVF))
        gallery.search(Query(query))
        gallery.approximate.wait()
        assert gallery.search(Query(query)).exact is False


def test_faiss_sees_the_gpu() -> None:
    assert faiss.get_num_gpus() > 0
