"""What each call of a gallery in Milvus costs in requests and rows, seen by a proxy: the same for eight times as many sightings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.index.between import Between, cost, names, served
from tests.index.yard import model, network

from rgbir.index import Crop, NewSighting, Query
from rgbir.index.cameras import Passage
from rgbir.index.enrolment.merge import merge
from rgbir.index.gallery.addresses import create, open_gallery
from rgbir.index.gallery.browse import Selection, Spot
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.gallery.milvus import store as store_module
from rgbir.index.times import Hours, to_microseconds

NETWORK = network(
    {"door": "hall", "yard": "yard", "garden": "garden"},
    ir={"night": "hall"},
    passages=(Passage("hall", "garden", 600, 1500),),
)
D, FEW, MANY = 12, 250, 1_500
START = datetime(2026, 3, 1, tzinfo=UTC)
SOON = START + timedelta(minutes=40)


def new(n: int, seed: int = 0) -> list[NewSighting]:
    rows = np.random.default_rng(seed).standard_normal((n, D)).astype(np.float32)
    return [
        NewSighting(
            ("door", "yard", "garden")[i % 3],
            row,
            f"{seed}-{i}",
            f"{seed}-{i}.jpg",
            None if i % 4 == 0 else START + timedelta(minutes=i),
            None if i % 5 == 0 else i % 7,
            None if i % 2 else f"t{i}",
            Crop("image/jpeg", b"\xff\xd8\xff"),
        )
        for i, row in enumerate(rows)
    ]


ENROLLED = new(MANY)
FIRST = [sighting.id for sighting in ENROLLED]
QUERY = ENROLLED[1].embedding
LATER = Spot(to_microseconds(START + timedelta(minutes=101)), FIRST[101])
FILTERED = Query(
    QUERY, camera="night", taken_at=START, since=START, until=SOON, hours=Hours.parse("00:10-00:45"), identity=2
)
Call = Callable[[AnyGallery], Any]
CALLS: dict[str, tuple[Call, int, int]] = {
    "opening": (lambda gallery: open_gallery(gallery.address).close(), 8, 12),
    "a first search": (lambda gallery: gallery.search(Query(QUERY)), 7, 42),
    "a search": (lambda gallery: gallery.search(Query(QUERY)), 2, 36),
    "a first search by everything": (lambda gallery: gallery.search(FILTERED), 60, 300),
    "a search by everything": (lambda gallery: gallery.search(FILTERED), 2, 36),
    "two searches": (lambda gallery: gallery.search_many([Query(QUERY), Query(-QUERY)]), 4, 72),
    "len": (len, 1, 1),
    "generation": (lambda gallery: gallery.generation, 1, 9),
    "counts": (lambda gallery: gallery.counts(), 120, 700),
    "counts again": (lambda gallery: gallery.counts(), 1, 9),
    "untimed": (lambda gallery: gallery.untimed(["door"]), 3, 11),
    "get": (lambda gallery: gallery.get(FIRST[0]), 1, 1),
    "crop": (lambda gallery: gallery.crop(FIRST[0]), 1, 1),
    "crops": (lambda gallery: gallery.crops(FIRST[:20]), 1, 20),
    "by_ids": (lambda gallery: gallery.by_ids(FIRST[:50]), 1, 50),
    "known": (lambda gallery: gallery.known(FIRST[:50]), 1, 50),
    "embeddings": (lambda gallery: gallery.embeddings(FIRST[:50]), 1, 50),
    "some": (lambda gallery: gallery.some(), 1, 1),
    "distances_of": (lambda gallery: gallery.distances_of([(FIRST[1], FIRST[2])]), 3, 4),
    "browse, newest": (lambda gallery: gallery.browse(Selection(), limit=20), 30, 180),
    "browse, oldest": (lambda gallery: gallery.browse(Selection(), "oldest", LATER, 20), 30, 180),
    "browse, without a time": (lambda gallery: gallery.browse(Selection(), after=Spot(None, "8" * 24)), 12, 320),
    "a page": (lambda gallery: next(gallery.pages()), 60, 1_060),
    "count": (lambda gallery: gallery.count(identity=3), 1, 1),
    "moment": (lambda gallery: gallery.moment(), 1, 9),
    "erasures": (lambda gallery: gallery.erasures(), 3, 9),
    "bound": (lambda gallery: gallery.bound(new(5, seed=3)), 3, 9),
    "origins": (lambda gallery: gallery.origins(), 1, 1),
    "keep_days": (lambda gallery: gallery.keep_days, 1, 1),
    "set_keep_days": (lambda gallery: gallery.set_keep_days(None), 2, 14),
    "add one": (lambda gallery: gallery.add(new(1, seed=4)), 4, 14),
    "add fifty": (lambda gallery: gallery.add(new(50, seed=5)), 4, 95),
    "a search after an add": (lambda gallery: gallery.search(Query(QUERY)), 6, 42),
    "remove ten": (lambda gallery: gallery.remove(ids=FIRST[5:15]), 26, 160),
    "remove a track": (lambda gallery: gallery.remove(track="t0"), 26, 60),
    "remove what is old": (lambda gallery: gallery.remove(before=START + timedelta(minutes=30)), 26, 300),
    "remove nothing": (lambda gallery: gallery.remove(track="nobody"), 8, 30),
    "discard": (lambda gallery: gallery.discard(FIRST[40:45]), 20, 80),
    "add_cameras": (lambda gallery: gallery.add_cameras([*network("c")]), 10, 35),
}
"""Of each call, in this order: at most so many requests, and so many rows. Nothing here depends on how many are enrolled."""
WALKS: dict[str, Call] = {
    "sightings": lambda gallery: gallery.sightings(),
    "verify": lambda gallery: gallery.verify(),
    "moments": lambda gallery: gallery.moments(["door"]),
    "distances": lambda gallery: gallery.distances(Query(QUERY)),
    "search_tracks": lambda gallery: gallery.search_tracks(Query(QUERY)),
}
"""These answer with, or by, every sighting that is meant."""
ELSEWHERE = {
    *(
        "add",
        "storage",
        "create",
        "open_or_create",
        "close",
        "network",
        "writing",
        "expect",
        "expect_copies",
    ),  # no request, or one gallery's beginning
    *(
        "search",
        "search_many",
        "search_affine",
        "finish_lists",
        "calibration",
        "draw_pairs",
        "use_judged",
        "drop_judged",
    ),
    *(
        "backups",
        "empty_journal",
        "refresh_cache",
        "browse",
        "pages",
        "remove",
        "change_network",
        "touched",
        "note_origin",
        "uid",
    ),
    *("keep", "expire", "erase", "heed"),  # by count and remove, but for ids from elsewhere
}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Between]:
    with served(tmp_path_factory.mktemp("milvus")) as between:
        yield between


def filled(proxy: Between, name: str, count: int) -> AnyGallery:
    gallery = create(f"milvus://{proxy.uri}/{name}", model(D), NETWORK)
    for start in range(0, count, 250):
        gallery.add(ENROLLED[start : min(start + 250, count)])
    return gallery


@pytest.mark.parametrize("count", [FEW, MANY])
@pytest.mark.slow
def test_no_call_costs_more_where_more_are_enrolled(proxy: Between, count: int) -> None:
    dear = {}
    with filled(proxy, f"g{count}", count) as gallery:
        for name, (call, requests, rows) in CALLS.items():
            with proxy.counted() as seen:
                call(gallery)
            if cost(seen)[0] > requests or cost(seen)[1] > rows:
                dear[name] = (cost(seen), (requests, rows), names(seen))
    assert dear == {}


@pytest.mark.slow
def test_what_looks_at_every_sighting_is_named(proxy: Between) -> None:
    with filled(proxy, "walks", FEW) as gallery:
        for name, walk in WALKS.items():
            with proxy.counted() as seen:
                walk(gallery)
            assert cost(seen)[1] > 30, name
    public = {name for name in vars(AnyGallery) if not name.startswith("_")}
    assert public - {*CALLS, *WALKS} <= ELSEWHERE


@pytest.mark.slow
def test_many_that_are_equally_near_are_read_and_no_others(proxy: Between, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred black pictures among a thousand others, where Milvus gives forty hits at once; the earliest come first."""
    monkeypatch.setattr(store_module, "MOST", 40)
    with filled(proxy, "black", 500) as gallery:
        black = [NewSighting("yard", np.full(D, 0.25, np.float32), f"black {number}") for number in range(100)]
        gallery.add(black)
        gallery.add(new(500, seed=21))
        query = Query(black[0].embedding, top_k=5)
        gallery.search(query)
        with proxy.counted() as seen:
            hits = gallery.search(query).hits
        assert [hit.id for hit in hits] == [sighting.id for sighting in black[:5]]
        assert cost(seen)[1] < 4 * 100
        assert cost(seen)[0] < 12


@pytest.mark.slow
def test_a_camera_is_counted_again_when_somebody_added_to_it(proxy: Between) -> None:
    """Another process's change is seen by the next search, and counts of other cameras aren't asked for again."""
    with filled(proxy, "two", 30) as gallery, open_gallery(gallery.address) as other:
        gallery.counts()
        other.add([NewSighting("yard", ENROLLED[0].embedding, "new", identity=99)])
        with proxy.counted() as seen:
            answer = gallery.search(Query(QUERY, top_k=50))
        assert len(answer.hits) == 31
        assert names(seen) == {"Query": 3, "Search": 1}  # itself, moments, the yard's number
        counts = {count.camera: count for count in gallery.counts()}
        assert (counts["yard"].sightings, counts["yard"].identities) == (11, 7)
        other.remove(camera="yard", identity=99)
        assert {count.camera: count.identities for count in gallery.counts()}["yard"] == 6


@pytest.mark.slow
def test_people_are_counted_as_they_come_and_go(proxy: Between) -> None:
    with filled(proxy, "people", 100) as gallery:
        left = ENROLLED[:100]

        def expected() -> dict[str, int]:
            labels = {(s.camera, s.identity) for s in left if s.identity is not None}
            return {camera: sum(c == camera for c, _ in labels) for camera in {s.camera for s in left}}

        for condition in ({"identity": 3}, {"camera": "door", "identity": 1}, {"before": SOON}, {"ids": FIRST[41:80]}):
            gallery.remove(**condition)
            gone = {s.id for s in left} - {s.id for s in gallery.sightings()}
            left = [sighting for sighting in left if sighting.id not in gone]
            assert {count.camera: count.identities for count in gallery.counts()} == expected()


@pytest.mark.slow
def test_a_gallery_whose_people_nobody_noted_notes_them_when_it_is_opened(proxy: Between) -> None:
    with filled(proxy, "older", 100) as gallery:
        counts = gallery.counts()
        store = gallery._store  # type: ignore[attr-defined]
        keys = [*store.entries('key like "person:%"'), "people"]
        store.forget(keys)
        with open_gallery(gallery.address) as opened:
            assert opened.counts() == counts
        with proxy.counted() as seen:
            open_gallery(gallery.address).close()
        assert cost(seen)[1] < 20


@pytest.mark.slow
def test_a_copy_that_was_stopped_goes_on_where_it_was(proxy: Between, tmp_path: Path) -> None:
    """What is there isn't read again: neither embeddings nor crops."""
    with filled(proxy, "whole", 600) as gallery, create(tmp_path / "copy", gallery.model, NETWORK) as copy:
        seen = []

        def stop(count: int) -> None:
            seen.append(count)
            if sum(seen) >= 300:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            merge(gallery, copy, batch=100, progress=stop)
        assert len(copy) == 300
        with proxy.counted() as requests:
            assert merge(gallery, copy, batch=100) == (300, 300, 0, 0)
        assert cost(requests)[1] < 600 + 300 + 300 + 100  # each once, then the missing embeddings and crops
        assert cost(requests)[0] < 60
        assert [s.id for s in copy.sightings()] == FIRST[:600]
        with proxy.counted() as requests:
            assert merge(gallery, copy) == (0, 600, 0, 0)
        assert cost(requests)[1] < 600 + 100


@pytest.mark.slow
def test_sightings_are_put_in_their_places_and_never_beside_themselves(proxy: Between) -> None:
    """An insert that is sent twice is there twice in Milvus. The embedded one hides that, so the requests are looked at."""
    with filled(proxy, "places", 5) as gallery, proxy.counted() as seen:
        gallery.add(new(5, seed=31))
    assert names(seen)["Insert"] == 0
    assert names(seen)["Upsert"] == 2


@pytest.mark.slow
def test_a_large_add_is_sent_in_messages_that_fit_and_taken_back_when_one_fails(
    proxy: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "MESSAGE", 20_000)
    with filled(proxy, "large", 30) as gallery:
        with proxy.counted() as seen:
            gallery.add(new(100, seed=11))
        sizes = [request.size for request in seen if request.name == "Upsert"]
        assert len(sizes) > 5
        assert max(sizes) < 20_000
        upsert, calls = gallery._store._client.upsert, []  # type: ignore[attr-defined]

        def third(*given: Any, **named: Any) -> Any:
            calls.append(1)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return upsert(*given, **named)

        with monkeypatch.context() as patched:
            patched.setattr(gallery._store._client, "upsert", third)  # type: ignore[attr-defined]
            with pytest.raises(KeyboardInterrupt):
                gallery.add(new(100, seed=12))
        assert len(gallery) == 130
        assert gallery.add(new(100, seed=12)) == [True] * 100
