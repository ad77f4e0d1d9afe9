"""How many sightings a query could find, and what left the others out: by a slow loop, whatever moved, in both galleries."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.index import test_moves as moves
from tests.index.test_moves import HOUR, MAY, NAMES, PLACES, D, History, histories, moment, site
from tests.index.yard import model

from rgbir.index import Modality, NewSighting, Query
from rgbir.index.cameras import CameraNetwork, Passage
from rgbir.index.gallery.addresses import create
from rgbir.index.gallery.coverage import Coverage
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.nearest.view import View
from rgbir.index.times import Hours

WALKS = (Passage("hall", "gate", 2 * 3600, 5 * 3600), Passage("gate", "yard", 3 * 3600))
Labelled = tuple[str, int | None, int | None, str | None]
"""Camera, hour, identity and track of a sighting."""
SIGHTINGS: list[Labelled] = [
    (name, hour, None if number % 3 else number % 2, "t" if number % 2 else None)
    for number, (name, hour) in enumerate((name, hour) for name in NAMES for hour in (None, *range(-1, 14)))
]


def enrolled(labels: list[Labelled]) -> list[NewSighting]:
    rng = np.random.default_rng(0)
    return [
        NewSighting(name, rng.standard_normal(D).astype(np.float32), f"d{i}", f"{i}.jpg", moment(hour), identity, track)
        for i, (name, hour, identity, track) in enumerate(labels)
    ]


def walkable(here: str, there: str, hours: int) -> bool:
    """By the table above, in hours."""
    least, most = {frozenset({"hall", "gate"}): (2, 5), frozenset({"gate", "yard"}): (3, 10**6)}.get(
        frozenset({here, there}), (0, 10**6)
    )
    return least <= abs(hours) <= most


def slow(
    where: dict[str, History], asked: dict[str, Any], chosen: list[str] | None, visible: tuple[str, ...]
) -> Counter[str]:
    """One sighting after another, by the rule book."""
    counts: Counter[str] = Counter()
    camera, at = asked["camera"], asked["at"]
    here = moves.possible(where[camera], at)
    for name, hour, identity, track in SIGHTINGS:
        if name not in visible:
            continue
        whole = moves.possible(where[name], None) <= here
        wanted = chosen is None or name in chosen
        other_light = (name == "n") != (camera == "n") or chosen is not None
        there = moves.possible(where[name], hour)
        times_wanted = any(asked[key] is not None for key in ("since", "until", "hours"))
        if whole:
            counts["place"] += 1
        elif not wanted or not other_light:
            counts["cameras"] += 1
        elif here & there:
            counts["place"] += 1
        elif times_wanted and hour is None:
            counts["untimed"] += 1
        elif hour is not None and (
            (asked["since"] is not None and hour < asked["since"])
            or (asked["until"] is not None and hour >= asked["until"])
            or (asked["hours"] is not None and not asked["hours"][0] <= hour % 24 < asked["hours"][1])
        ):
            counts["time"] += 1
        elif (
            asked["walked"]
            and at is not None
            and hour is not None
            and not walkable(next(iter(here)), next(iter(there)), hour - at)
        ):
            counts["passages"] += 1
        elif asked["identity"] not in (None, identity) or asked["track"] not in (None, track):
            counts["labels"] += 1
        else:
            counts["searched"] += 1
    return counts


def query_of(asked: dict[str, Any], chosen: list[str] | None, visible: tuple[str, ...]) -> Query:
    hours = asked["hours"]
    return Query(
        np.zeros(D, np.float32),
        walked=asked["walked"],
        camera=asked["camera"],
        cameras=chosen,
        visible=visible,
        taken_at=moment(asked["at"]),
        since=moment(asked["since"]),
        until=moment(asked["until"]),
        hours=hours and Hours.parse(f"{hours[0]:02}:00-{hours[1]:02}:00"),
        identity=asked["identity"],
        track=asked["track"],
        modality=Modality.IR if asked["camera"] == "n" else Modality.RGB,
        top_k=99,
    )


def agree(gallery: AnyGallery, asked: dict[str, Any], where: dict[str, History], *more: Any) -> None:
    query, expected = query_of(asked, *more), slow(where, asked, *more)
    answers = [gallery.search(query), *gallery.search_many([query, query, query]), gallery.search_tracks(query)]
    for answer in answers:
        assert asdict(answer.coverage) == {**dict.fromkeys(asdict(answer.coverage), 0), **expected}
        assert answer.coverage.total == sum(name in query.visible for name, *_ in SIGHTINGS if query.visible)
    assert len(answers[0].hits) == answers[0].coverage.searched


HOUR_OR_NONE = st.none() | st.integers(0, 12)


@st.composite
def asked_for(draw: st.DrawFn) -> dict[str, Any]:
    since = draw(HOUR_OR_NONE)
    return {
        "camera": draw(st.sampled_from(NAMES)),
        "at": draw(HOUR_OR_NONE),
        "since": since,
        "until": draw(st.none() | st.integers((since or 0) + 1, 14)),
        "hours": draw(st.none() | st.just((3, 9))),
        "walked": draw(st.booleans()),
        "identity": draw(st.sampled_from([None, None, 0, 1])),
        "track": draw(st.sampled_from([None, None, "t"])),
    }


@pytest.mark.parametrize("where", ["folder", "milvus"])
@pytest.mark.slow
def test_every_sighting_is_counted_once_and_where_it_belongs(
    where: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("coverage")
    address = str(folder / "g") if where == "folder" else f"milvus+file:{folder}/milvus.db/coverage"
    with create(address, model(D), with_walks(site(a="hall", b="gate", n="yard"))) as gallery:
        gallery.add(enrolled(SIGHTINGS))

        @settings(
            max_examples=60 if where == "folder" else 12,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(
            st.fixed_dictionaries({name: histories() for name in NAMES}),
            asked_for(),
            st.sampled_from([None, ["a", "b", "n"], ["b"], ["a", "n"]]),
            st.sampled_from([tuple(NAMES), ("a", "n"), ("b",)]),
        )
        def counted(
            places: dict[str, History], asked: dict[str, Any], chosen: list[str] | None, visible: tuple[str, ...]
        ) -> None:
            if chosen is not None:
                chosen = [name for name in chosen if name in visible]
            network = with_walks(site(**{name: moves.by_history(history) for name, history in places.items()}))
            gallery.change_network(lambda _: network)
            agree(gallery, asked, places, chosen, visible)

        counted()


def with_walks(network: CameraNetwork) -> CameraNetwork:
    """With the passages whose two places are there."""
    there = {stay.place for camera in network for stay in camera.stays}
    walks = tuple(walk for walk in WALKS if {walk.origin, walk.destination} <= there)
    return CameraNetwork(network.name, network.cameras, walks)


def test_the_hours_here_are_those_of_the_moments(tmp_path: Path) -> None:
    """The slow loop takes hours of the day for hours since the first of May."""
    assert datetime(2026, 5, 1, tzinfo=UTC) == MAY
    assert (MAY + 5 * HOUR).hour == 5
    assert set(PLACES) == {"hall", "gate", "yard"}


def test_queries_of_one_kind_are_counted_once_however_they_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with create(str(tmp_path / "g"), model(D), site(a="hall", b="gate", n="yard")) as gallery:
        gallery.add(enrolled(SIGHTINGS))
        query = Query(np.zeros(D, np.float32), since=moment(4))
        together = gallery.search_many([query, query, query])
        monkeypatch.setattr(View, "worth_joining", lambda *_: 99)
        apart = gallery.search_many([query, query, query])
    untimed = sum(hour is None for _, hour, *_ in SIGHTINGS)
    early = sum(hour is not None and hour < 4 for _, hour, *_ in SIGHTINGS)
    expected = Coverage(untimed=untimed, time=early, searched=len(SIGHTINGS) - untimed - early)
    assert [answer.coverage for answer in (*together, *apart)] == [expected] * 6
