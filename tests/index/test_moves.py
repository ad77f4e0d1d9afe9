"""Cameras that change place: what is searched is never of the query's place, whatever was moved, whenever."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.index.yard import model

from rgbir.index import Camera, CameraNetwork, Gallery, Modality, NewSighting, Query, UnknownCamera, UsageError
from rgbir.index.cameras import Passage
from rgbir.index.datasets.cross import _findable
from rgbir.index.datasets.protocol import Protocol
from rgbir.index.datasets.records import ImageRecord
from rgbir.index.datasets.task import Draw, Task
from rgbir.index.enrolment.merge import merge
from rgbir.index.errors import GalleryError
from rgbir.index.evaluation import Features
from rgbir.index.evaluation.run import evaluate_ranked, hidden_rows
from rgbir.index.gallery.addresses import create, open_gallery
from rgbir.index.gallery.calibration import calibrate
from rgbir.index.gallery.changes import CameraEdit
from rgbir.index.gallery.folder.backup import back_up, restore
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.metric import Metric
from rgbir.index.nearest.comparison import Ranked
from rgbir.index.stays import Stay

IR_OR_RGB = {"a": Modality.RGB, "b": Modality.RGB, "n": Modality.IR}
RGB, IR = frozenset({Modality.RGB}), frozenset({Modality.IR})
MAY = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLACES = ("hall", "gate", "yard")
NAMES = ("a", "b", "n")
D = 4
_numbers = itertools.count()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("milvus") / "milvus.db"


Maker = Callable[[CameraNetwork], AnyGallery]


@pytest.fixture(params=["folder", "milvus"])
def make(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, database: Path) -> Iterator[Maker]:
    opened: list[AnyGallery] = []

    def make(network: CameraNetwork) -> AnyGallery:
        name = f"g{next(_numbers)}"
        folder = str(tmp_path_factory.mktemp("moves") / name)
        opened.append(
            create(folder if request.param == "folder" else f"milvus+file:{database}/{name}", model(D), network)
        )
        return opened[-1]

    yield make
    for gallery in opened:
        gallery.close()


def site(**places: str | list[tuple[str, datetime | None]]) -> CameraNetwork:
    """Cameras by name, each with its place, or with its places and since when; `n` is infrared."""
    cameras = []
    for name, where in places.items():
        history = [(where, None)] if isinstance(where, str) else where
        first = Camera(name, IR if name == "n" else RGB, history[0][0])
        cameras.append(first.at([Stay(place, since) for place, since in history]))
    return CameraNetwork("site", tuple(cameras))


# --- by a slow loop: a history is a list of (place, since), what isn't known may be any


History = list[tuple[str, int | None]]
MOMENTS = st.integers(0, 12)


def histories() -> st.SearchStrategy[History]:
    """A first place, and moves on different hours, each to another place than the one before."""

    def ordered(first: str, moves: dict[int, str]) -> History:
        history: History = [(first, None)]
        for hour in sorted(moves):
            if moves[hour] != history[-1][0]:
                history.append((moves[hour], hour))
        return history

    place = st.sampled_from(PLACES)
    return st.builds(ordered, place, st.dictionaries(MOMENTS, place, max_size=4))


def possible(history: History, hour: int | None) -> set[str]:
    """Where a camera may have been at that hour."""
    if hour is None:
        return {place for place, _ in history}
    place = ""
    for there, since in history:
        if since is None or since <= hour:
            place = there
    return {place}


def by_history(history: History) -> list[tuple[str, datetime | None]]:
    return [(place, None if hour is None else MAY + hour * HOUR) for place, hour in history]


def moment(hour: int | None) -> datetime | None:
    return None if hour is None else MAY + hour * HOUR


def enrolled(hours: list[tuple[str, int | None]]) -> list[NewSighting]:
    rng = np.random.default_rng(0)
    return [
        NewSighting(camera, rng.standard_normal(D).astype(np.float32), f"d{i}", f"{i}.jpg", moment(hour))
        for i, (camera, hour) in enumerate(hours)
    ]


def found_by(gallery: AnyGallery, camera: str, hour: int | None) -> tuple[set[str], set[str]]:
    """Sources of what a search finds, and of what distances compare."""
    query = Query(np.zeros(D, np.float32), camera=camera, cameras=NAMES, taken_at=moment(hour), top_k=999)
    sources = {sighting.id: sighting.source for sighting in gallery.sightings()}
    hits = {hit.source for hit in gallery.search(query).hits}
    many = gallery.search_many([query, query, query])
    assert all({hit.source for hit in answer.hits} == hits for answer in many)
    assert {hit.source for hit in gallery.search_tracks(query).hits} == hits, "each is a track of its own"
    return hits, {sources[name] for name in gallery.distances(query).sightings}


SIGHTINGS: list[tuple[str, int | None]] = [(name, hour) for name in NAMES for hour in (None, *range(-1, 14))]


@pytest.mark.parametrize("where", ["folder", "milvus"])
@pytest.mark.slow
def test_no_move_whatever_its_date_makes_a_pair_of_one_place_searchable(
    where: str, tmp_path_factory: pytest.TempPathFactory, database: Path
) -> None:
    address = str(tmp_path_factory.mktemp("g") / "g") if where == "folder" else f"milvus+file:{database}/property"
    new = enrolled(SIGHTINGS)
    with create(address, model(D), site(a="hall", b="gate", n="yard")) as gallery:
        gallery.add(new)

        @settings(max_examples=40 if where == "folder" else 4, deadline=None, derandomize=True,
                  suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
        @given(
            given=st.fixed_dictionaries({name: histories() for name in NAMES}),
            mover=st.sampled_from(NAMES), place=st.sampled_from(PLACES), hour=MOMENTS,
            asked=st.lists(st.one_of(st.none(), MOMENTS), min_size=2, max_size=2),
        )  # fmt: skip
        def check(given: dict[str, History], mover: str, place: str, hour: int, asked: list[int | None]) -> None:
            whole = site(**{name: by_history(history) for name, history in given.items()})
            gallery.change_network(lambda _: whole)
            for moved in (False, True):
                if moved:
                    edit = CameraEdit(place=place, since=MAY + hour * HOUR)
                    gallery.change_network(lambda network: edit.edited(network, mover))  # noqa: B023
                    given = {**given, mover: with_move(given[mover], place, hour)}
                for when in asked:
                    here = possible(given["n"], when)
                    expected = {
                        sighting.source
                        for sighting, (camera, at) in zip(new, SIGHTINGS, strict=True)
                        if not possible(given[camera], at) & here
                    }
                    assert found_by(gallery, "n", when) == (expected, expected)

        check()


def with_move(history: History, place: str, hour: int) -> History:
    """By hours: until the next move that was known, the camera is there."""
    moves = {since: there for there, since in history if since is not None} | {hour: place}
    return [history[0], *((moves[since], since) for since in sorted(moves))]


@pytest.mark.slow
def test_walks_count_from_where_the_cameras_were(make: Maker) -> None:
    network = site(a=[("hall", None), ("gate", MAY + 6 * HOUR)], n=[("yard", None), ("gate", MAY + 10 * HOUR)])
    walks = (Passage("yard", "hall", 3600, 7200), Passage("gate", "hall", 0, 3 * 3600))
    gallery = make(CameraNetwork("site", network.cameras, walks))
    gallery.add(enrolled([("a", hour) for hour in (None, *range(12))]))

    def hours(asked: int, **more: Any) -> set[str]:
        query = Query(np.zeros(D, np.float32), camera="n", taken_at=moment(asked), top_k=99, **more)
        return {hit.source for hit in gallery.search(query).hits}

    # From the yard at 5: the hall (until 6) in one to two hours either way; the gate at any time; without a time it may be either.
    assert hours(5) == {f"{1 + hour}.jpg" for hour in (3, 4, *range(6, 12))} | {"0.jpg"}
    assert hours(5, walked=False) == {f"{n}.jpg" for n in range(13)}
    # From the gate at 11: nothing of the gate, and what has no time may be of it; no hall before 6 can be walked from.
    assert hours(11) == set()
    assert hours(11, walked=False) == {f"{1 + hour}.jpg" for hour in range(6)}


@pytest.mark.parametrize("make", ["folder"], indirect=True)
def test_an_answer_says_when_a_camera_was_at_the_querys_place(make: Maker) -> None:
    gallery = make(site(a=[("hall", None), ("gate", MAY), ("hall", MAY + 24 * HOUR)], b="gate", n="gate"))
    gallery.add(enrolled([("a", 2), ("a", -2), ("b", 1)]))

    answer = gallery.search(Query(np.zeros(D, np.float32), camera="n", taken_at=MAY))

    assert answer.place == "gate"
    assert answer.searched_cameras == ("a",)
    assert [hit.source for hit in answer.hits] == ["1.jpg"]
    assert {excluded.camera: excluded.reason for excluded in answer.excluded_cameras} == {
        "a": "same place as the query's camera n from 2026-05-01T00:00:00+00:00 until 2026-05-02T00:00:00+00:00 (gate); what it took"
        " then, and what has no time, is left out, the rest is searched",
        "b": "same place as the query's camera n (gate)",
    }
    moved = make(site(b="gate", n=[("gate", None), ("yard", MAY)]))
    moved.add(enrolled([("b", 1)]))
    assert moved.search(Query(np.zeros(D, np.float32), camera="n")).place == "gate or yard"


@pytest.mark.parametrize("make", ["folder"], indirect=True)
def test_a_camera_that_comes_later_is_searched_for_as_if_it_had_always_been_there(make: Maker) -> None:
    gallery = make(site(a="hall", b="gate"))
    gallery.add(enrolled([("a", 1), ("b", 1)]))
    gallery.change_network(lambda network: CameraEdit(IR, place="hall").added(network, "n"))

    answer = gallery.search(Query(np.zeros(D, np.float32), camera="n"))

    assert [hit.camera for hit in answer.hits] == ["b"]
    with pytest.raises(UsageError, match="there is a camera 'n' already"):
        gallery.change_network(lambda network: CameraEdit(IR).added(network, "n"))


def test_a_renamed_camera_keeps_its_sightings_under_both_names(make: Maker) -> None:
    gallery = make(site(a="hall", n="yard"))
    first, again = enrolled([("a", 1)]), enrolled([("a", 1)])
    gallery.add(first)
    rename = CameraEdit(name="door")
    for _ in range(2):
        gallery.change_network(lambda network: rename.edited(network, "a"))
        gallery.change_network(lambda network: rename.edited(network, "door"))
    camera = gallery.network["door"]
    assert (camera.shown, camera.names, gallery.network["a"]) == ("door", ("a", "door"), camera)
    (sighting,) = gallery.sightings()
    assert sighting.id == first[0].id
    for name in ("a", "door"):
        new = [NewSighting(name, again[0].embedding, again[0].digest, again[0].source)]
        assert gallery.add(new) == [False]
        assert [hit.id for hit in gallery.search(Query(again[0].embedding, cameras=[name])).hits] == [sighting.id]
    with pytest.raises(UsageError, match="two cameras are called 'door'"):
        gallery.change_network(lambda network: rename.edited(network, "n"))
    gallery.change_network(lambda network: CameraEdit(name="lobby").edited(network, "door"))
    assert gallery.network["lobby"].names == ("a", "lobby", "door")
    assert gallery.remove(camera="door") == 1
    late = [NewSighting("lobby", again[0].embedding, again[0].digest, again[0].source, since=1)]
    assert (gallery.add(late), gallery.bound(late)) == ([False], {first[0].id})  # known before it was erased


def test_what_would_lose_sightings_is_refused_and_changes_nothing(make: Maker) -> None:
    gallery = make(site(a="hall", b="gate", n="yard"))
    gallery.add(enrolled([("a", 1), ("a", 2)]))
    before, generation = gallery.network, gallery.generation

    for change, message in [
        (lambda network: network.without_camera("a"), "camera a has 2 sightings; erase them first"),
        (lambda network: CameraEdit(IR | RGB).edited(network, "a"), "2 sightings, which were encoded as rgb"),
        (lambda network: CameraNetwork("site", tuple(c for c in network if c.id != "b")), None),
    ]:  # fmt: skip
        if message is not None:
            with pytest.raises(UsageError, match=message):
                gallery.change_network(change)
    assert (gallery.network, gallery.generation) == (before, generation)
    gallery.change_network(lambda network: CameraEdit(IR | RGB, aliases=frozenset({"porch"})).edited(network, "b"))
    with pytest.raises(UsageError, match="is known as porch, and stays so"):
        gallery.change_network(lambda network: network.with_camera(Camera("b", RGB, "gate")))
    gallery.remove(camera="a")
    gallery.change_network(lambda network: network.without_camera("a"))
    assert "a" not in gallery.network
    with pytest.raises(UnknownCamera):
        gallery.add(enrolled([("a", 1)]))


def test_a_change_tells_which_sightings_it_touches(make: Maker) -> None:
    gallery = make(site(a=[("hall", None), ("gate", MAY + 6 * HOUR)], b="gate", n="yard"))
    gallery.add(enrolled([("a", hour) for hour in (None, None, *range(10))] + [("b", 1)]))

    def touched(edit: CameraEdit, camera: str = "a") -> list[tuple[Any, ...]]:
        after = edit.edited(gallery.network, camera)
        return [(t.camera, t.sightings, t.moved, t.untimed, t.since) for t in gallery.touched(after)]

    assert touched(CameraEdit(place="yard", since=MAY + 2 * HOUR)) == [("a", 12, 4, 2, MAY + 2 * HOUR)]  # 2 to 5
    assert touched(CameraEdit(place="yard", since=MAY + 8 * HOUR)) == [("a", 12, 2, 2, MAY + 8 * HOUR)]
    assert touched(CameraEdit(place="gate")) == [("a", 12, 6, 2, None)]
    assert touched(CameraEdit(place="gate", since=MAY + 7 * HOUR)) == []  # it was there
    assert touched(CameraEdit(name="door")) == [("door", 12, 0, 0, None)]
    assert touched(CameraEdit(position=(1, 2)), "b") == [("b", 1, 0, 0, None)]


def test_other_openings_go_by_the_change_at_once(make: Maker) -> None:
    gallery = make(site(b="gate", n="yard"))
    gallery.add(enrolled([("b", 1)]))
    with open_gallery(gallery.address) as other:
        query = Query(np.zeros(D, np.float32), camera="n")
        assert len(other.search(query).hits) == 1
        gallery.change_network(lambda network: CameraEdit(place="gate").edited(network, "n"))
        answer = other.search(query)
        assert (answer.hits, answer.generation) == ((), gallery.generation)


@pytest.mark.parametrize("make", ["folder"], indirect=True)
def test_copies_carry_the_history_and_contradictions_are_refused(make: Maker, tmp_path: Path) -> None:
    network = site(a=[("hall", None), ("gate", MAY)], b="gate", n="yard")
    gallery = make(network)
    gallery.add(enrolled([("a", 1), ("b", 1)]))
    with create(str(tmp_path / "copy"), gallery.model, gallery.network) as copy:
        assert merge(gallery, copy).added == 2
        assert copy.network == network
        gallery.change_network(lambda network: CameraEdit(name="door").edited(network, "a"))
        assert merge(gallery, copy).present == 2
        gallery.change_network(lambda network: CameraEdit(place="yard", since=MAY + HOUR).edited(network, "a"))
        with pytest.raises(
            UsageError, match=r"hall \(until .*\), gate \(from .* until .*\) and yard \(from .*\) in .* and at hall"
        ):
            merge(gallery, copy)
        copy.change_network(lambda network: CameraEdit(aliases=frozenset({"lobby"})).edited(network, "b"))
        gallery.change_network(lambda network: CameraEdit(name="lobby").edited(network, "a"))
        with pytest.raises(UsageError, match=r"a name of camera lobby in .* is camera b's in"):
            merge(gallery, copy)


# --- of a gallery in a folder


def test_a_gallery_that_moved_is_of_a_format_that_older_versions_refuse(tmp_path: Path) -> None:
    for number, edit in enumerate(
        [CameraEdit(place="gate", since=MAY), CameraEdit(name="x"), CameraEdit(position=(1, 2))]
    ):
        with Gallery.create(tmp_path / str(number), model(D), site(a="hall")) as gallery:
            gallery.change_network(lambda network: network.with_camera(Camera("b", IR, "b", aliases=frozenset("c"))))
            assert gallery._entry("format") == "4"
            gallery.change_network(lambda network, edit=edit: edit.edited(network, "a"))  # type: ignore[misc]
            assert gallery._entry("format") == "5"
        with Gallery(tmp_path / str(number)) as again:
            assert again.network == edit.edited(site(a="hall").extended([again.network["b"]]), "a")
            assert again.verify() == []
    with Gallery.create(tmp_path / "new", model(D), site(a=[("hall", None), ("gate", MAY)])) as gallery:
        assert gallery._entry("format") == "5"
        gallery._remember("format", "6")
    with pytest.raises(GalleryError, match="has format 6; this version reads formats 1 to 5"):
        Gallery(tmp_path / "new")


def test_a_backup_carries_the_history(tmp_path: Path) -> None:
    network = site(a=[("hall", None), ("gate", MAY)], n="yard")
    with Gallery.create(tmp_path / "g", model(D), network) as gallery:
        gallery.add(enrolled([("a", 1)]))
    back_up(tmp_path / "g", tmp_path / "copy")
    restore(tmp_path / "copy", tmp_path / "again")
    with Gallery(tmp_path / "again") as again:
        assert again.network == network


def test_a_calibration_compares_nothing_of_one_place(tmp_path: Path) -> None:
    """Before May both cameras hang in the hall, and everybody is 0 apart there; since then a stranger pair is 1 apart."""
    people = 40
    network = site(a=[("hall", None), ("gate", MAY)], n="hall")
    new = []
    for person in range(people):
        for camera in ("a", "n"):
            for after in (False, True):
                row = np.zeros(people, np.float32)
                row[person] = after
                hour = MAY + (HOUR if after else -HOUR)
                new.append(NewSighting(camera, row, f"{camera}{person}{after}", "", hour, person))
    with Gallery.create(tmp_path / "g", model(people), network) as gallery:
        gallery.add(new)
        pair = gallery.calibrate().of("a", "n")
        assert pair is not None
        # Of 40 × 40 × 4 pairs those with the early half of `a` (and the hall) are left out; n's early ones stay with a's late ones.
        assert pair.genuine + pair.impostors == people * people * 2
        gallery.change_network(lambda network: CameraEdit(place="yard").edited(network, "n"))
        kept = gallery.calibration()
        assert kept is not None
        pair = kept[0].of("a", "n")
        assert pair is not None
        assert pair.genuine + pair.impostors == people * people * 4
        gallery.change_network(lambda network: CameraEdit(place="hall").edited(network, "a"))
        gallery.change_network(lambda network: CameraEdit(place="hall").edited(network, "n"))
        kept = gallery.calibration()
        assert kept is not None
        assert kept[0].pairs == {}
        assert calibrate(gallery.view(), gallery.network).pairs == {}


@pytest.mark.parametrize("hiding", ["place", "place and modality"])
def test_benchmarks_refuse_cameras_that_moved(hiding: Any) -> None:
    network = site(a=[("hall", None), ("gate", MAY)], b="hall", n="yard")
    records = {name: ImageRecord(Path(name), name, name, IR_OR_RGB[name], 1) for name in NAMES}
    protocol = Protocol("x", hiding=hiding, cmc="image", ap="rectangle", selection="everything", denominator="all")
    refused = "a benchmark knows one place a camera, and a moved"

    def features(*names: str) -> Features:
        return Features.of(np.zeros((len(names), 1), np.float32), [1] * len(names), names, names)

    for shown in ("a", "b"):
        task = Task(network, {}, [records["n"]], [records[shown]], [Draw(np.array([0]), np.array([0]))])
        ranked = partial(
            evaluate_ranked, task, lambda rows: Ranked.of(np.zeros((len(rows), 1))), protocol, Metric.EUCLIDEAN
        )
        if shown == "b":
            assert ranked().trials
            assert hidden_rows(hiding, network, features("n"), features("b")) is not None
            continue
        with pytest.raises(UsageError, match=refused):
            ranked()
        with pytest.raises(UsageError, match=refused):
            hidden_rows(hiding, network, features("n"), features("a"))
    with pytest.raises(UsageError, match=refused):
        _findable(list(records.values()), network)
