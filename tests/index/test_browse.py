"""Browsing and counting without a query, in both galleries: by a sorted list, a slow clock, and while others write."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.index.yard import filled, model, network

from rgbir.index import InvalidQuery, NewSighting, UsageError
from rgbir.index.gallery.addresses import create
from rgbir.index.gallery.browse import MOST_SHOWN, Order, Selection, Spot
from rgbir.index.gallery.histogram import By, check_span, counted
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.times import to_microseconds

MAY = datetime(2026, 5, 1, tzinfo=UTC)
CAMERAS = ("a", "b", "c")


def new(numbers: range) -> list[NewSighting]:
    """Times come several times, in no order; some have none."""
    return [
        NewSighting(
            CAMERAS[n % 3],
            np.full(4, n, np.float32),
            f"d{n}",
            f"{n}.jpg",
            None if n % 5 == 0 else MAY + timedelta(minutes=n * 7 % 11),
            None if n % 4 == 0 else n % 3,
            None if n % 2 else f't"{n % 6}',
        )
        for n in numbers
    ]


@pytest.fixture(scope="module", params=["folder", "milvus"])
def gallery(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnyGallery]:
    folder = tmp_path_factory.mktemp("browse")
    address = str(folder / "g") if request.param == "folder" else f"milvus+file:{folder}/milvus.db/browse"
    with create(address, model(4), network(CAMERAS)) as opened:
        opened.add(new(range(60)))
        yield opened


def meets(sighting: NewSighting, which: Selection) -> bool:
    at = sighting.taken_at
    return (
        (which.cameras is None or sighting.camera in which.cameras)
        and (which.identity is None or sighting.identity == which.identity)
        and (which.track is None or sighting.track == which.track)
        and (which.digests is None or sighting.digest in which.digests)
        and (at is not None or not (which.timed or which.since or which.until))
        and (which.since is None or (at is not None and at >= which.since))
        and (which.until is None or (at is not None and at < which.until))
    )


def in_order(sightings: list[NewSighting], order: Order) -> list[str]:
    back = order == "newest"
    timed = sorted(((s.taken_at, s.id) for s in sightings if s.taken_at is not None), reverse=back)
    untimed = sorted((s.id for s in sightings if s.taken_at is None), reverse=back)
    return [*(name for _, name in timed), *untimed]


def pages(gallery: AnyGallery, which: Selection, order: Order, limit: int) -> Iterator[list[str]]:
    after = None
    while page := gallery.browse(which, order, after, limit):
        assert len(page) <= limit
        yield [sighting.id for sighting in page]
        after = Spot.of(page[-1])


SELECTIONS: list[dict[str, Any]] = [
    {},
    {"cameras": ["b"]},
    {"cameras": ["c", "a"], "timed": True},
    {"cameras": []},
    {"since": MAY + timedelta(minutes=4)},
    {"since": MAY + timedelta(minutes=2), "until": MAY + timedelta(minutes=9), "cameras": ["a", "b"]},
    {"until": MAY + timedelta(minutes=3)},
    {"identity": 1},
    {"track": 't"4'},
    {"track": 't"0', "identity": 2, "cameras": ["c"]},
    {"digests": ["d5", "d7", "d8", "d40", 'no"body']},
    {"digests": ["d5", "d7", "d8"], "cameras": ["c"], "identity": 2},
    {"digests": []},
]


@pytest.mark.parametrize("given", SELECTIONS)
@pytest.mark.parametrize(("order", "limit"), [("newest", 7), ("oldest", 4), ("newest", 100)])
def test_pages_are_the_sorted_list(gallery: AnyGallery, given: dict[str, Any], order: Order, limit: int) -> None:
    which = Selection(**given)
    shown = list(itertools.chain(*pages(gallery, which, order, limit)))
    assert shown == in_order([sighting for sighting in new(range(60)) if meets(sighting, which)], order)


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.slow
def test_pages_fit_together_while_others_write(gallery: AnyGallery, order: Order) -> None:
    """What is there all the time comes once, whatever comes and goes between two pages, the last one shown too."""
    steady = {sighting.id for sighting in new(range(60))}
    numbers, shown = itertools.count(100, 6), list[str]()
    for page in pages(gallery, Selection(), order, 9):
        shown += page
        passing = new(range(first := next(numbers), first + 6))
        gallery.add(passing)
        gone = [name for name in shown if name not in steady][-2:]
        if gone:
            gallery.remove(ids=gone)
        if len(shown) > 400:
            break
    assert len(set(shown)) == len(shown)
    assert steady <= set(shown)
    gallery.remove(ids=[s.id for s in gallery.sightings() if s.id not in steady])


def test_a_camera_of_few_sightings_is_browsed_as_one_of_many(tmp_path: Path) -> None:
    """SQLite goes another way there, and so it does where few have no time."""
    many = [
        NewSighting("a", np.zeros(4, np.float32), f"a{n}", "", None if n % 50 == 0 else MAY + timedelta(seconds=n % 60))
        for n in range(400)
    ]
    few = [
        NewSighting("b", np.zeros(4, np.float32), f"b{n}", "", MAY + timedelta(seconds=n % 3) if n % 4 else None)
        for n in range(12)
    ]
    with filled(tmp_path / "g", [*many, *few], network(CAMERAS)) as gallery:
        for cameras, there in ((["b"], few), (["a"], many), (None, [*many, *few])):
            for order in ("newest", "oldest"):
                shown = itertools.chain(*pages(gallery, Selection(cameras=cameras), order, 5))
                assert list(shown) == in_order(there, order)


def test_a_page_has_a_bounded_size_and_a_selection_bounded_values(gallery: AnyGallery) -> None:
    for limit in (0, MOST_SHOWN + 1):
        with pytest.raises(UsageError, match="ask for the next page"):
            gallery.browse(Selection(), limit=limit)
    bad: list[dict[str, Any]] = [{"since": MAY, "until": MAY}, {"since": datetime(2026, 1, 1)}, {"identity": -1}]
    for values in bad:
        with pytest.raises(UsageError):
            Selection(**values)


def test_what_would_be_removed_is_counted_and_stays(gallery: AnyGallery) -> None:
    sightings = new(range(60))
    conditions: list[dict[str, Any]] = [
        {"camera": "a"},
        {"identity": 1},
        {"track": 't"4', "camera": "b"},
        {"before": MAY + timedelta(minutes=5)},
        {"ids": [sightings[3].id, sightings[4].id, "none"]},
    ]
    for condition in conditions:
        expected = [
            s
            for s in sightings
            if s.camera == condition.get("camera", s.camera)
            and s.identity == condition.get("identity", s.identity)
            and s.track == condition.get("track", s.track)
            and ("before" not in condition or (s.taken_at is not None and s.taken_at < condition["before"]))
            and s.id in condition.get("ids", [s.id])
        ]
        assert gallery.count(**condition) == len(expected) > 0
    assert len(gallery) == 60
    with pytest.raises(UsageError, match="needs a condition"):
        gallery.count()
    assert gallery.remove(track='t"4') == sum(s.track == 't"4' for s in sightings)
    gallery.add([s for s in sightings if s.track == 't"4'])


def test_moments_are_those_of_the_sightings(gallery: AnyGallery) -> None:
    moments = gallery.moments(["a", "c", "none"])
    for camera in ("a", "c", "none"):
        there = [to_microseconds(s.taken_at) for s in new(range(60)) if s.camera == camera and s.taken_at is not None]
        assert sorted(moments[camera].tolist()) == sorted(there)


# --- hours and days, by a slow clock


def slow(moments: list[datetime], by: By, zone: str) -> dict[str, int]:
    local = [moment.astimezone(ZoneInfo(zone)) for moment in moments]
    if by == "day":
        return dict(Counter(moment.date().isoformat() for moment in local))
    fixed = [moment.replace(tzinfo=timezone(moment.utcoffset() or timedelta())) for moment in local]
    return dict(Counter(moment.replace(minute=0, second=0, microsecond=0).isoformat() for moment in fixed))


ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]
"""Lord Howe's clocks change by half an hour, and Apia left a day out."""


@settings(max_examples=60, deadline=None, database=None)
@given(
    st.lists(st.integers(0, 400 * 24 * 60), max_size=40),
    st.sampled_from([datetime(2026, 1, 1, tzinfo=UTC), datetime(2011, 6, 1, tzinfo=UTC), datetime(1969, 9, 1, tzinfo=UTC)]),
    st.sampled_from(ZONES),
    st.sampled_from(["hour", "day"]),
)  # fmt: skip
def test_hours_and_days_are_those_of_the_clocks(minutes: list[int], begin: datetime, zone: str, by: By) -> None:
    moments = [begin + timedelta(minutes=minute, microseconds=999_999) for minute in minutes]
    in_rows = np.array([to_microseconds(moment) for moment in moments], np.int64)
    buckets = counted(in_rows, by, zone)
    assert dict(buckets) == slow(moments, by, zone)
    assert [name for name, _ in buckets] == sorted((name for name, _ in buckets), key=datetime.fromisoformat)


@pytest.mark.parametrize(("zone", "night"), [("Europe/Berlin", datetime(2026, 10, 24, 20, tzinfo=UTC)),
                                             ("Europe/Berlin", datetime(2026, 3, 28, 20, tzinfo=UTC)),
                                             ("Australia/Lord_Howe", datetime(2026, 4, 4, 10, tzinfo=UTC))])  # fmt: skip
def test_a_night_of_changing_clocks_is_counted_minute_by_minute(zone: str, night: datetime) -> None:
    moments = [night + timedelta(minutes=minute) for minute in range(16 * 60)]
    in_rows = np.array([to_microseconds(moment) for moment in moments], np.int64)
    for by in ("hour", "day"):
        assert dict(counted(in_rows, by, zone)) == slow(moments, by, zone)


def test_the_autumns_double_hour_is_two_and_its_day_has_25() -> None:
    night = datetime(2026, 10, 24, 22, tzinfo=UTC)
    moments = np.array([to_microseconds(night + timedelta(minutes=30 * n)) for n in range(50)], np.int64)
    hours = dict(counted(moments, "hour", "Europe/Berlin"))
    assert (hours["2026-10-25T02:00:00+02:00"], hours["2026-10-25T02:00:00+01:00"]) == (2, 2)
    assert counted(moments, "day", "Europe/Berlin") == [("2026-10-25", 50)]


def test_too_many_buckets_are_refused_with_what_to_do() -> None:
    first, last = to_microseconds(datetime(1970, 1, 1, tzinfo=UTC)), to_microseconds(MAY)
    with pytest.raises(UsageError, match=r"at most 10,000 are counted; give since and until, or count by day"):
        check_span(first, last, "hour")
    with pytest.raises(UsageError, match=r"give since and until$"):
        check_span(first, last, "day")
    check_span(last - 10_000 * 3_600 * 10**6, last, "hour")
    with pytest.raises(InvalidQuery, match="no time zone"):
        counted(np.empty(0, np.int64), "day", "Mars/Base")
