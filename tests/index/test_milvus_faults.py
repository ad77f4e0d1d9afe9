"""A network that drops, cuts or delays a request between a gallery and Milvus: an error that teaches, or a whole answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.index.between import Between, Fault, names, served
from tests.index.yard import model, network

from rgbir.index import Crop, GalleryError, NewSighting, Query
from rgbir.index.gallery.addresses import create, open_gallery
from rgbir.index.gallery.browse import Selection
from rgbir.index.gallery.interface import AnyGallery

NETWORK = network({"door": "hall", "yard": "yard", "garden": "garden"}, ir={"night": "hall"})
D, START = 8, datetime(2026, 3, 1, tzinfo=UTC)


def new(n: int, seed: int = 0) -> list[NewSighting]:
    rows = np.random.default_rng(seed).standard_normal((n, D)).astype(np.float32)
    return [
        NewSighting(
            ("door", "yard", "garden")[i % 3],
            row,
            f"{seed}-{i}",
            f"{seed}-{i}.jpg",
            None if i % 4 == 0 else START + timedelta(minutes=i),
            i % 7,
            f"t{i % 9}",
            Crop("image/jpeg", b"\xff\xd8\xff"),
        )
        for i, row in enumerate(rows)
    ]


ENROLLED = new(60)
IDS = [sighting.id for sighting in ENROLLED]
QUERY = Query(ENROLLED[1].embedding, top_k=20, camera="night", since=START, track="t1")
READS: dict[str, Callable[[AnyGallery], Any]] = {
    "search": lambda gallery: [hit.id for hit in gallery.search(QUERY).hits],
    "coverage": lambda gallery: gallery.search(QUERY).coverage,
    "search_tracks": lambda gallery: [hit.id for hit in gallery.search_tracks(QUERY).hits],
    "distances": lambda gallery: gallery.distances(QUERY).keys.tolist(),
    "len": len,
    "counts": lambda gallery: gallery.counts(),
    "untimed": lambda gallery: gallery.untimed(["door", "yard"]),
    "known": lambda gallery: gallery.known([*IDS, "nobody"]),
    "get": lambda gallery: gallery.get(IDS[3]),
    "crops": lambda gallery: gallery.crops(IDS),
    "embeddings": lambda gallery: gallery.embeddings(IDS).tolist(),
    "sightings": lambda gallery: gallery.sightings(),
    "pages": lambda gallery: [sighting.id for page in gallery.pages() for sighting in page],
    "newest": lambda gallery: gallery.browse(Selection(), limit=50),
    "oldest": lambda gallery: gallery.browse(Selection(), "oldest", limit=60),
    "moments": lambda gallery: sorted(gallery.moments(["door"])["door"].tolist()),
    "count": lambda gallery: gallery.count(identity=3),
    "erasures": lambda gallery: gallery.erasures(),
    "verify": lambda gallery: gallery.verify(),
    "opening": lambda gallery: open_gallery(gallery.address).close(),
}
WRITES: dict[str, tuple[Callable[[AnyGallery], Any], Callable[[NewSighting], bool]]] = {
    "add": (lambda gallery: gallery.add(new(9, seed=1)), lambda sighting: True),
    "remove by ids": (lambda gallery: gallery.remove(ids=IDS[:9]), lambda sighting: sighting.id not in IDS[:9]),
    "remove by condition": (lambda gallery: gallery.remove(identity=3), lambda sighting: sighting.identity != 3),
    "discard": (lambda gallery: gallery.discard(IDS[:9]), lambda sighting: sighting.id not in IDS[:9]),
    "add_cameras": (lambda gallery: gallery.add_cameras([*network("c")]), lambda sighting: True),
    "set_keep_days": (lambda gallery: gallery.set_keep_days(30), lambda sighting: True),
}


def every(calls: Iterable[str], quick: set[str]) -> list[Any]:
    """With each fault; what isn't quick, in the slow tests."""
    return [
        pytest.param(name, fault, marks=() if name in quick and fault == "cut" else pytest.mark.slow)
        for name in calls
        for fault in ("drop", "cut")
    ]


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Between]:
    with served(tmp_path_factory.mktemp("milvus")) as between:
        yield between


def filled(proxy: Between, name: str) -> AnyGallery:
    gallery = create(f"milvus://{proxy.uri}/{name}", model(D), NETWORK)
    gallery.add(ENROLLED)
    return gallery


def requests_of(proxy: Between, address: str, call: Callable[[AnyGallery], Any]) -> list[tuple[str, int]]:
    """Each request that a call of a gallery that was just opened makes: its name, and how many of that name go before it."""
    with open_gallery(address) as gallery, proxy.counted() as seen:
        call(gallery)
    return [(name, before) for name, count in names(seen).items() for before in range(count)]


@pytest.mark.parametrize(("name", "fault"), every(READS, {"search", "newest", "pages"}))
def test_a_question_whose_request_is_lost_is_answered_whole(
    proxy: Between, name: str, fault: Fault, galleries: dict[str, str]
) -> None:
    """Each of its requests once; AllocTimestamp aside, which the embedded Milvus doesn't know."""
    call = READS[name]
    with open_gallery(galleries["reads"]) as gallery:
        expected = call(gallery)
    lost = [request for request in requests_of(proxy, galleries["reads"], call) if request[0] != "AllocTimestamp"]
    for request, before in [*lost[:4], *lost[-2:]]:
        with open_gallery(galleries["reads"]) as gallery:
            proxy.fault, proxy.met = (fault, request, before), []
            answer = call(gallery)
            assert proxy.met == [request]
            assert answer == expected


@pytest.fixture(scope="module")
def galleries(proxy: Between) -> dict[str, str]:
    with filled(proxy, "reads") as gallery:
        gallery.remove(ids=[new(1, seed=77)[0].id])
        return {"reads": gallery.address}


@pytest.mark.parametrize(("name", "fault"), every(WRITES, {"add"}))
@pytest.mark.slow
def test_a_change_whose_request_is_lost_is_made_once_and_whole(proxy: Between, name: str, fault: Fault) -> None:
    call, stays = WRITES[name]
    with filled(proxy, f"w{abs(hash((name, fault)))}") as gallery, proxy.counted() as seen:
        expected = call(gallery)
    for request in sorted(names(seen)):
        with filled(proxy, f"w{abs(hash((name, fault, request)))}") as gallery:
            proxy.fault, proxy.met = (fault, request, 0), []
            assert call(gallery) == expected
            assert proxy.met == [request]
            expect_whole(gallery, [*filter(stays, ENROLLED), *(new(9, seed=1) if name == "add" else [])])


def expect_whole(gallery: AnyGallery, expected: list[NewSighting]) -> None:
    """By another opening: the sightings, once each, and what is counted of them."""
    with open_gallery(gallery.address) as other:
        assert sorted(sighting.id for sighting in other.sightings()) == sorted(sighting.id for sighting in expected)
        assert len(other) == len(expected)
        people = {(sighting.camera, sighting.identity) for sighting in expected}
        assert sum(count.identities for count in other.counts()) == len(people)
        assert other.counts() == gallery.counts()
        assert other.verify() == []


@pytest.mark.parametrize(("name", "request_name"), [("add", "Upsert"), ("remove by ids", "Delete")])
@pytest.mark.slow
def test_a_server_that_has_too_much_to_do_is_waited_for(proxy: Between, name: str, request_name: str) -> None:
    call, stays = WRITES[name]
    with filled(proxy, f"b{abs(hash(name))}") as gallery:
        proxy.fault, proxy.met = ("busy", request_name, 0), []
        call(gallery)
        assert proxy.met == [request_name]
        expect_whole(gallery, [*filter(stays, ENROLLED), *(new(9, seed=1) if name == "add" else [])])


@pytest.mark.parametrize("name", ["search", "pages"])
def test_a_question_that_is_not_answered_in_time_is_an_error(
    proxy: Between, name: str, galleries: dict[str, str]
) -> None:
    with open_gallery(f"{galleries['reads']}?timeout=0.5") as gallery:
        proxy.fault = ("delay", "Query", 0)
        with pytest.raises(GalleryError, match=r"no answer of Milvus within 0\.5 s"):
            READS[name](gallery)
        proxy.late.set()
    proxy.late.clear()


@pytest.mark.parametrize(("name", "request_name"), [("add", "Upsert"), ("remove by ids", "Delete")])
@pytest.mark.slow
def test_a_change_that_comes_late_is_an_error_and_is_made_by_asking_again(
    proxy: Between, name: str, request_name: str
) -> None:
    call, stays = WRITES[name]
    with filled(proxy, f"l{abs(hash(name))}") as gallery:
        with open_gallery(f"{gallery.address}?timeout=0.5") as hasty:
            proxy.fault = ("delay", request_name, 0)
            with pytest.raises(GalleryError, match="whether a change was made isn't known; ask again"):
                call(hasty)
            proxy.late.set()
        proxy.late.clear()
        with open_gallery(gallery.address) as again:
            call(again)
        expect_whole(gallery, [*filter(stays, ENROLLED), *(new(9, seed=1) if name == "add" else [])])


@pytest.mark.slow
def test_a_server_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with served(tmp_path) as between:
        address = f"milvus://{between.uri}/gone?timeout=1"
        gallery = create(address, model(D), NETWORK)
        gallery.add(ENROLLED)
    with pytest.raises(GalleryError):
        gallery.search(QUERY)
    with pytest.raises(GalleryError):
        gallery.browse(Selection())
    with pytest.raises(GalleryError):
        gallery.add(new(3, seed=4))
