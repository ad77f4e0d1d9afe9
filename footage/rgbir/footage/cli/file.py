"""`rgbir watch file`: enrol who is in recordings that a recorder is still writing."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from rgbir.footage.cli.options import (
    MOTION,
    CameraOption,
    ConfidenceOption,
    DetectorOption,
    DriftOption,
    EncoderOption,
    ForeverOption,
    GalleryOption,
    KeepDaysOption,
    KeepImagesOption,
    NameTimeOption,
    NetworkOption,
    OffsetOption,
    RightAtOption,
    SampleOption,
    ShotsOption,
    StartOption,
    StateOption,
    TrustOption,
    ZoneOption,
    correction_of,
    detector_named,
    gallery_at,
    points_of,
    start_of,
    zone_of,
)
from rgbir.footage.cli.recorded import Enrolled, Recorded
from rgbir.footage.enrolment import Manner, Report, enrol_recording
from rgbir.footage.errors import BadFootage
from rgbir.footage.following import LOOK_S, Follower
from rgbir.footage.formats import GROWING
from rgbir.footage.people import People
from rgbir.footage.points import Points
from rgbir.footage.recordings import Recording
from rgbir.footage.remarks import remarks_on
from rgbir.footage.retention import Expiry, settle
from rgbir.footage.stopping import asked_to_stop
from rgbir.index import Bundle, Encoder, UsageError
from rgbir.index.cli.options import SKIPPED_EXIT, RunnerOption, ThreadsOption
from rgbir.index.cli.output import Answer, Skip, in_groups, note, remark

LAST = 1000
"""Films that the report names, at most, and as many that were skipped."""


@in_groups(
    {
        "Where to": ("camera", "gallery", "bundle", "network", "keep_images"),
        "How long people are kept": ("keep_days", "no_retention"),
        "Who is found": ("detector", "confidence", "threads", "runner", "trust_frames"),
        "Which frames": ("sample", "shots"),
        "When they were taken": ("start", "name_time", "zone", "offset", "drift", "right_at"),
        "How it is done": ("closed_after", "state"),
    }
)
def file(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(help="A film that is being written, or the folder into which films are put.")],
    camera: CameraOption,
    gallery: GalleryOption,
    bundle: EncoderOption,
    network: NetworkOption = None,
    detector: DetectorOption = MOTION,
    confidence: ConfidenceOption = None,
    keep_days: KeepDaysOption = None,
    no_retention: ForeverOption = False,
    keep_images: KeepImagesOption = True,
    sample: SampleOption = 5.0,
    shots: ShotsOption = 5,
    trust_frames: TrustOption = False,
    start: StartOption = None,
    name_time: NameTimeOption = None,
    zone: ZoneOption = None,
    offset: OffsetOption = 0.0,
    drift: DriftOption = 0.0,
    right_at: RightAtOption = None,
    threads: ThreadsOption = None,
    runner: RunnerOption = "onnxruntime",
    closed_after: Annotated[
        float, typer.Option(help="Seconds without a change after which a film counts as closed.", min=1.0, max=86_400.0)
    ] = 60.0,
    state: StateOption = None,
) -> Answer[Enrolled]:
    """Enrol everyone who passes in recordings that a recorder is still writing. Run it again after a stop: it goes on.

    A film (.ts, .mkv, .flv, .dav) is read while it grows, and the command ends once it is closed. Of a folder, each film is read once it
    is closed, in the order of names, until SIGTERM.

    Examples:
        rgbir watch file /mnt/recorder/hall --camera hall --gallery G --bundle B --name-time dahua --zone Europe/Berlin --keep-days 30
        rgbir watch file hall.ts --start 2026-11-02T22:15:00+01:00 --camera hall --gallery G --bundle B --keep-days 30
    """
    began = start_of(start)
    if not path.exists():
        raise UsageError(f"{path}: nothing is there")
    if began is not None and path.is_dir():
        raise UsageError("--start is the beginning of one film, and a folder has many; use --name-time with --zone")
    local_in = zone_of(ctx, began, name_time, zone)
    manner = Manner(
        sample=sample or None,
        shots=shots,
        confidence=confidence,
        keep_crops=keep_images,
        trust_frames=trust_frames,
        start=began,
        name_time=name_time,
        zone=local_in,
        correction=correction_of(offset, drift, right_at),
    )
    finder, encoder = detector_named(detector, threads), Encoder(Bundle(bundle), threads=threads, runner=runner)
    points = Points(points_of(gallery, state))
    points.forget_old()
    reports: deque[Report] = deque(maxlen=LAST)
    skipped: deque[Skip] = deque(maxlen=LAST)
    added = present = films = 0
    with gallery_at(gallery, encoder.card, network) as opened, asked_to_stop() as wished:
        seen_by = opened.network[camera]
        days, expiry = settle(opened, keep_days, no_retention), Expiry(opened, remark)

        def stopped() -> bool:
            expiry.quietly()
            return wished()

        way = manner.decisive(People(seen_by, finder), encoder.card.fingerprint)
        name = points.file(hashlib.sha256(str(path.resolve()).encode()).hexdigest(), seen_by.id, way)
        notes = None if name is None else name.with_suffix(".films")
        for recording in _recordings(path, closed_after, notes, stopped, skipped):
            try:
                report = enrol_recording(
                    recording, seen_by, opened, encoder, finder, manner, points=points, stopped=stopped
                )
            except BadFootage as error:
                _skip(skipped, recording.path, error)
                continue
            reports.append(report)
            films, added, present = films + 1, added + report.added, present + report.present
            for line in remarks_on(report, seen_by):
                remark(line)
            note(f"{report.name}: {report.added:,} added, {report.present:,} were there")
        opened.refresh_cache()
        total = len(opened)
    content = Enrolled([Recorded.of(report) for report in reports], list(skipped), added, present, total, days)
    lines = [f"{films:,} films, {len(skipped):,} skipped; {added:,} sightings added, {present:,} were there"]
    return Answer(content, lines, SKIPPED_EXIT if skipped else 0)


def _skip(skipped: deque[Skip], path: Path, error: BadFootage) -> None:
    skipped.append(Skip(str(path), str(error)))
    remark(f"skipped: {error}")


def _recordings(
    path: Path, closed_after: float, notes: Path | None, stopped: Callable[[], bool], skipped: deque[Skip]
) -> Iterator[Recording]:
    """What is to be worked through, as it comes; what can't be read is skipped."""
    if not path.is_dir():
        if path.suffix.lower() in GROWING:
            growing = Recording.growing(path, closed_after, stopped)
            if growing is not None:
                yield growing
            return
        follower = Follower(path.parent, closed_after, None, only=path)
    else:
        follower = Follower(path, closed_after, notes)
    while not stopped():
        for film in follower.closed():
            try:
                recording = Recording.at(film)
            except BadFootage as error:
                _skip(skipped, film, error)
            else:
                yield recording
            if stopped():
                return
            follower.settle(film)
            if not path.is_dir():
                return
        time.sleep(LOOK_S)
