"""When was a frame taken: sources of time, in order of trust.

1. What the caller says: `--start`, with an offset, or local in the recorder's zone.
2. The film's name, by a pattern: `--name-time`.
3. The container's own time of making, which most recorders write when they begin.

The time of a file's last change is never used: it is when somebody copied it. A clock that is known to be wrong is set right by
`Correction`, which every sighting keeps, so that what was added to which reading can be followed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from zoneinfo import ZoneInfo

from rgbir.footage.errors import BadFootage

PRESETS = {
    "unix": r"(?<!\d)(?P<unix>\d{10})(?:\.\d+)?(?:-(?P<unix_end>\d{10})(?:\.\d+)?)?(?!\d)",
    "unix-ms": r"(?<!\d)(?P<unix_ms>\d{13})(?!\d)",
    "dahua": r"(?P<Y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})/(?:.*/)?(?P<H>\d{2})\.(?P<M>\d{2})\.(?P<S>\d{2})-"
    r"(?P<H_end>\d{2})\.(?P<M_end>\d{2})\.(?P<S_end>\d{2})",
    "hikvision": r"(?<!\d)(?P<Y>20\d{2})(?P<m>\d{2})(?P<d>\d{2})(?P<H>\d{2})(?P<M>\d{2})(?P<S>\d{2})(?!\d)",
    "reolink": r"(?<!\d)(?P<Y>20\d{2})(?P<m>\d{2})(?P<d>\d{2})(?P<H>\d{2})(?P<M>\d{2})(?P<S>\d{2})(?!\d)",
    "axis": r"(?<!\d)(?P<Y>20\d{2})(?P<m>\d{2})(?P<d>\d{2})_(?P<H>\d{2})(?P<M>\d{2})(?P<S>\d{2})(?!\d)",
    "frigate": r"(?P<Y>20\d{2})-(?P<m>\d{2})-(?P<d>\d{2})/(?P<H>\d{2})/(?:[^/]+/)(?P<M>\d{2})\.(?P<S>\d{2})(?!\d)",
}
"""Names of recorders' files, searched in the whole path. `unix` and `frigate` are in UTC, the others in the recorder's zone."""
_UTC = ("unix", "unix-ms", "frigate")
_DIRECTIVES = {"Y": r"\d{4}", "y": r"\d{2}", "m": r"\d{2}", "d": r"\d{2}", "H": r"\d{2}", "M": r"\d{2}", "S": r"\d{2}"}


@dataclass(frozen=True, slots=True)
class Correction:
    """What is wrong with a recorder's clock.

    Attributes:
        offset_s: seconds to add to what it says.
        drift_s: seconds that it gains a day (loses, below 0).
        right_at: when it was last right but for the offset, since which it drifts; None is the recording's own beginning.

    Raises:
        BadFootage: a moment without a zone, or a clock that is too wrong to be corrected.
    """

    offset_s: float = 0.0
    drift_s: float = 0.0
    right_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.right_at is not None and self.right_at.tzinfo is None:
            raise BadFootage(f"the time since which a clock drifts needs a zone, {self.right_at.isoformat()} has none")
        if not (abs(self.drift_s) < 3600 and abs(self.offset_s) < 400 * 86400):
            raise BadFootage(
                f"a clock that gains {self.drift_s} seconds a day or is {self.offset_s} seconds off can't be corrected; give --start"
            )

    def applied(self, shown: datetime, began: datetime) -> datetime:
        """The true time at which the clock showed that, in a recording that began when it showed `began`."""
        since = began if self.right_at is None else self.right_at
        days = (shown - since) / timedelta(days=1)
        return shown + timedelta(seconds=self.offset_s - self.drift_s * days)


@dataclass(frozen=True, slots=True)
class Clock:
    """The time of every frame of one recording.

    Attributes:
        start: of its first frame, on the recorder's clock, in UTC; None where nobody knows.
        origin: where that comes from, in words.
        correction: what is wrong with that clock.
    """

    start: datetime | None
    origin: str
    correction: Correction = field(default_factory=Correction)

    def at(self, seconds: float) -> datetime | None:
        """When the frame of so many seconds after the first was taken."""
        if self.start is None:
            return None
        return self.correction.applied(self.start + timedelta(seconds=seconds), self.start)


def is_local(start: datetime | None, name_time: str | None) -> bool:
    """Whether what a caller says of a recording's beginning is a local time."""
    if start is not None:
        return start.tzinfo is None
    return name_time is not None and name_time not in _UTC


def expect_fitting(start: datetime | None, name_time: str | None, zone: ZoneInfo | None) -> None:
    """Whether what a caller says of a recording's beginning fits together; see `clock_of`.

    Raises:
        BadFootage: it says two things, a local time without its zone, or a zone of no local time.
    """
    if start is not None and name_time is not None:
        raise BadFootage("give --start or --name-time, not both")
    if start is not None and start.tzinfo is None and zone is None:
        raise BadFootage(
            f"--start needs a zone, {start.isoformat()} has none; append an offset such as +01:00, or say --zone"
        )
    if zone is not None and not is_local(start, name_time):
        unused = "no time is said" if start is None and name_time is None else "the time that is said has an offset"
        raise BadFootage(f"--zone is the zone of local times, and {unused}; leave --zone out")


def clock_of(
    path: PurePath,
    made_at: datetime | None,
    seconds: float | None,
    *,
    start: datetime | None = None,
    name_time: str | None = None,
    zone: ZoneInfo | None = None,
    correction: Correction = Correction(),
) -> Clock:
    """The clock of a recording, from the source that is most to be trusted.

    Args:
        path: of the file, whose name and folders may tell its time.
        made_at: the container's own time.
        seconds: how long it is; None where nobody says.
        start: what the caller says; local where it has no offset.
        name_time: one of `PRESETS`, or a pattern of `%Y %y %m %d %H %M %S`.
        zone: of local times.

    Raises:
        BadFootage: the name has no such time, or a local time that occurs twice, or never, in its zone.
    """
    if start is not None:
        if start.tzinfo is not None:
            return Clock(start.astimezone(UTC), "said", correction)
        return _local(start, None, zone, "said", correction, path.name)
    if name_time is not None:
        return _named(path, seconds, name_time, zone, correction)
    if made_at is not None:
        return Clock(made_at.astimezone(UTC), "container", correction)
    return Clock(None, "unknown", correction)


def _named(
    path: PurePath, seconds: float | None, name_time: str, zone: ZoneInfo | None, correction: Correction
) -> Clock:
    text = path.as_posix()
    matches = list(re.finditer(PRESETS.get(name_time) or _pattern(name_time), text))
    if not matches:
        raise BadFootage(f"{path.name}: its name tells no time by {name_time!r}; correct --name-time, or say --start")
    parts = {name: digits for name, digits in matches[-1].groupdict().items() if digits}
    origin = f"name ({name_time})"
    if digits := parts.get("unix"):
        return Clock(datetime.fromtimestamp(int(digits), UTC), origin, correction)
    if digits := parts.get("unix_ms"):
        return Clock(datetime.fromtimestamp(int(digits) / 1000, UTC), origin, correction)
    shown = _moment(parts, "", path.name)
    if name_time in _UTC:
        return Clock(shown.replace(tzinfo=UTC), origin, correction)
    end = None
    if "H_end" in parts:
        end = _moment({**parts, **{part: parts[f"{part}_end"] for part in "HMS"}}, "", path.name)
        if end < shown:
            end += timedelta(days=1) if shown.hour > 3 else timedelta()
    return _local(shown, end, zone, origin, correction, path.name, seconds)


def _pattern(name_time: str) -> str:
    """A pattern of directives as a regular expression.

    Raises:
        BadFootage: it has others, or not a whole date and time.
    """
    letters = re.findall(r"%(.)", name_time)
    unknown = sorted({letter for letter in letters if letter not in _DIRECTIVES and letter != "%"})
    if unknown or not {"m", "d", "H", "M"} <= set(letters) or not {"Y", "y"} & set(letters):
        known = ", ".join(PRESETS)
        raise BadFootage(
            f"--name-time is one of {known}, or a pattern of %Y %m %d %H %M %S such as '%Y%m%d_%H%M%S', not {name_time!r}"
        )
    pieces = re.split(r"(%.)", name_time)
    return "(?<!\\d)" + "".join(
        f"(?P<{piece[1]}>{_DIRECTIVES[piece[1]]})"
        if piece[:1] == "%" and piece[1:] in _DIRECTIVES
        else re.escape(piece.replace("%%", "%"))
        for piece in pieces
    )


def _moment(parts: dict[str, str], suffix: str, name: str) -> datetime:
    year = int(parts["Y"]) if "Y" in parts else 2000 + int(parts["y"])
    month, day, hour, minute, second = (int(parts.get(letter, "0")) for letter in "mdHMS")
    try:
        return datetime(year, month, day, hour, minute, second)
    except ValueError as error:
        raise BadFootage(f"{name}: its name tells a time that is none ({error})") from None


def _local(
    shown: datetime,
    end: datetime | None,
    zone: ZoneInfo | None,
    origin: str,
    correction: Correction,
    name: str,
    seconds: float | None = None,
) -> Clock:
    """A local time in its zone; where it occurs twice, the end of the recording may tell which it was.

    Raises:
        BadFootage: it may be either, or is none.
    """
    if zone is None:
        return Clock(None, f"{origin}, without a zone", correction)
    candidates = _readings(shown, zone)
    if not candidates:
        raise BadFootage(
            f"{name}: {shown:%Y-%m-%d %H:%M:%S} did not occur in {zone.key}, where the clocks went forward; say --start with an offset"
        )
    if len(candidates) == 2 and end is not None and seconds is not None:
        ends = _readings(end, zone)
        fitting = [
            start for start in candidates if any(abs((last - start).total_seconds() - seconds) < 600 for last in ends)
        ]
        candidates = fitting or candidates
    if len(candidates) == 2:
        raise BadFootage(
            f"{name}: {shown:%Y-%m-%d %H:%M:%S} occurred twice in {zone.key}, where the clocks went back; say --start with an"
            f" offset, such as {' or '.join(moment.astimezone(zone).isoformat() for moment in candidates)}"
        )
    return Clock(candidates[0], origin, correction)


def _readings(shown: datetime, zone: ZoneInfo) -> list[datetime]:
    """All moments, in UTC, at which clocks of the zone show that: one, or two in autumn, or none in spring."""
    moments = {shown.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return [m for m in sorted(moments) if m.astimezone(zone).replace(tzinfo=None, fold=0) == shown.replace(fold=0)]
