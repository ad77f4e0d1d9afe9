"""`rgbir footage add`: enrol who passes in recordings."""

from __future__ import annotations

from collections.abc import Iterator
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
from rgbir.footage.cli.recorded import Enrolled, Recorded
from rgbir.footage.cli.sending import Sent, send
from rgbir.footage.enrolment import Manner, Report, enrol_recording
from rgbir.footage.errors import BadFootage
from rgbir.footage.points import Points
from rgbir.footage.recordings import Recording, recordings_in
from rgbir.footage.remarks import remarks_on
from rgbir.footage.retention import settle
from rgbir.footage.stopping import asked_to_stop
from rgbir.index import Bundle, Encoder, UsageError, local
from rgbir.index.cli.options import SKIPPED_EXIT, RunnerOption, ThreadsOption, progress, refuse
from rgbir.index.cli.output import Answer, Skip, in_groups, remark


@in_groups(
    {
        "Where to": ("camera", "gallery", "bundle", "network", "keep_images", "keep_days", "no_retention"),
        "Where to, on a server": ("url", "key", "ca", "purpose", "case"),
        "Who is found": ("detector", "confidence", "threads", "runner", "trust_frames"),
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
    runner: RunnerOption = "onnxruntime",
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
    finder, encoder = detector_named(detector, threads), Encoder(Bundle(bundle), threads=threads, runner=runner)
    points = Points(points_of(gallery, state))
    points.forget_old()
    reports: list[Report] = []
    skipped: list[Skip] = []
    with gallery_at(gallery, encoder.card, network) as opened, asked_to_stop() as stopped:
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
    "runner",
    "state",
    "again",
)
"""Options that have no meaning where a server takes films."""
CLIENTS = ("key", "ca", "purpose", "case")
"""Options that are for servers alone."""


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
