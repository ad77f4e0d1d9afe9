"""What came of recordings, as commands tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rgbir.footage.enrolment import Report
from rgbir.footage.people import in_ms
from rgbir.index import Modality
from rgbir.index.cli.output import Skip


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of one recording.

    Attributes:
        name: of the file or folder.
        digest: sha256 of the film, or of the folder's pictures.
        start: when its first frame was taken, after correction; null where nobody knows.
        time_from: where that comes from: said, name, container, unknown.
        seconds: of footage that were worked through in this run.
        times_real_time: seconds of footage a second of work; null where there was no work.
        frames: by modality.
        contrary: frames of another modality than the camera is declared with.
        looked_at: frames that the detector was asked about.
        damaged: packets or pictures that could not be decoded.
        tracks, shots: how many.
        added, present, erased: sightings that are new; that were there; that were erased since.
        resumed_at: seconds from the beginning where this run went on.
        finished: whether it was worked through to its end.
        was_done: whether an earlier run had done it.
        ms: milliseconds a frame, by stage.
    """

    name: str
    digest: str
    start: datetime | None
    time_from: str
    seconds: float
    times_real_time: float | None
    frames: Mapping[str, int]
    contrary: int
    looked_at: int
    damaged: int
    tracks: int
    shots: int
    added: int
    present: int
    erased: int
    resumed_at: float
    finished: bool
    was_done: bool
    ms: Mapping[str, float]

    @classmethod
    def of(cls, report: Report) -> Recorded:
        counts, speed = report.counts, report.times_real_time
        return cls(
            report.name,
            report.digest,
            report.start,
            report.time_from,
            round(report.footage_seconds, 3),
            None if speed is None else round(speed, 2),
            {str(modality): counts.frames[modality] for modality in Modality},
            counts.contrary,
            counts.looked_at,
            report.decoding.damaged,
            counts.tracks,
            counts.shots,
            report.added,
            report.present,
            report.erased,
            round(report.resumed_at, 3),
            report.finished,
            report.was_done,
            in_ms(counts),
        )


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What came of all recordings.

    Attributes:
        recordings: each of those that could be read.
        skipped: those that could not, with the reason.
        added, present: sightings that are new, and that were there.
        sightings: how many the gallery holds now.
        keep_days: for how many days they are kept; null is for ever.
    """

    recordings: list[Recorded]
    skipped: list[Skip]
    added: int
    present: int
    sightings: int
    keep_days: int | None
