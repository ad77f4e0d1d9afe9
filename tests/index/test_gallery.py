"""The gallery: exact, consistent, and careful with what it was given."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.index.yard import filled, model, network, sightings

from rgbir.index import (
    Bundle,
    Crop,
    Gallery,
    GalleryBusy,
    GalleryError,
    GalleryMismatch,
    GalleryMissing,
    InvalidQuery,
    Metric,
    Modality,
    NewSighting,
    Query,
    SysuMM01,
    UnknownCamera,
    UsageError,
)
from rgbir.index.errors import GalleryCorrupt
from rgbir.index.nearest import view as view_module
from rgbir.index.nearest.slabs import Filter

NETWORK = network(["yard", "hall", "gate"], {"yard-ir": "yard"}, ["lobby"])
START = datetime(2026, 3, 1, 20, tzinfo=UTC)


def make(
    folder: Path,
    vectors: np.ndarray,
    metric: Metric = Metric.EUCLIDEAN,
    cameras: tuple[str, ...] = ("yard", "hall", "gate"),
) -> Gallery:
    """Row i at camera i mod len, a minute after the one before, of identity i mod 5."""
    new = sightings(vectors.astype(np.float32), cameras=cameras, people=5)
    timed = [replace(sighting, taken_at=START + timedelta(minutes=i)) for i, sighting in enumerate(new)]
    return filled(folder, timed, NETWORK, metric)


def sources(answer: Any) -> list[int]:
    return [int(hit.source.split(".")[0]) for hit in answer.hits]


def brute(metric: Metric, query: np.ndarray, vectors: np.ndarray, rows: list[int], k: int) -> list[int]:
    """float64, a row at a time; earlier rows first among equals."""
    q = metric.prepare(query.astype(np.float32)[None])[0].astype(np.float64)
    prepared = metric.prepare(vectors.astype(np.float32)).astype(np.float64)
    keys = [
        float(((prepared[i] - q) ** 2).sum()) if metric is Metric.EUCLIDEAN else 1 - float((prepared[i] * q).sum())
        for i in rows
    ]
    return [row for _, row in sorted(zip(keys, rows, strict=True))[:k]]


# --- exactness


@st.composite
def adversarial(draw: st.DrawFn) -> np.ndarray:
    """Ties, duplicates, near-duplicates, huge and tiny norms, zeros, constant dimensions."""
    seed, n, d = draw(st.integers(0, 2**31)), draw(st.integers(1, 120)), draw(st.sampled_from([1, 3, 16, 40]))
    rng = np.random.default_rng(seed)
    kind = draw(st.sampled_from(["grid", "normal", "near", "huge", "tiny", "mixed", "constant", "offset"]))
    vectors = rng.standard_normal((n, d))
    if kind == "grid":
        vectors = rng.integers(-1, 2, (n, d)).astype(np.float64)
    elif kind == "near":
        vectors = vectors[:1] + rng.standard_normal((n, d)) * 1e-6
    elif kind == "huge":
        vectors *= 1e17
    elif kind == "tiny":
        vectors *= 1e-19
    elif kind == "mixed":
        vectors *= 10.0 ** rng.integers(-12, 12, (n, 1))
        vectors[rng.random(n) < 0.2] = 0
    elif kind == "constant":
        vectors[:, : d // 2] = 7
    elif kind == "offset":
        vectors = vectors * 1e-3 + 1e4
    return vectors.astype(np.float32)


@settings(max_examples=120, deadline=None)
@given(
    vectors=adversarial(),
    metric=st.sampled_from(list(Metric)),
    k=st.integers(1, 60),
    wanted=st.sampled_from([None, ["yard"], ["gate", "hall"], []]),
    since=st.sampled_from([None, 3, 40]),
    until=st.sampled_from([None, 0, 55]),
    identity=st.sampled_from([None, 2]),
    camera=st.sampled_from([None, "yard-ir"]),
    like=st.integers(0, 119),
)
@pytest.mark.slow
def test_a_search_is_brute_force_in_its_order(
    tmp_path_factory: pytest.TempPathFactory,
    vectors: np.ndarray,
    metric: Metric,
    k: int,
    wanted: list[str] | None,
    since: int | None,
    until: int | None,
    identity: int | None,
    camera: str | None,
    like: int,
) -> None:
    query = vectors[like % len(vectors)]
    assume(since is None or until is None or since < until)
    moments = [None if minutes is None else START + timedelta(minutes=minutes) for minutes in (since, until)]

    with make(tmp_path_factory.mktemp("g") / "g", vectors, metric) as gallery:
        asked = Query(
            query, camera=camera, cameras=wanted, since=moments[0], until=moments[1], identity=identity, top_k=k
        )
        answer = gallery.search(asked)

    cameras = ("yard", "hall", "gate")
    passing = [
        i
        for i in range(len(vectors))
        if (wanted is None or cameras[i % 3] in wanted)
        and (camera is None or cameras[i % 3] != "yard")
        and (since is None or i >= since)
        and (until is None or i < until)
        and (identity is None or i % 5 == identity)
    ]
    assert sources(answer) == brute(metric, query, vectors, passing, k)
    distances = [hit.distance for hit in answer.hits]
    assert distances == sorted(distances)


def test_the_order_is_the_same_however_the_rows_are_cut(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = rng.integers(-2, 3, (400, 12)).astype(np.float32)
    answers = []
    for rows in (16_384, 64, 7):
        monkeypatch.setattr(view_module, "ROWS", rows)
        with make(tmp_path / f"g{rows}", vectors) as gallery:
            answers.append(sources(gallery.search(Query(vectors[0], top_k=50))))

    assert answers[0] == answers[1] == answers[2] == brute(Metric.EUCLIDEAN, vectors[0], vectors, list(range(400)), 50)


def test_near_ties_that_float32_cannot_tell_apart_are_widened_until_proven(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    vectors = (1000 + rng.standard_normal((3000, 64)) * 1e-3).astype(np.float32)

    with make(tmp_path / "g", vectors) as gallery:
        nearest = sources(gallery.search(Query(vectors[5], top_k=10)))

    assert nearest == brute(Metric.EUCLIDEAN, vectors[5], vectors, list(range(3000)), 10)


# --- which cameras


def test_cameras_at_the_querys_place_are_never_searched_and_the_reason_is_given(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    with make(tmp_path / "g", rng.standard_normal((30, 4))) as gallery:
        answer = gallery.search(Query(np.zeros(4, np.float32), camera="yard-ir", cameras=["yard", "hall"]))

    assert answer.searched_cameras == ("hall",)
    assert {hit.camera for hit in answer.hits} == {"hall"}
    assert {e.camera: e.reason for e in answer.excluded_cameras} == {
        "yard": "same place as the query's camera yard-ir (yard)",
        "gate": "not among the cameras asked for",
    }
    assert (answer.modality, answer.place) == (Modality.IR, "yard")


def test_an_infrared_query_searches_colour_cameras_unless_others_are_named(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    with make(tmp_path / "g", rng.standard_normal((9, 4)), cameras=("hall", "yard-ir", "lobby")) as gallery:
        by_default = gallery.search(Query(np.zeros(4, np.float32), modality=Modality.IR))
        named = gallery.search(Query(np.zeros(4, np.float32), modality=Modality.IR, cameras=["yard-ir"]))

    assert by_default.searched_cameras == ("hall", "lobby")
    assert "gives ir images only" in by_default.excluded_cameras[0].reason
    assert named.searched_cameras == ("yard-ir",)


def test_searches_from_sysu_camera_3_never_answer_camera_2(
    gallery: Gallery, people: SysuMM01, rng: np.random.Generator
) -> None:
    for _ in range(20):
        answer = gallery.search(
            Query(rng.standard_normal(gallery.model.dimension).astype(np.float32), camera="3", top_k=100)
        )

        assert len(answer.hits) == 36
        assert {hit.camera for hit in answer.hits} == {"1", "4", "5"}


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"camera": "roof"}, UnknownCamera),
        ({"cameras": ["roof"]}, UnknownCamera),
        ({"camera": "yard", "modality": Modality.IR}, InvalidQuery),
        ({"top_k": 0}, InvalidQuery),
        ({"since": datetime(2026, 1, 1)}, InvalidQuery),
        ({"embedding": np.array([1, np.nan, 0, 0], np.float32)}, InvalidQuery),
        ({"embedding": np.zeros(5, np.float32)}, GalleryMismatch),
    ],
)
def test_a_query_that_does_not_fit_is_refused(tmp_path: Path, query: dict[str, Any], error: type[Exception]) -> None:
    with make(tmp_path / "g", np.ones((3, 4))) as gallery, pytest.raises(error):
        gallery.search(Query(**{"embedding": np.zeros(4, np.float32), **query}))


# --- writing


def test_the_same_sighting_is_enrolled_once(tmp_path: Path) -> None:
    with make(tmp_path / "g", np.eye(4)) as gallery:
        again = gallery.add(
            [
                NewSighting("yard", np.ones(4, np.float32), "digest-0", "0.jpg"),
                NewSighting("gate", np.ones(4, np.float32), "digest-0", "0.jpg"),
            ]
        )

        assert again == [False, True]
        assert len(gallery) == 5


def test_an_add_is_whole_or_nothing(tmp_path: Path) -> None:
    good, bad = (
        NewSighting("yard", np.ones(4, np.float32), "a"),
        NewSighting("yard", np.full(4, np.inf, np.float32), "b"),
    )
    with make(tmp_path / "g", np.eye(4)) as gallery:
        for wrong in (bad, NewSighting("yard", np.ones(3, np.float32), "c")):
            with pytest.raises(GalleryMismatch):
                gallery.add([good, wrong])
        with pytest.raises(UnknownCamera):
            gallery.add([good, NewSighting("roof", np.ones(4, np.float32), "d")])

        assert len(gallery) == 4


def test_everything_given_comes_back(tmp_path: Path) -> None:
    new = NewSighting("yard", np.ones(4, np.float32), "abc", "x/y.jpg", START, 7, "t", Crop("image/png", b"\x89PNG"))
    with Gallery.create(tmp_path / "g", model(4), NETWORK) as gallery:
        gallery.add([new])
        gallery.add([NewSighting("hall", np.ones(4, np.float32), "abd")])
    with Gallery(tmp_path / "g") as gallery:
        first, second = gallery.sightings()

        assert (first.id, first.camera, first.source, first.digest) == (new.id, "yard", "x/y.jpg", "abc")
        assert (first.taken_at, first.identity, first.track, first.has_crop) == (START, 7, "t", True)
        assert (second.taken_at, second.identity, second.track, second.has_crop) == (None, None, None, False)
        assert gallery.crop(first.id) == Crop("image/png", b"\x89PNG")
        assert gallery.crop(second.id) is None


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        ({"camera": "yard"}, [1, 2, 4, 5, 7, 8]),
        ({"identity": 0}, [1, 2, 3, 4, 6, 7, 8]),
        ({"before": START + timedelta(minutes=7)}, [7, 8]),
        ({"camera": "yard", "identity": 0}, [1, 2, 3, 4, 5, 6, 7, 8]),
    ],
)
def test_what_is_removed_is_gone_from_searches_and_from_the_disk(
    tmp_path: Path, condition: dict[str, Any], left: list[int]
) -> None:
    vectors = np.arange(36, dtype=np.float32).reshape(9, 4) + 0.625
    gone = [i for i in range(9) if i not in left]
    with make(tmp_path / "g", vectors) as gallery:
        assert gallery.remove(**condition) == len(gone)

        assert sorted(sources(gallery.search(Query(vectors[0], top_k=9)))) == left
        assert gallery.verify() == []
    on_disk = b"".join(path.read_bytes() for path in (tmp_path / "g").iterdir())
    assert [i for i in range(9) if vectors[i].tobytes() in on_disk] == left


def test_remove_without_a_condition_is_refused(tmp_path: Path) -> None:
    with make(tmp_path / "g", np.eye(4)) as gallery, pytest.raises(UsageError, match="needs a condition"):
        gallery.remove()


def test_another_models_bundle_is_refused_with_what_to_do(tmp_path: Path, bundle: Bundle) -> None:
    with (
        make(tmp_path / "g", np.eye(4)) as gallery,
        pytest.raises(GalleryMismatch, match="index the images into another --gallery"),
    ):
        gallery.expect(bundle.card)


# --- one writer, many readers


def test_a_reader_sees_what_another_connection_adds_and_removes(tmp_path: Path) -> None:
    with make(tmp_path / "g", np.eye(4)) as writer, Gallery(tmp_path / "g") as reader:
        assert len(reader) == 4
        writer.add([NewSighting("yard", np.ones(4, np.float32), "new")])
        assert len(reader) == 5
        writer.remove(camera="hall")
        assert len(reader) == 4
        assert reader.verify() == []


HOLD = """
import sys
from rgbir.index import Gallery
with Gallery(sys.argv[1]) as gallery, gallery.writing():
    print("holding", flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_a_second_writing_process_is_refused_with_a_message_and_a_reader_is_welcome(tmp_path: Path) -> None:
    make(tmp_path / "g", np.eye(4)).close()
    command = [sys.executable, "-c", HOLD, str(tmp_path / "g")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holding\n"
        with Gallery(tmp_path / "g") as gallery:
            assert len(gallery.search(Query(np.ones(4, np.float32))).hits) == 4
            with pytest.raises(GalleryBusy, match=f"process {holder.pid} is writing"):
                gallery.remove(camera="yard")
        holder.communicate()


@pytest.mark.slow
def test_searches_in_threads_see_one_state_each_while_sightings_come_and_go(tmp_path: Path) -> None:
    """Batches of 6 rows come and go as a whole; a search must find a multiple of 6 of each batch, never half."""
    errors: list[str] = []
    stop = threading.Event()
    with make(tmp_path / "g", np.zeros((6, 4)), cameras=("yard", "hall")) as gallery:

        def read() -> None:
            while not stop.is_set():
                hits = gallery.search(Query(np.zeros(4, np.float32), top_k=500)).hits
                batches = [hit.track for hit in hits]
                errors.extend(f"{t}: {batches.count(t)}" for t in set(batches) if batches.count(t) != 6)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for number in range(25):
            batch = [
                NewSighting(("yard", "hall")[i % 2], np.full(4, i, np.float32), f"{number}/{i}", track=str(number))
                for i in range(6)
            ]
            gallery.add(batch)
            if number % 3 == 2:
                gallery.remove(track=str(number - 1))
        stop.set()
        for reader in readers:
            reader.join()

        assert errors == []
        assert gallery.verify() == []


# --- trouble


def test_no_gallery_and_no_database_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(GalleryMissing, match="is not a gallery"):
        Gallery(tmp_path)
    (tmp_path / "gallery.sqlite3").write_bytes(b"not a database" * 100)
    with pytest.raises(GalleryCorrupt, match="restore a backup"):
        Gallery(tmp_path)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    make(tmp_path / "g", np.eye(4)).close()
    with sqlite3.connect(tmp_path / "g/gallery.sqlite3") as database:
        database.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    database.close()
    with pytest.raises(GalleryError, match="format 99; this version reads formats 1 to 5"):
        Gallery(tmp_path / "g")


def test_an_altered_embedding_is_found(tmp_path: Path) -> None:
    make(tmp_path / "g", np.eye(4)).close()
    database = sqlite3.connect(tmp_path / "g/gallery.sqlite3")
    with database:
        database.execute("UPDATE sightings SET embedding = zeroblob(16) WHERE row = 2")
    database.close()
    with pytest.raises(GalleryCorrupt, match="row 2 is not what was written"):
        Gallery(tmp_path / "g")
    assert Gallery.problems_in(tmp_path / "g") == ["row 2: the embedding is not what was written"]


def test_an_empty_view_answers_with_nothing(tmp_path: Path) -> None:
    with Gallery.create(tmp_path / "g", model(4), NETWORK) as gallery:
        assert gallery.search(Query(np.zeros(4, np.float32))).hits == ()
        assert gallery.view().nearest(np.zeros(4, np.float32), [], Filter(), 5) == []
