"""Clocks that are wrong, and moments at the calendar's ends."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.index.yard import YARD, filled, model, sightings
from tests.waiting import HANGS_AFTER_S

from rgbir.index import Gallery, Query, UsageError
from rgbir.index.datasets.records import ImageRecord
from rgbir.index.datasets.table import read_table
from rgbir.index.errors import InvalidQuery, RetentionWaits
from rgbir.index.gallery import retention
from rgbir.index.gallery.folder.schema import LABELS, sum_of
from rgbir.index.gallery.retention import Run
from rgbir.index.times import check_moment, from_microseconds, to_microseconds

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def up(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """A machine that was started once, and runs for so many days."""
    state: dict[str, Any] = {"boot": "one", "days": 0.0}
    monkeypatch.setattr(
        Run, "now", classmethod(lambda cls, at=None: Run(at=at or NOW, boot=state["boot"], up_s=state["days"] * 86_400))
    )

    def run(days: float, boot: str = "one") -> Run:
        state.update(boot=boot, days=days)
        return Run.now()

    return run


@pytest.mark.parametrize(
    ("passed", "wall", "boot", "waits"),
    [
        (0.04, 0.04, "one", False),
        (3, 3, "one", False),  # nobody ran it over a weekend, on a machine that was on
        (0.04, 2, "one", True),
        (0.04, 365, "one", True),
        (0, 0.9, "two", False),
        (0, 365, "two", True),  # off meanwhile, or a wrong clock: nobody knows
        (0.04, -365, "one", False),
    ],
)
def test_retention_waits_after_the_clock_jumped(
    tmp_path: Path, up: Callable[..., Run], passed: float, wall: float, boot: str, waits: bool
) -> None:
    with filled(tmp_path / "g", sightings(4, taken_at=NOW - timedelta(days=20))) as gallery:
        gallery.add(sightings(40, first=10))
        up(0)
        gallery.set_keep_days(30)
        assert gallery.expire(NOW) == 0
        gallery.set_keep_days(5)
        up(passed, boot)
        later = NOW + timedelta(days=wall)
        due = 4 if wall > -15 else 0
        if waits:
            for _ in range(3):  # each hour again
                with pytest.raises(RetentionWaits, match="days further than it was at the last run"):
                    gallery.expire(later)
            assert len(gallery) == 44
            assert gallery.expire(later, sure=True) == due
        else:
            assert gallery.expire(later) == due


def test_small_jumps_that_erase_nothing_yet_are_not_forgotten(tmp_path: Path, up: Callable[..., Run]) -> None:
    with filled(tmp_path / "g", sightings(4, taken_at=NOW)) as gallery:
        gallery.add(sightings(40, first=10))
        up(0)
        gallery.set_keep_days(10)
        assert gallery.expire(NOW) == 0
        up(0.04)
        assert gallery.expire(NOW + timedelta(days=9)) == 0  # nothing is old enough yet
        up(1.5)
        with pytest.raises(RetentionWaits, match="further than it was at the last run"):
            gallery.expire(NOW + timedelta(days=10.5))
        assert len(gallery) == 44


def test_retention_waits_before_it_erases_over_half(tmp_path: Path) -> None:
    with filled(tmp_path / "g", sightings(5, taken_at=NOW - timedelta(days=20))) as gallery:
        gallery.add(sightings(5, first=10))
        gallery.set_keep_days(10)
        assert gallery.expire(NOW) == 5
        gallery.add(sightings(6, first=20, taken_at=NOW - timedelta(days=20)))
        with pytest.raises(RetentionWaits, match="would erase 6 of 11 sightings, over half"):
            gallery.expire(NOW)
        assert (gallery.expire(NOW, sure=True), len(gallery)) == (6, 5)


def test_a_run_knows_this_machine() -> None:
    first, second = Run.now(), Run.now()
    assert first.boot == second.boot != ""
    assert 0 <= second.up_s - first.up_s < 3600
    assert abs(second.jump(first)) < timedelta(seconds=HANGS_AFTER_S)
    with pytest.raises(RetentionWaits):
        retention.check(second, None, 2, 3)


zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=zones))
def test_what_is_accepted_can_be_shown_in_every_zone(moment: datetime) -> None:
    if not 3 <= moment.year <= 9997:
        return  # at the ends it depends on the zone, and the next test has them
    check_moment(moment, "taken_at")
    kept = from_microseconds(to_microseconds(moment))
    assert kept == moment
    for minutes in (-1439, 0, 1439):
        assert kept is not None
        kept.astimezone(timezone(timedelta(minutes=minutes))).isoformat()


ENDS = [
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
    datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
    datetime(9999, 12, 31, 23, 59, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
]


@pytest.mark.parametrize("moment", ENDS, ids=str)
def test_a_moment_out_of_the_calendar_is_refused_at_every_entrance(tmp_path: Path, moment: datetime) -> None:
    with pytest.raises(UsageError, match="taken_at lies between the years 2 and 9998"):
        sightings(1, taken_at=moment)
    for name in ("since", "until", "taken_at"):
        with pytest.raises(InvalidQuery, match=f"{name} lies between"):
            Query(np.ones(16, np.float32), **{name: moment})  # type: ignore[arg-type]
    with (
        Gallery.create(tmp_path / "g", model(), YARD) as gallery,
        pytest.raises(UsageError, match="before lies between"),
    ):
        gallery.remove(before=moment)
    table = tmp_path / "images.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([["path", "camera", "time"], ["a.jpg", "a", moment.isoformat()]])
    (tmp_path / "a.jpg").write_bytes(b"x")
    (record,) = read_table(table)
    assert not isinstance(record, ImageRecord)
    assert "time lies between the years 2 and 9998" in record.reason


def test_a_moment_that_an_older_version_let_in_is_shown_told_and_erased(tmp_path: Path) -> None:
    filled(tmp_path / "g", sightings(3, cameras="a", taken_at=NOW)).close()
    with sqlite3.connect(tmp_path / "g/gallery.sqlite3") as database:
        database.execute("UPDATE sightings SET taken_at = ? WHERE row = 2", (to_microseconds(ENDS[0]),))
        database.create_function("sum_of", -1, sum_of)
        total = f"(SELECT sum_of({', '.join(LABELS)}) FROM sightings WHERE row = 2)"
        database.execute(f"UPDATE sums SET labels = {total} WHERE row = 2")
    database.close()
    with Gallery(tmp_path / "g") as gallery:
        assert any("row 2: taken_at is out of the calendar" in problem for problem in gallery.verify())
        assert gallery.counts()[0].latest is not None
        late = gallery.sightings()[1]
        assert late.taken_at is not None
        late.taken_at.astimezone(timezone(timedelta(hours=14)))
        assert len(gallery.search(Query(np.ones(16, np.float32), cameras=["a"])).hits) == 3
        assert gallery.remove(ids=[late.id]) == 1
        assert gallery.verify() == []
