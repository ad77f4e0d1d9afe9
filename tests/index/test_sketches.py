"""Indexes that may miss, their audit, and devices: chosen on purpose, honest in every answer."""

from __future__ import annotations

import gc
import json
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faiss
import numpy as np
import pytest
from tests.index.yard import YARD, model, network, sightings
from tests.waiting import HANGS_AFTER_S
from typer.testing import CliRunner

from rgbir.client.cli import app
from rgbir.index import Gallery, Metric, NewSighting, Query, UsageError
from rgbir.index.errors import GalleryError
from rgbir.index.nearest import devices as devices_module
from rgbir.index.nearest import sketches as sketches_module
from rgbir.index.nearest import view as view_module
from rgbir.index.nearest.devices import DeviceDiffers, Gpus, OnDevice, on
from rgbir.index.nearest.recall import Audit
from rgbir.index.nearest.sketches import Choice, Compressed, Kind, Workshop, factory
from rgbir.index.nearest.slabs import Slab
from rgbir.index.nearest.tune import _asked as asked_by
from rgbir.index.nearest.tune import tune
from rgbir.index.nearest.view import View

D, N = 64, 1400


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sketches_module, "WORTH_A_SKETCH", 200)
    monkeypatch.setattr(sketches_module, "ASKED_BEFORE_SKETCHES", 1)


def rows_of(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    people = 2 * np.random.default_rng(1).standard_normal((60, D))
    return (people[rng.integers(0, 60, n)] + rng.standard_normal((n, D))).astype(np.float32)


def crowd(n: int, seed: int = 0) -> list[NewSighting]:
    return sightings(rows_of(n, seed), N * seed)


def make(folder: Path, metric: Metric = Metric.EUCLIDEAN, device: Any = None) -> Gallery:
    Gallery.create(folder, model(D, metric), YARD).close()
    gallery = Gallery(folder, device)
    gallery.add(crowd(N))
    return gallery


def hits(gallery: Gallery, query: np.ndarray, **options: Any) -> tuple[list[str], bool]:
    answer = gallery.search(Query(query, top_k=5, **options))
    return [hit.source for hit in answer.hits], answer.exact


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("kind", [Kind.PQ, Kind.RABITQ, Kind.HNSW, Kind.IVF])
def test_a_chosen_index_finds_nearly_all_and_says_that_it_may_miss(tmp_path: Path, kind: Kind, metric: Metric) -> None:
    queries = rows_of(30, seed=7)
    with make(tmp_path / "g", metric) as gallery:
        exact = [hits(gallery, query) for query in queries]
        gallery.choose(Choice(kind, 128))
        hits(gallery, queries[0])
        gallery.approximate.wait()

        answers = [hits(gallery, query) for query in queries]

        assert all(answer[1] for answer in exact)
        assert not any(answer[1] for answer in answers)
        recall = np.mean([len(set(a) & set(b)) / 5 for (a, _), (b, _) in zip(exact, answers, strict=True)])
        assert recall > 0.9
        gallery.approximate.wait()
        assert gallery.approximate.audit.audited >= 1


def test_what_came_since_is_searched_and_what_went_is_not_found(tmp_path: Path) -> None:
    with make(tmp_path / "g") as gallery:
        gallery.choose(Choice(Kind.PQ, 64))
        hits(gallery, rows_of(1)[0])
        gallery.approximate.wait()
        new = crowd(20, seed=5)
        gallery.add(new)
        for number in (0, 7, 19):
            names, exact = hits(gallery, new[number].embedding)
            assert (names[0], exact) == (new[number].source, False)

        gallery.remove(ids=[new[7].id])
        names, exact = hits(gallery, new[7].embedding, cameras=["b"])

        assert (new[7].source in names, exact) == (False, True)  # exact until there is a new sketch
        gallery.approximate.wait()
        assert not hits(gallery, new[7].embedding, cameras=["b"])[1]


def test_filtered_searches_stay_exact(tmp_path: Path) -> None:
    with make(tmp_path / "g") as gallery:
        gallery.choose(Choice(Kind.PQ))
        hits(gallery, rows_of(1)[0])
        gallery.approximate.wait()
        assert hits(gallery, rows_of(1)[0])[1] is False
        assert hits(gallery, rows_of(1)[0], identity=3) == ([], True)
        assert hits(gallery, rows_of(1)[0], cameras=["a"])[1] is False


def test_the_choice_is_kept_and_another_process_follows(tmp_path: Path) -> None:
    with make(tmp_path / "g") as gallery, Gallery(tmp_path / "g") as other:
        gallery.choose(Choice(Kind.RABITQ, 77, 0.9))
        other.view()
        assert other.approximate.audit.choice == Choice(Kind.RABITQ, 77, 0.9)
    with pytest.raises(UsageError, match="width is between 1 and 4,096 rows, not 0"):
        Choice(Kind.PQ, 0)
    with pytest.raises(UsageError, match="can't be cut into equal pieces for pq"):
        factory(Kind.PQ, 127, 100)


def test_an_audit_widens_and_at_last_gives_up(caplog: pytest.LogCaptureFixture) -> None:
    audit = Audit(Choice(Kind.PQ, 1024, 0.9))
    with caplog.at_level(logging.WARNING):
        for _ in range(19):
            audit.compare([1, 2], [1, 3])
        assert audit.recall == 0.5
        assert audit.choice.width == 1024
        audit.compare([1, 2], [1, 3])
        assert (audit.choice.width, audit.widened) == (2048, 1)
        for _ in range(60):
            audit.compare([], [1])
    assert audit.choice.kind is Kind.EXACT
    assert "searches are exact again" in caplog.text
    audit.compare([], [])
    good = Audit(Choice(Kind.PQ, 64, 0.9))
    for _ in range(300):
        good.compare([1, 2], [2, 1])
    assert (good.choice.width, good.recall, good.audited) == (64, 1.0, 300)


@pytest.mark.parametrize("placed", [False, True])
def test_a_gallery_whose_index_misses_too_much_is_searched_exactly_again(tmp_path: Path, placed: bool) -> None:
    with make(tmp_path / "g"), Gallery(tmp_path / "g", Processor() if placed else None) as gallery:
        gallery.choose(Choice(Kind.PQ, 4000, 1.0))
        hits(gallery, rows_of(1)[0])
        gallery.approximate.wait()
        assert not hits(gallery, rows_of(1)[0])[1]
        for _ in range(20):
            gallery.approximate.audit.compare([1], [2])
        assert hits(gallery, rows_of(1)[0])[1]


def test_what_tune_measured_is_what_the_gallery_then_finds(tmp_path: Path) -> None:
    with make(tmp_path / "g") as gallery:
        gallery.add_cameras([*network("c")])
        gallery.add(sightings(rows_of(1, seed=9), N, cameras="c"))
        view = gallery.view()
        tuning = tune(view, [Kind.PQ, Kind.IVF], queries=20, top_k=5, recall=0.95)
        asked = list(asked_by(view, 20))
        exact = [hits(gallery, row, cameras=cameras)[0] for row, cameras in asked]
        for measured in tuning.measured[1:]:
            gallery.choose(measured.choice)
            hits(gallery, asked[0][0])
            gallery.approximate.wait()
            sources = [hits(gallery, row, cameras=cameras)[0] for row, cameras in asked]
            shares = [len(set(a) & set(b)) / len(b) for a, b in zip(sources, exact, strict=True)]
            assert measured.recall == pytest.approx(np.mean(shares))
    assert [measured.to_dict()["recall"] for measured in tuning.measured] == [
        measured.recall for measured in tuning.measured
    ]
    assert [measured.to_dict()["target"] for measured in tuning.measured[1:]] == [0.95, 0.95]
    plain, pq, ivf = tuning.measured
    assert (plain.choice.kind, plain.recall, tuning.rows) == (Kind.EXACT, 1.0, N + 1)
    assert pq.recall >= 0.95
    assert pq.bytes < N * D
    assert ivf.bytes > 4 * N * D
    assert tuning.advice.kind in (Kind.EXACT, Kind.PQ, Kind.IVF)


def test_tune_measures_no_index_that_a_gallery_would_not_make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sketches_module, "WORTH_A_SKETCH", 4096)
    with make(tmp_path / "g") as gallery:
        tuning = tune(gallery.view(), [Kind.PQ], queries=10)
    assert [measured.choice.kind for measured in tuning.measured] == [Kind.EXACT]
    assert "a gallery is searched exactly whatever is chosen" in tuning.reason


def test_tuning_and_choosing_by_the_command_line(tmp_path: Path) -> None:
    make(tmp_path / "g").close()
    runner, folder = CliRunner(), str(tmp_path / "g")

    shown = runner.invoke(app, ["index", "tune", "--gallery", folder, "--kind", "pq", "--queries", "10", "--json"])

    report = json.loads(shown.stdout)
    assert [index["kind"] for index in report["measured"]] == ["exact", "pq"]
    assert [index["target"] for index in report["measured"]] == [0.99, 0.99]
    assert report["measured"][0]["recall"] == 1.0
    table = runner.invoke(app, ["index", "tune", "--gallery", folder, "--kind", "pq", "--queries", "10"]).output
    assert "rgbir index choose" in table
    chosen = runner.invoke(app, ["index", "choose", "pq", "--width", "64", "--gallery", folder])
    assert "is searched by pq, width 64, audited for 0.99" in chosen.output
    few = tmp_path / "few"
    Gallery.create(few, model(D), YARD).close()
    assert "tune from 1,000 on" in str(runner.invoke(app, ["index", "tune", "--gallery", str(few)]).exception)


class Processor:
    """In a device's place: the index stays where it is. Its memory is as finite as a GPU's: what isn't given back is lost."""

    half = False

    def __init__(self, most: int = 10**12) -> None:
        self.left = self.most = most
        self.refusals = 0

    def place(self, index: Any) -> Any:
        return index

    def take(self, size: int) -> bool:
        if size > self.left:
            self.refusals += 1
            return False
        self.left -= size
        return True

    def give(self, size: int) -> None:
        self.left += size
        assert self.left <= self.most


class Broken(Processor):
    """A device that forgets half of the rows."""

    def place(self, index: Any) -> Any:
        half = index.__class__(index.d, index.metric_type)
        half.add(index.reconstruct_n(0, index.ntotal // 2))
        return half


@pytest.mark.parametrize("metric", Metric)
def test_a_device_gives_the_processors_answers_and_calls_them_exact(tmp_path: Path, metric: Metric) -> None:
    queries = rows_of(30, seed=7)
    with make(tmp_path / "g", metric) as gallery, Gallery(tmp_path / "g", Processor()) as placed:
        hits(placed, queries[0])
        placed.approximate.wait()
        view = placed.view()
        assert set(placed.approximate.at_hand(view, ["a", "b"])) == {"a", "b"}
        assert [hits(placed, query) for query in queries] == [hits(gallery, query) for query in queries]
        gallery.remove(ids=[crowd(1)[0].id])
        gallery.add(crowd(9, seed=4))
        assert [hits(placed, query) for query in queries] == [hits(gallery, query) for query in queries]


class Counting(Processor):
    """Notes how many queries each of its searches had."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    def place(self, index: Any) -> Any:
        return Counted(index, self.asked)


class Counted:
    """An index that notes how many queries it was asked."""

    def __init__(self, index: Any, asked: list[int]) -> None:
        self.index, self.asked = index, asked

    def search(self, queries: Any, width: int) -> Any:
        self.asked.append(len(queries))
        return self.index.search(queries, width)


@pytest.mark.parametrize("metric", Metric)
def test_joined_queries_ask_a_device_together(tmp_path: Path, metric: Metric) -> None:
    device = Counting()
    queries = [Query(row, top_k=1 + number % 4) for number, row in enumerate(rows_of(9, seed=8))]
    with make(tmp_path / "g", metric) as gallery, Gallery(tmp_path / "g", device) as placed:
        gallery.add([NewSighting("a", queries[0].embedding, f"often{n}") for n in range(150)])
        hits(placed, queries[0].embedding)
        placed.approximate.wait()
        device.asked.clear()

        joined = placed.search_many(queries)

        assert device.asked[:2] == [len(queries)] * 2  # of two cameras
        assert set(device.asked[2:]) == {1}  # who is there 150 times needs more than one look
        assert len(device.asked) <= 8
        for query, answer in zip(queries, joined, strict=True):
            alone = gallery.search(query)
            assert [(hit.id, hit.distance) for hit in answer.hits] == [(hit.id, hit.distance) for hit in alone.hits]
            assert answer.exact


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("top_k", [1, 40, 1500])
def test_joined_answers_of_a_device_and_of_what_came_since_are_brute_forces(
    tmp_path: Path, metric: Metric, top_k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_module, "ROWS", 300)  # each camera in several slabs
    monkeypatch.setattr(devices_module, "MOST_ON_A_GPU", 200)
    enrolled = crowd(N)
    enrolled += [NewSighting("b", enrolled[0].embedding, f"twin{n}") for n in range(60)]  # ties, and more than one look
    later = crowd(90, seed=4)
    queries = np.vstack([enrolled[0].embedding[None], later[0].embedding[None], 1e18 * rows_of(1), rows_of(12, seed=9)])
    with make(tmp_path / "g", metric) as gallery:
        gallery.add(enrolled[N:])
        with Gallery(tmp_path / "g", Processor()) as placed:
            placed.search(Query(queries[0]))
            placed.approximate.wait()
            placed.add(later)
            assert set(placed.approximate.at_hand(placed.view(), ["a", "b"])) == {"a", "b"}
            answers = placed.search_many([Query(query, top_k=top_k) for query in queries])
    there = [*enrolled, *later]
    rows = metric.prepare(np.stack([sighting.embedding for sighting in there])).astype(np.float64)
    for query, answer in zip(metric.prepare(queries), answers, strict=True):
        keys = ((rows - query) ** 2).sum(axis=1) if metric is Metric.EUCLIDEAN else 1.0 - (rows * query).sum(axis=1)
        order = np.lexsort((np.arange(len(rows)), keys))[:top_k]
        assert answer.exact
        assert [hit.source for hit in answer.hits] == [there[number].source for number in order]


def test_a_search_has_no_index_of_a_state_that_came_after_its_own(tmp_path: Path) -> None:
    with make(tmp_path / "g", device=Processor()) as placed:
        hits(placed, rows_of(1)[0])
        placed.approximate.wait()
        before = placed.view()
        assert "a" in placed.approximate.at_hand(before, ["a"])

        placed.remove(ids=[crowd(1)[0].id])
        placed.add([NewSighting("a", rows_of(1)[0], "came", "came.jpg")])
        for _ in range(2):
            hits(placed, rows_of(1)[0])
            placed.approximate.wait()

        assert "a" in placed.approximate.at_hand(placed.view(), ["a"])
        assert placed.view().size("a") == before.size("a")
        assert placed.approximate.at_hand(before, ["a"]) == {}


def test_a_device_promises_nothing_of_rows_that_it_did_not_give(tmp_path: Path) -> None:
    with make(tmp_path / "g") as gallery:
        placed = OnDevice(Processor(), Metric.EUCLIDEAN, gallery.view().cameras["a"])

    near, far = (placed.propose(query, len(placed)) for query in (rows_of(1), np.float32(1e20) * rows_of(1)))

    assert np.isposinf(near.rest).all()
    assert (far.rows < 0).any()  # FAISS passes over an infinite distance
    assert np.isneginf(far.rest).all()
    assert np.isneginf(placed.scan(np.float32(1e20) * rows_of(1)[0], len(placed)).rest)


def test_a_query_by_itself_is_not_joined_where_a_camera_is_on_no_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Processor(4 * D * N // 2)  # room for one of both cameras
    with make(tmp_path / "g") as gallery, Gallery(tmp_path / "g", device) as placed:
        hits(placed, rows_of(1)[0])
        placed.approximate.wait()
        assert len(placed.approximate.at_hand(placed.view(), ["a", "b"])) == 1
        monkeypatch.setattr(View, "nearest_of_many", None)
        queries = rows_of(5, seed=3)
        assert [hits(placed, query) for query in queries] == [hits(gallery, query) for query in queries]


@pytest.mark.slow
def test_what_a_device_held_is_given_back_and_it_is_used_as_long_as_rows_come_and_go(tmp_path: Path) -> None:
    with make(tmp_path / "g") as gallery:
        device = Processor(4 * D * (N + 200))  # both cameras, and a little more: never one of them twice
        with Gallery(tmp_path / "g", device) as placed:
            for turn in range(6):
                query = rows_of(1, seed=turn)[0]
                hits(placed, query)
                placed.approximate.wait()
                assert set(placed.approximate.at_hand(placed.view(), ["a", "b"])) == {"a", "b"}, turn
                assert hits(placed, query) == hits(gallery, query)
                gallery.remove(ids=[new.id for new in crowd(N)[2 * turn : 2 * turn + 2]])
                gallery.add(crowd(2, seed=100 + turn))
            assert device.left == device.most - 4 * D * N
        gc.collect()
    assert device.left == device.most


def test_a_camera_without_room_is_not_tried_again_by_every_search(tmp_path: Path) -> None:
    device = Processor(4 * D * N // 2)
    with make(tmp_path / "g", device=device) as gallery:
        for turn in range(12):
            hits(gallery, rows_of(1, seed=turn)[0])
            gallery.approximate.wait()
        assert device.refusals == 1
        assert len(gallery.approximate.at_hand(gallery.view(), ["a", "b"])) == 1
        gallery.remove(ids=[crowd(1)[0].id])
        for turn in range(12):
            hits(gallery, rows_of(1, seed=turn)[0])
            gallery.approximate.wait()
        assert device.refusals <= 3


@pytest.mark.slow
def test_a_device_that_answers_otherwise_is_refused(tmp_path: Path) -> None:
    with make(tmp_path / "g") as gallery:
        view = gallery.view()
        with pytest.raises(DeviceDiffers, match="answers otherwise than the processor"):
            on(Broken(), Metric.EUCLIDEAN, view.cameras["a"])
    device = Broken()
    with Gallery(tmp_path / "g", device) as placed, Gallery(tmp_path / "g") as plain:
        query = rows_of(1, seed=3)[0]
        hits(placed, query)
        placed.approximate.wait()
        assert hits(placed, query) == hits(plain, query)
        assert "answers otherwise" in str(placed.approximate.refused)
        gc.collect()
        assert device.left == device.most


def test_a_camera_past_the_devices_memory_stays_on_the_processor(tmp_path: Path) -> None:
    with make(tmp_path / "g") as gallery:
        slabs = gallery.view().cameras["a"]
        assert on(Processor(100), Metric.EUCLIDEAN, slabs) is None
        placed = on(Processor(), Metric.EUCLIDEAN, slabs)
        assert placed is not None
        assert (len(placed), placed.last) == (N // 2, int(slabs[-1].rows[-1]))
        assert len(Compressed(Choice(Kind.PQ), Metric.EUCLIDEAN, slabs)) == N // 2


def test_without_a_gpu_asking_for_one_is_a_clear_error() -> None:
    with pytest.raises(GalleryError, match="FAISS sees no GPU here"):
        Gpus()


def test_the_memory_that_gpus_may_take_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faiss, "StandardGpuResources", object, raising=False)
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 2, raising=False)
    gpus = Gpus(most_bytes=100)
    assert [gpus.take(60), gpus.take(40), gpus.take(1)] == [True, True, False]
    gpus.give(60)
    assert (gpus.used, gpus.take(60), gpus.take(1)) == (40, True, False)


class OneAtATime:
    """FAISS's resources of a GPU: two threads at once in their memory end the process."""

    busy = 0
    overlaps = 0

    def __enter__(self) -> None:
        OneAtATime.busy += 1
        OneAtATime.overlaps += OneAtATime.busy > 1
        time.sleep(0.002)

    def __exit__(self, *_: object) -> None:
        OneAtATime.busy -= 1


class Guarded:
    """An index in that memory; searching and freeing use it."""

    def __init__(self, index: Any) -> None:
        with OneAtATime():
            self.index = index

    def search(self, *arguments: Any, **options: Any) -> Any:
        with OneAtATime():
            return self.index.search(*arguments, **options)

    def __del__(self) -> None:
        with OneAtATime():
            pass


@pytest.mark.slow
def test_one_thread_at_a_time_uses_the_memory_of_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As FAISS 1.15.1 wants it on an H200: `StackDeviceMemory` failed its assertion when two cameras were searched at once."""
    monkeypatch.setattr(faiss, "StandardGpuResources", object, raising=False)
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1, raising=False)
    monkeypatch.setattr(faiss, "GpuMultipleClonerOptions", SimpleNamespace, raising=False)
    monkeypatch.setattr(
        faiss, "index_cpu_to_gpu_multiple_py", lambda resources, index, co: Guarded(index), raising=False
    )
    monkeypatch.setattr(OneAtATime, "overlaps", 0)
    queries = rows_of(24, seed=7)
    with make(tmp_path / "g") as gallery, Gallery(tmp_path / "g", Gpus()) as placed:
        expected = [hits(gallery, query) for query in queries]
        hits(placed, queries[0])
        placed.approximate.wait()
        assert set(placed.approximate.at_hand(placed.view(), ["a", "b"])) == {"a", "b"}
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(lambda query: hits(placed, query), queries)) == expected
            gallery.remove(ids=[crowd(1)[0].id])
            gallery.add(crowd(9, seed=4))
            list(pool.map(lambda query: hits(placed, query), queries))
        placed.approximate.wait()
    gc.collect()
    assert OneAtATime.overlaps == 0


def test_a_sketch_that_was_being_made_while_a_row_went_is_not_used(tmp_path: Path) -> None:
    going_on, release = threading.Event(), threading.Event()

    def make_slowly(slabs: Sequence[Slab]) -> Compressed:
        going_on.set()
        release.wait(HANGS_AFTER_S)
        return Compressed(Choice(Kind.PQ), Metric.EUCLIDEAN, slabs)

    with make(tmp_path / "g") as gallery:
        workshop = Workshop(make_slowly)
        before = dict(gallery.view().cameras)
        assert workshop.at_hand(before) == {}
        going_on.wait(HANGS_AFTER_S)
        gallery.remove(ids=[crowd(1)[0].id])
        workshop.forget(["a"])
        release.set()
        workshop.wait()

        assert set(workshop.at_hand(dict(gallery.view().cameras))) == {"b"}
        workshop.wait()
