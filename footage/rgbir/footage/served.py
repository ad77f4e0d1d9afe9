"""What a server asks of this part, which it finds by the entry point `rgbir.footage`: a film enrolled, and a clip cut out of one.

Neither part imports the other: what they hand each other is plain data, and failures come as `UsageError` of the index.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import Any

from pydantic import ValidationError

from rgbir.footage.clock import Correction, clock_of, expect_fitting
from rgbir.footage.decoding.clips import cut
from rgbir.footage.destination import Destination
from rgbir.footage.enrolment import Manner, Report, enrol_into
from rgbir.footage.errors import FootageFailure
from rgbir.footage.formats import SUFFIXES
from rgbir.footage.points import Point, Points
from rgbir.footage.recordings import Recording
from rgbir.footage.remarks import remarks_on
from rgbir.index import Camera, Detector, UsageError, named_zone

Progress = Mapping[str, Any]
_OPTION = re.compile(r"--([a-z][a-z-]*)")


class Part:
    """This part, as a server sees it."""

    def trouble(self) -> str | None:
        """Why no film can be decoded here; None where it can."""
        if find_spec("av") is None:
            return "decoding films needs PyAV, which isn't installed: pip install 'rgbir[footage]'"
        return None

    def check(self, called: str, fields: Mapping[str, Any]) -> None:
        """Whether a film that is called so can be enrolled by these fields, as far as that is known before it is opened.

        Args:
            called: its path as whoever sent it calls it.
            fields: start, name_time, zone, offset, drift, right_at, sample, shots, confidence, trust_frames.

        Raises:
            UsageError: it can't.
        """
        with _in_words_of_fields():
            manner = _manner(fields)
            expect_fitting(manner.start, manner.name_time, manner.zone)
            if manner.start is not None or manner.name_time not in (
                None,
                "dahua",
            ):  # whose end may tell two hours apart
                clock_of(
                    PurePath(called),
                    None,
                    None,
                    start=manner.start,
                    name_time=manner.name_time,
                    zone=manner.zone,
                    correction=manner.correction,
                )

    def enrol(
        self,
        film: Path,
        sha256: str,
        called: str,
        camera: Camera,
        fields: Mapping[str, Any],
        destination: Destination,
        detector: Detector | None,
        *,
        most_seconds: float,
        point: str | None,
        note: Callable[[str], None],
        follow: Callable[[Progress], None],
        stopped: Callable[[], bool],
    ) -> bool:
        """Enrols everyone who passes in a film.

        Args:
            film: where it lies.
            called, fields: see `check`.
            most_seconds: a longer film is refused; one that doesn't say how long it is, as soon as that shows.
            point: where an earlier run came to, as it was given to `note`.
            note: keeps how far the film is; what was followed before is true then.
            follow: told of the progress of this run.
            stopped: asked at every frame.

        Returns:
            Whether it was worked through; False if it was stopped.

        Raises:
            UsageError: it holds no frames that can be read, is too long, or tells no time where the gallery's rule needs one.
        """
        recording = Recording(film, PurePath(called).name, sha256, PurePath(called))

        def followed(report: Report) -> None:
            seconds = report.about.seconds if report.about is not None else None
            if max(seconds or 0.0, report.resumed_at + report.footage_seconds) > most_seconds:
                raise UsageError(
                    f"{recording.name} is longer than the {most_seconds:,.0f} seconds that this server takes; cut it, and send the"
                    " parts one by one"
                )
            follow(progress_of(report, camera))

        with _in_words_of_fields():
            report = enrol_into(
                recording,
                camera,
                destination,
                detector,
                _manner(fields),
                points=_Given(point, note),
                stopped=stopped,
                follow=followed,
            )
        return report.was_done or report.finished or report.decoding.cut is not None

    def clip(
        self,
        film: Path,
        since: float,
        until: float,
        ignored: Sequence[Sequence[tuple[float, float]]],
        write: Callable[[bytes], Any],
    ) -> Mapping[str, Any]:
        """Writes the seconds of a film as an MP4; see `cut`.

        Returns:
            since, until and zero in the film's seconds, and recoded: see `Clip`.

        Raises:
            UsageError: it can't be.
        """
        with _in_words_of_fields():
            return asdict(cut(film, since, until, write, ignored))

    def suffixes(self) -> frozenset[str]:
        """How the names of films end."""
        return SUFFIXES


def part() -> Part:
    """What the entry point gives."""
    return Part()


def progress_of(report: Report, camera: Camera) -> dict[str, Any]:
    """A report as plain data; counts are of one run.

    seconds, seconds_done: how long the film is, None where it doesn't say; and how far it is. start, end: of the film's first frame
    and of the last that was looked at. remarks: what is worth knowing, in words.
    """
    at = report.resumed_at + report.footage_seconds
    return {
        "seconds": None if report.about is None else report.about.seconds,
        "seconds_done": round(at, 3),
        "tracks": report.counts.tracks,
        "shots": report.counts.shots,
        "added": report.added,
        "present": report.present,
        "erased": report.erased,
        "start": report.start,
        "time_from": report.time_from,
        "remarks": list(remarks_on(report, camera)),
    }


def _manner(fields: Mapping[str, Any]) -> Manner:
    given = {name: value for name, value in fields.items() if value is not None}
    drift, right_at, zone = float(given.get("drift", 0.0)), _moment(given.get("right_at")), given.get("zone")
    if right_at is not None and right_at.tzinfo is None:
        raise UsageError(
            f"right_at needs a zone, {right_at.isoformat()} has none; append an offset such as +01:00, or Z"
        )
    if right_at is not None and not drift:
        raise UsageError("right_at says since when a clock drifts; say drift, too")
    return Manner(
        sample=float(given.get("sample", 5.0)) or None,
        shots=int(given.get("shots", 5)),
        confidence=given.get("confidence"),
        trust_frames=bool(given.get("trust_frames", False)),
        start=_moment(given.get("start")),
        name_time=given.get("name_time"),
        zone=None if zone is None else named_zone(zone),
        correction=Correction(float(given.get("offset", 0.0)), drift, right_at),
    )


def _moment(value: datetime | str | None) -> datetime | None:
    """A field as it came, or as a server kept it over its restart."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


class _Given(Points):
    """One point, which somebody else keeps."""

    def __init__(self, point: str | None, note: Callable[[str], None]) -> None:
        super().__init__(None)
        self.point, self.note = point, note

    def read(self, file: Path | None) -> Point | None:
        try:
            return None if self.point is None else Point.model_validate_json(self.point)
        except ValidationError:  # of another version
            return None

    def write(self, file: Path | None, point: Point) -> None:
        self.note(point.model_dump_json())


@contextmanager
def _in_words_of_fields() -> Iterator[None]:
    """Failures of this part as a server tells them, whose callers give fields, not options.

    Raises:
        UsageError: what was a failure of this part.
    """
    try:
        yield
    except FootageFailure as error:
        raise UsageError(_OPTION.sub(lambda option: option[1].replace("-", "_"), str(error))) from error
