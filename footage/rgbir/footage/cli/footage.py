"""`rgbir footage …`: from recordings to the people in them, and into a gallery."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from rgbir.footage.cli import sending
from rgbir.footage.cli.options import (
    MOTION,
    CameraOption,
    ConfidenceOption,
    DetectorOption,
    DriftOption,
    ForeverOption,
    KeepDaysOption,
    KeepImagesOption,
    NameTimeOption,
    NetworkOption,
    OffsetOption,
    RateOption,
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
from rgbir.footage.cli.score import score
from rgbir.footage.cli.sending import Sent, send
from rgbir.footage.enrolment import Manner, Report, enrol_recording
from rgbir.footage.errors import BadFootage
from rgbir.footage.people import Counts, Passing, People, in_ms
from rgbir.footage.points import Points
from rgbir.footage.recordings import Recording, recordings_in
from rgbir.footage.remarks import remarks_on
from rgbir.footage.retention import settle
from rgbir.footage.sheet import draw_sheet
from rgbir.footage.stopping import asked_to_stop
from rgbir.index import Bundle, Camera, Encoder, Modality, UsageError, local
from rgbir.index.cli.options import SKIPPED_EXIT, ThreadsOption, progress, refuse
from rgbir.index.cli.output import Answer, Skip, in_groups, remark

footage = typer.Typer(help="Find the people in recordings, and enrol them.", no_args_is_help=True, add_completion=False)
footage.command()(score)


@footage.callback()
def group() -> None:
    """Find the people in recordings, and enrol them."""


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


@dataclass(frozen=True, slots=True)
class Place:
    """Where a track was in a frame.

    Attributes:
        frame: the frame's number, from 0.
        seconds: from the recording's beginning.
        box: left, top, right, bottom in pixels.
        score: the detection's, 0 to 1.
    """

    frame: int
    seconds: float
    box: list[float]
    score: float


@dataclass(frozen=True, slots=True)
class Picture:
    """A shot that would be enrolled.

    Attributes:
        frame, seconds, box: as of a place; the box is the crop's.
        quality: by which it was chosen, 0 to 1.
    """

    frame: int
    seconds: float
    box: list[int]
    quality: float


@dataclass(frozen=True, slots=True)
class Somebody:
    """A track.

    Attributes:
        track: its name within the recording.
        modality: of its frames.
        places: where it was, frame by frame.
        shots: what would be enrolled of it.
    """

    track: str
    modality: str
    places: list[Place]
    shots: list[Picture]

    @classmethod
    def of(cls, passing: Passing) -> Somebody:
        places = [
            Place(
                seen.number, round(seen.seconds, 3), [round(float(side), 1) for side in seen.box], round(seen.score, 3)
            )
            for seen in passing.seen
        ]
        shots = [
            Picture(shot.number, round(shot.seconds, 3), list(shot.box), round(shot.quality, 3))
            for shot in passing.shots
        ]
        return cls(passing.name, str(passing.modality), places, shots)


@dataclass(frozen=True, slots=True)
class Seen:
    """Who is in a recording.

    Attributes:
        name, digest: of the recording.
        size: width and height of its frames, in pixels.
        seconds: how long it is; null where it doesn't say.
        frames: by modality.
        damaged: packets or pictures that could not be decoded.
        cut: why it ended before its end; null where it did not.
        found_by: the detector's fingerprint, or motion.
        tracks: who passed.
        times_real_time: seconds of footage a second of work.
        ms: milliseconds a frame, by stage.
        sheet: the picture with all shots, if one was asked for.
    """

    name: str
    digest: str
    size: list[int]
    seconds: float | None
    frames: Mapping[str, int]
    damaged: int
    cut: str | None
    found_by: str
    tracks: list[Somebody]
    times_real_time: float | None
    ms: Mapping[str, float]
    sheet: Path | None


@footage.command()
@in_groups(
    {
        "Who is found": ("detector", "confidence", "threads"),
        "Which frames": ("sample", "rate", "modality", "shots"),
        "What is written": ("sheet",),
    }
)
def find(
    file: Annotated[Path, typer.Argument(help="A film, or a folder of numbered pictures.")],
    detector: DetectorOption = MOTION,
    confidence: ConfidenceOption = None,
    sample: SampleOption = 5.0,
    rate: RateOption = None,
    shots: ShotsOption = 5,
    modality: Annotated[
        Modality | None, typer.Option(help="What the camera is; both by default, and each frame decides.")
    ] = None,
    threads: ThreadsOption = None,
    sheet: Annotated[Path | None, typer.Option(help="Write all shots on one picture, .png or .jpg.")] = None,
) -> Answer[Seen]:
    """Show who would be enrolled of a recording; nothing is kept.

    Examples:
        rgbir footage find clip.mp4 --sheet people.png
        rgbir footage find frames --rate 10 --detector nanodet --json
    """
    recording = Recording.at(file)
    camera = Camera(
        recording.name or "camera", frozenset(Modality) if modality is None else frozenset({modality}), "here"
    )
    people = People(camera, detector_named(detector, threads), shots, confidence)
    passings: list[Passing] = []
    began, last = time.perf_counter(), 0.0
    with recording.opened(sample or None, rate) as film:
        about = film.about()
        with progress("seconds", round(about.seconds or 0)) as advance:
            for frame in film.frames():
                passings += people.next(frame)
                advance(frame.seconds - last)
                last = frame.seconds
            passings += people.end()
    worked_s = time.perf_counter() - began
    if sheet is not None:
        draw_sheet(passings, sheet)
    counts = people.counts
    content = Seen(
        recording.name,
        recording.digest,
        [about.width, about.height],
        about.seconds,
        {str(kind): counts.frames[kind] for kind in Modality},
        film.decoding.damaged,
        film.decoding.cut,
        people.found_by,
        [Somebody.of(passing) for passing in passings],
        round(last / worked_s, 2) if last else None,
        in_ms(counts),
        sheet,
    )
    table = Table("track", "modality", "from", "to", "frames", "shots", "best")
    for passing in passings:
        first, final = passing.seen[0].seconds, passing.seen[-1].seconds
        best = max(shot.quality for shot in passing.shots)
        figures = f"{first:.1f} s", f"{final:.1f} s", f"{len(passing.seen)}", f"{len(passing.shots)}", f"{best:.2f}"
        table.add_row(passing.name, str(passing.modality), *figures)
    lines: list[str | Table] = [table, f"{recording.name}: {_in_words(counts)}, found by {people.found_by}"]
    if film.decoding.cut:
        lines.append(f"it is cut: {film.decoding.cut}")
    if counts.contrary:
        lines.append(f"{counts.contrary:,} frames are of the other modality, and weren't looked at")
    return Answer(content, lines, SKIPPED_EXIT if film.decoding.cut or counts.contrary else 0)


@footage.command()
@in_groups(
    {
        "Where to": ("camera", "gallery", "bundle", "network", "keep_images", "keep_days", "no_retention"),
        "Where to, on a server": ("url", "key", "ca", "purpose", "case"),
        "Who is found": ("detector", "confidence", "threads", "trust_frames"),
        "Which frames": ("sample", "rate", "shots"),
        "When they were taken": ("start", "name_time", "zone", "offset", "drift", "right_at"),
        "How it is done": ("state", "again"),
    }
)
def add(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Films, folders of films, or folders of numbered pictures.")],
    camera: CameraOption,
    gallery: Annotated[str | None, typer.Option(help="The gallery: its folder, or milvus://HOST:PORT/NAME.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="The model bundle's folder, of the encoder.")] = None,
    url: Annotated[
        str | None,
        typer.Option(help="A server that takes the films in place of a gallery, such as http://127.0.0.1:8077."),
    ] = None,
    key: Annotated[str | None, typer.Option(help="The server's key.")] = None,
    ca: Annotated[
        Path | None, typer.Option(help="The authority's certificate (PEM) that the server's is trusted by.")
    ] = None,
    purpose: Annotated[str | None, typer.Option(help="Why, for the server's audit log.")] = None,
    case: Annotated[str | None, typer.Option(help="The case it belongs to, for the server's audit log.")] = None,
    network: NetworkOption = None,
    detector: DetectorOption = MOTION,
    confidence: ConfidenceOption = None,
    keep_days: KeepDaysOption = None,
    no_retention: ForeverOption = False,
    keep_images: KeepImagesOption = True,
    sample: SampleOption = 5.0,
    rate: RateOption = None,
    shots: ShotsOption = 5,
    trust_frames: TrustOption = False,
    start: StartOption = None,
    name_time: NameTimeOption = None,
    zone: ZoneOption = None,
    offset: OffsetOption = 0.0,
    drift: DriftOption = 0.0,
    right_at: RightAtOption = None,
    threads: ThreadsOption = None,
    state: StateOption = None,
    again: Annotated[bool, typer.Option("--again", help="Work through recordings that are done, too.")] = False,
) -> Answer[Enrolled] | Answer[Sent]:
    """Enrol everyone who passes in recordings. Run it again after a stop: it goes on, and enrols nobody twice.

    Examples:
        rgbir footage add clip.mp4 --camera hall --gallery G --bundle B --network site.toml --keep-days 30
        rgbir footage add /mnt/recorder/hall --camera hall --gallery G --bundle B --name-time dahua --zone Europe/Berlin
        rgbir footage add clip.mp4 --camera hall --url http://127.0.0.1:8077 --start 2026-11-02T22:15:00+01:00
    """
    began = start_of(start)
    paths = recordings_in(files)
    if began is not None and len(paths) > 1:
        raise UsageError(
            f"--start is the beginning of one recording, and there are {len(paths)}; use --name-time with --zone"
        )
    local_in = zone_of(ctx, began, name_time, zone)
    if url is not None:
        refuse(ctx, "a server that takes films decides that", SERVERS)
        given = {"start": began, "name_time": name_time, "zone": None if local_in is None else local_in.key, "offset": offset, "drift": drift, "right_at": right_at,
                 "sample": sample, "shots": shots, "confidence": confidence, "trust_frames": trust_frames or None,
                 "purpose": purpose, "case": case}  # fmt: skip
        sent = send(paths, url, camera, {name: value for name, value in given.items() if value is not None}, key, ca)
        return Answer(sent, sending.lines(sent, url), SKIPPED_EXIT if sent.skipped else 0)
    refuse(ctx, "a gallery here is no server", CLIENTS)
    if gallery is None or bundle is None:
        raise UsageError("give --gallery and --bundle, or --url with a server")
    manner = Manner(
        sample=sample or None,
        shots=shots,
        confidence=confidence,
        rate=rate,
        keep_crops=keep_images,
        trust_frames=trust_frames,
        start=began,
        name_time=name_time,
        zone=local_in,
        correction=correction_of(offset, drift, right_at),
    )
    loaded = Bundle(bundle)
    finder, encoder = detector_named(detector, threads), Encoder(loaded, threads=threads)
    points = Points(points_of(gallery, state))
    points.forget_old()
    reports: list[Report] = []
    skipped: list[Skip] = []
    with gallery_at(gallery, loaded, network) as opened, asked_to_stop() as stopped:
        seen_by = opened.network[camera]
        days = settle(opened, keep_days, no_retention)
        for path in paths:
            if stopped():
                break
            try:
                recording = Recording.at(path)
                with progress(recording.name, 0) as advance:
                    report = enrol_recording(
                        recording,
                        seen_by,
                        opened,
                        encoder,
                        finder,
                        manner,
                        points=points,
                        again=again,
                        progress=advance,
                        stopped=stopped,
                    )
            except BadFootage as error:
                skipped.append(Skip(str(path), str(error)))
                remark(f"skipped: {error}")
                continue
            reports.append(report)
            for line in remarks_on(report, opened.network[camera]):
                remark(line)
        opened.refresh_cache()
        total = len(opened)
    content = Enrolled(
        [Recorded.of(report) for report in reports],
        skipped,
        sum(report.added for report in reports),
        sum(report.present for report in reports),
        total,
        days,
    )
    passed_over = skipped or any(not report.finished or report.counts.contrary for report in reports)
    return Answer(content, list(_lines(reports, content, gallery)), SKIPPED_EXIT if passed_over else 0)


SERVERS = (
    "gallery",
    "bundle",
    "network",
    "detector",
    "keep_days",
    "no_retention",
    "keep_images",
    "rate",
    "threads",
    "state",
    "again",
)
"""Options that have no meaning where a server takes films."""
CLIENTS = ("key", "ca", "purpose", "case")
"""Options that are for servers alone."""


def _in_words(counts: Counts) -> str:
    frames = f"{counts.frames[Modality.RGB]:,} frames in colour, {counts.frames[Modality.IR]:,} in infrared"
    return f"{counts.tracks:,} tracks, {counts.shots:,} shots; {frames}"


def _lines(reports: list[Report], content: Enrolled, gallery: str) -> Iterator[str | Table]:
    table = Table("recording", "from", "seconds", "× real time", "tracks", "added", "there")
    for report in reports:
        speed = report.times_real_time
        table.add_row(
            report.name,
            local(report.start),
            f"{report.footage_seconds:,.0f}",
            "-" if speed is None else f"{speed:.1f}",
            f"{report.counts.tracks:,}",
            f"{report.added:,}",
            f"{report.present:,}",
        )
    if reports:
        yield table
        stages: dict[str, float] = {}
        for report in reports:
            for stage, seconds in report.counts.stages.items():
                stages[stage] = stages.get(stage, 0.0) + seconds
        frames = max(sum(sum(report.counts.frames.values()) for report in reports), 1)
        if stages:
            yield "ms a frame: " + ", ".join(
                f"{stage} {1000 * seconds / frames:.1f}" for stage, seconds in stages.items()
            )
    for skip in content.skipped:
        yield f"skipped {skip.source}: {skip.reason}"
    rule = "for ever" if content.keep_days is None else f"for {content.keep_days} days"
    yield f"{content.added:,} added, {content.present:,} were there; {content.sightings:,} sightings in {gallery}, kept {rule}"
