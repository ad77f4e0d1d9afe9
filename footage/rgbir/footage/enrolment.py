"""A recording into a gallery: decoded, looked at, encoded and enrolled, in the order of time, with a point to go on from."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath
from typing import Any
from zoneinfo import ZoneInfo

from rgbir.footage.clock import Clock, Correction, clock_of
from rgbir.footage.decoding.apart import Limits
from rgbir.footage.destination import Destination, InGallery
from rgbir.footage.errors import BadFootage
from rgbir.footage.frames import About, Decoding
from rgbir.footage.people import Counts, People
from rgbir.footage.points import Point, Points, Quiet
from rgbir.footage.recordings import Recording
from rgbir.footage.retention import check_age
from rgbir.footage.sampling import next_tick
from rgbir.footage.sightings import Origin
from rgbir.footage.sink import Sink
from rgbir.index import AnyGallery, Camera, Detector, Encoder

NOTED_S = 20.0
"""Seconds of footage between two resume points, at least."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How recordings are worked through.

    Attributes:
        sample: frames a second that are looked at; None is every frame.
        shots: crops of a track that are enrolled, at most.
        confidence: how sure a detection must be to be a person; None is the detector's own.
        rate: of folders of pictures, pictures a second.
        keep_crops: whether the gallery keeps the pictures.
        trust_frames: whether frames of another modality than their camera's are enrolled, too.
        start, name_time, zone, correction: see `clock_of`.
        limits: of the decoder.
    """

    sample: float | None = 5.0
    shots: int = 5
    confidence: float | None = None
    rate: float | None = None
    keep_crops: bool = True
    trust_frames: bool = False
    start: datetime | None = None
    name_time: str | None = None
    zone: ZoneInfo | None = None
    correction: Correction = field(default_factory=Correction)
    limits: Limits = field(default_factory=Limits)

    def clock(self, path: PurePath, about: About) -> Clock:
        """When the frames of a recording were taken.

        Args:
            path: whose names may tell its time.

        Raises:
            BadFootage: see `clock_of`.
        """
        return clock_of(
            path,
            about.made_at,
            about.seconds,
            start=self.start,
            name_time=self.name_time,
            zone=self.zone,
            correction=self.correction,
        )

    def decisive(self, people: People, fingerprint: str) -> dict[str, Any]:
        """All that decides which sightings come of a recording, for its resume point.

        Args:
            fingerprint: of the model.
        """
        return {
            "sample": self.sample,
            "shots": self.shots,
            "confidence": self.confidence,
            "rate": self.rate,
            "trust_frames": self.trust_frames,
            "start": str(self.start),
            "name_time": self.name_time,
            "zone": None if self.zone is None else self.zone.key,
            "correction": str(self.correction),
            "found_by": people.found_by,
            "model": fingerprint,
            "ignored": people.camera.ignored,
            "modalities": sorted(people.camera.modalities),
        }


@dataclass(slots=True)
class Report:
    """What came of one recording.

    Attributes:
        name: of the recording.
        digest: its sum.
        camera: whose it is.
        about: what it says of itself.
        start: when its first frame was taken, as its clock says after correction; None where nobody knows.
        time_from: where that comes from.
        counts: what was seen.
        decoding: how the decoding went.
        added, present, erased: sightings that are new; that were there; that were erased since the work began.
        resumed_at: seconds from the beginning where this run went on; 0 if it began there.
        footage_seconds: of footage that this run worked through.
        seconds_taken: that it took.
        finished: whether it was worked through to its end.
        was_done: whether a run before this one had done it, and it wasn't looked at again.
    """

    name: str
    digest: str
    camera: str
    about: About | None = None
    start: datetime | None = None
    time_from: str = "unknown"
    counts: Counts = field(default_factory=Counts)
    decoding: Decoding = field(default_factory=Decoding)
    added: int = 0
    present: int = 0
    erased: int = 0
    resumed_at: float = 0.0
    footage_seconds: float = 0.0
    seconds_taken: float = 0.0
    finished: bool = False
    was_done: bool = False

    @property
    def times_real_time(self) -> float | None:
        """Seconds of footage a second of work; None before any work was done."""
        return (
            self.footage_seconds / self.seconds_taken if self.seconds_taken > 0 and self.footage_seconds > 0 else None
        )


def _never() -> bool:
    return False


def _silent(seconds: float) -> None:
    pass


def _unseen(report: Report) -> None:
    pass


def enrol_recording(
    recording: Recording,
    camera: Camera,
    gallery: AnyGallery,
    encoder: Encoder,
    detector: Detector | None = None,
    manner: Manner = Manner(),
    *,
    points: Points = Points(None),
    again: bool = False,
    progress: Callable[[float], None] = _silent,
    stopped: Callable[[], bool] = _never,
) -> Report:
    """Enrols everyone who passes in a recording. What was acknowledged stays; run again after a stop, it goes on.

    Args:
        detector: finds people; None is `Motion`.
        points: where resume points are kept.
        again: whether a recording that was worked through is looked at once more.
        progress: called with the seconds of footage that each frame adds.
        stopped: asked at every frame, and while none comes; when it says so, those who passed so far are enrolled and the run ends.

    Raises:
        BadFootage: it is no recording, can't be read, tells no time that the gallery's retention could reach, or is too old for it.
        GalleryMismatch: the gallery holds another model's embeddings.
        GalleryBusy: another process wrote all the time.
    """
    return enrol_into(
        recording,
        camera,
        InGallery(gallery, encoder),
        detector,
        manner,
        points=points,
        again=again,
        progress=progress,
        stopped=stopped,
    )


def enrol_into(
    recording: Recording,
    camera: Camera,
    destination: Destination,
    detector: Detector | None = None,
    manner: Manner = Manner(),
    *,
    points: Points = Points(None),
    again: bool = False,
    progress: Callable[[float], None] = _silent,
    stopped: Callable[[], bool] = _never,
    follow: Callable[[Report], None] = _unseen,
) -> Report:
    """As `enrol_recording`, wherever the sightings go.

    Args:
        follow: called with the report as it grows: once the recording says of itself what it is, at every frame, and before a point is noted.

    Raises:
        BadFootage: as of `enrol_recording`, and whatever the destination or `follow` raises.
    """
    people = People(camera, detector, manner.shots, manner.confidence, manner.trust_frames)
    report = Report(recording.name, recording.digest, camera.id, counts=people.counts)
    note = points.file(recording.digest, camera.id, manner.decisive(people, destination.fingerprint))
    point = points.read(note)
    if point is not None and point.state == "done" and again:
        point = None
    if point is not None and point.last is not None and not destination.holds(point.last):
        # The gallery is another one, or an older one, or somebody was erased: all are looked at again, and the erased stay so.
        point = Point(since=point.since)
    if point is not None and point.state == "done":
        report.finished = report.was_done = True
        return report
    began = time.perf_counter()
    first = point or Point(since=destination.moment())
    first.restore(people)
    report.resumed_at = first.at
    since = next_tick(first.at, manner.sample) if first.at else 0.0  # no frame was looked at before the first point
    with recording.opened(manner.sample, manner.rate, since, manner.limits, stopped) as film:
        report.decoding = film.decoding
        try:
            report.about = film.about()
        except BadFootage:
            if stopped():  # nothing has come of it yet
                return report
            raise
        clock = manner.clock(recording.tells, report.about)
        report.start, report.time_from = clock.at(0.0), clock.origin
        check_age(clock, report.about.seconds, destination.keep_days)
        follow(report)
        digest = None if recording.grows else recording.digest
        origin = Origin(camera.id, recording.name, recording.digest[:12], digest, people.found_by, clock)
        sink = Sink(origin, destination, manner.keep_crops, first.since, report, first.last)
        points.write(note, first)
        at, noted, quiet, done = first.at, first.at, None, False
        frames = film.frames()
        while not (done := stopped()):
            with people.counts.stage("decode"):
                frame = next(frames, None)
            if frame is None:
                if done := stopped():
                    film.decoding.cut = None  # it is only we who don't read on
                break
            sink.take(people.next(frame))
            progress(frame.seconds - at)
            report.footage_seconds += max(frame.seconds - at, 0.0)
            at = frame.seconds
            follow(report)
            if people.quiet:
                quiet = Quiet.of(people, at)
                if at - noted >= NOTED_S:
                    sink.flush()
                    follow(report)
                    points.write(note, quiet.point(first.since, sink.last))
                    noted = at
        if not done:
            sink.take(people.end())
        sink.flush()
    if done and quiet is not None and quiet.at > noted:
        points.write(note, quiet.point(first.since, sink.last))
    if not done:
        report.finished = film.decoding.cut is None
        follow(report)
        points.write(note, _end(recording, people, at, first.since, sink.last))
    report.seconds_taken = time.perf_counter() - began
    return report


def _end(recording: Recording, people: People, at: float, since: int, last: str | None) -> Point:
    """What is noted once a recording is worked through. One that grew may go on growing, and is taken up there."""
    if recording.grows:
        return Quiet.of(people, at).point(since, last)
    return Point(state="done", at=at, since=since, last=last)
