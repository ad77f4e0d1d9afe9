"""When a frame was taken: sources of time in order of trust, zones, and clocks that are wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath as Path
from zoneinfo import ZoneInfo

import pytest

from rgbir.footage.clock import Clock, Correction, clock_of, expect_fitting
from rgbir.footage.errors import BadFootage

BERLIN = ZoneInfo("Europe/Berlin")
CONTAINER = datetime(2026, 11, 2, 20, 0, tzinfo=UTC)


def start(name: str, **given: object) -> datetime | None:
    made_at, seconds = given.pop("made_at", None), given.pop("seconds", None)
    return clock_of(Path(name), made_at, seconds, **given).start  # type: ignore[arg-type]


def test_what_the_caller_says_is_trusted_most_then_the_name_then_the_container() -> None:
    said = datetime(2026, 11, 2, 22, 15, tzinfo=BERLIN)
    name, unix = "1706108297.mp4", datetime(2024, 1, 24, 14, 58, 17, tzinfo=UTC)

    assert start(name, made_at=CONTAINER, start=said, name_time="unix") == said
    assert start(name, made_at=CONTAINER, name_time="unix") == unix
    assert start(name, made_at=CONTAINER) == CONTAINER
    assert start(name) is None


# Each recorder's name, and the moment by hand: Berlin is one hour ahead of UTC in November.
@pytest.mark.parametrize(
    ("preset", "name", "moment"),
    [
        ("unix", "front/1706108297-1706108310.mp4", datetime(2024, 1, 24, 14, 58, 17, tzinfo=UTC)),
        ("unix-ms", "1706108297250.ts", datetime(2024, 1, 24, 14, 58, 17, 250_000, tzinfo=UTC)),
        ("dahua", "2026-11-02/001/dav/22/22.15.00-22.20.00[M][0@0][0].dav", datetime(2026, 11, 2, 21, 15, tzinfo=UTC)),
        ("hikvision", "ch01_20261102221500.mp4", datetime(2026, 11, 2, 21, 15, tzinfo=UTC)),
        ("reolink", "RLC-410_01_20261102221500.mp4", datetime(2026, 11, 2, 21, 15, tzinfo=UTC)),
        ("axis", "axis_20261102_221500_B8A4.mkv", datetime(2026, 11, 2, 21, 15, tzinfo=UTC)),
        ("frigate", "recordings/2026-11-02/22/front/15.00.mp4", datetime(2026, 11, 2, 22, 15, tzinfo=UTC)),
        ("%d.%m.%y %H-%M-%S", "hall 02.11.26 22-15-00.avi", datetime(2026, 11, 2, 21, 15, tzinfo=UTC)),
    ],
)
def test_recorders_names_tell_the_time(preset: str, name: str, moment: datetime) -> None:
    assert start(f"/mnt/recorder/{name}", name_time=preset, zone=BERLIN) == moment


def test_a_local_time_without_a_zone_is_no_time() -> None:
    clock = clock_of(Path("ch01_20261102221500.mp4"), CONTAINER, None, name_time="hikvision")

    assert clock.start is None
    assert "without a zone" in clock.origin


def test_the_hour_that_occurs_twice_asks_for_an_offset() -> None:
    with pytest.raises(BadFootage, match=r"occurred twice.*2026-10-25T02:30:00\+02:00 or 2026-10-25T02:30:00\+01:00"):
        start("20261025_023000.mkv", name_time="axis", zone=BERLIN)
    with pytest.raises(BadFootage, match="occurred twice"):
        start("clip.mp4", start=datetime(2026, 10, 25, 2, 30), zone=BERLIN)
    assert start("clip.mp4", start=datetime.fromisoformat("2026-10-25T02:30:00+01:00")) == datetime(
        2026, 10, 25, 1, 30, tzinfo=UTC
    )


# Clocks in Berlin went from 03:00 back to 02:00 on 25 October 2026. A recording from 02:50 to 03:10 may be 20 or 80 minutes long.
@pytest.mark.parametrize(
    ("minutes", "shown", "in_utc"),
    [(20, "02.50.00-03.10.00", (1, 50)), (80, "02.50.00-03.10.00", (0, 50)), (40, "02.30.00-02.10.00", (0, 30))],
)
def test_the_end_of_a_recording_tells_which_of_the_two_hours_it_was(
    minutes: int, shown: str, in_utc: tuple[int, int]
) -> None:
    got = start(f"2026-10-25/{shown}[M].dav", name_time="dahua", zone=BERLIN, seconds=60.0 * minutes)

    assert got == datetime(2026, 10, 25, *in_utc, tzinfo=UTC)


def test_an_hour_that_never_was_is_refused() -> None:
    with pytest.raises(BadFootage, match="did not occur in Europe/Berlin"):
        start("20260329_023000.mkv", name_time="axis", zone=BERLIN)


@pytest.mark.parametrize(
    ("start", "name_time", "zone", "words"),
    [
        (datetime(2026, 11, 2, 22), "dahua", BERLIN, "not both"),
        (datetime(2026, 11, 2, 22), None, None, "--start needs a zone"),
        (datetime(2026, 11, 2, 22, tzinfo=UTC), None, BERLIN, "has an offset; leave --zone out"),
        (None, "unix", BERLIN, "has an offset; leave --zone out"),
        (None, "frigate", BERLIN, "has an offset; leave --zone out"),
        (None, None, BERLIN, "no time is said; leave --zone out"),
    ],
)
def test_what_is_said_of_a_time_and_would_be_left_unused_is_refused(
    start: datetime | None, name_time: str | None, zone: ZoneInfo | None, words: str
) -> None:
    with pytest.raises(BadFootage, match=words):
        expect_fitting(start, name_time, zone)


@pytest.mark.parametrize(
    ("start", "name_time", "zone"),
    [
        (None, None, None),
        (datetime(2026, 11, 2, 22), None, BERLIN),
        (datetime(2026, 11, 2, 22, tzinfo=UTC), None, None),
        (None, "dahua", BERLIN),
        (None, "dahua", None),
        (None, "unix", None),
    ],
)
def test_what_is_said_of_a_time_and_used_is_taken(
    start: datetime | None, name_time: str | None, zone: ZoneInfo | None
) -> None:
    expect_fitting(start, name_time, zone)


def test_times_of_frames_pass_the_end_of_summer_without_a_jump() -> None:
    clock = clock_of(Path("clip.mp4"), None, 7200, start=datetime(2026, 10, 25, 1, 30), zone=BERLIN)

    hour = [clock.at(3600.0 * hours) for hours in (0, 1, 2)]

    assert [moment - hour[0] for moment in hour if moment and hour[0]] == [timedelta(hours=h) for h in (0, 1, 2)]


def test_a_clock_that_is_off_and_gains_is_set_right() -> None:
    # It was set right on 1 November at noon and gains 0.4 s a day; on 6 November at noon it shows 2 s too much; and 37 s beside that.
    right_at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    clock = Clock(datetime(2026, 11, 6, 12, tzinfo=UTC), "said", Correction(-37, 0.4, right_at))

    assert clock.at(0.0) == datetime(2026, 11, 6, 12, tzinfo=UTC) - timedelta(seconds=39)
    assert clock.at(86_400.0) == datetime(2026, 11, 7, 12, tzinfo=UTC) - timedelta(seconds=37 + 2.4)


def test_without_a_date_a_clock_drifts_since_the_recording_began() -> None:
    clock = Clock(datetime(2026, 11, 6, tzinfo=UTC), "said", Correction(drift_s=8.64))

    assert clock.at(0.0) == clock.start
    assert clock.at(10_000.0) == datetime(2026, 11, 6, tzinfo=UTC) + timedelta(seconds=9_999)


@pytest.mark.parametrize("pattern", ["%H%M", "%Y-%m-%d", "%Q", "nonsense"])
def test_a_pattern_without_a_whole_time_is_refused_with_what_there_is(pattern: str) -> None:
    with pytest.raises(BadFootage, match=r"unix, unix-ms, dahua.*%Y%m%d_%H%M%S"):
        start("20261102_221500.mkv", name_time=pattern, zone=BERLIN)


def test_a_name_that_tells_no_time_or_no_such_day_is_refused() -> None:
    with pytest.raises(BadFootage, match=r"clip\.mp4: its name tells no time by 'axis'"):
        start("clip.mp4", name_time="axis", zone=BERLIN)
    with pytest.raises(BadFootage, match="tells a time that is none"):
        start("20261332_250000.mkv", name_time="axis", zone=BERLIN)
