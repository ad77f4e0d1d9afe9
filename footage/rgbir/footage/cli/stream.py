"""`rgbir watch stream`: enrol who passes a camera, for as long as it runs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from rgbir.footage.addresses import PASSWORD, USER, StreamAddress, hide_argument
from rgbir.footage.cli.options import (
    MOTION,
    ConfidenceOption,
    DetectorOption,
    EncoderOption,
    ForeverOption,
    GalleryOption,
    KeepDaysOption,
    KeepImagesOption,
    NetworkOption,
    SampleOption,
    ShotsOption,
    TrustOption,
    detector_named,
    gallery_at,
)
from rgbir.footage.destination import InGallery
from rgbir.footage.enrolment import Manner
from rgbir.footage.live import Live
from rgbir.footage.people import in_ms
from rgbir.footage.remarks import on_light
from rgbir.footage.retention import Expiry, settle
from rgbir.footage.stopping import asked_to_stop
from rgbir.footage.streams import Reading, Stream
from rgbir.index import AnyGallery, Bundle, Encoder, GalleryAddress, Modality, UsageError, changing, locked, why
from rgbir.index.cli.options import RunnerOption, ThreadsOption
from rgbir.index.cli.output import Answer, in_groups, note, remark


@dataclass(frozen=True, slots=True)
class Streamed:
    """What came of a camera's stream.

    Attributes:
        camera: its id.
        opened, broken, failed: how often frames began to come; ended; and how often it didn't open.
        sessions: how often frames began to come, or the clock was moved.
        moved: how often the clock was moved.
        seconds: of frames.
        frames: that were looked at, by modality.
        contrary: frames of another modality than the camera is declared with.
        looked_at: frames that the detector was asked about.
        late: frames that were dropped, since those before them were still looked at.
        damaged: packets that could not be decoded.
        tracks, shots: how many.
        added, present, erased: sightings that are new; that were there; that were erased since.
        keep_days: for how many days they are kept; null is for ever.
        ms: milliseconds a frame, by stage.
    """

    camera: str
    opened: int
    broken: int
    failed: int
    sessions: int
    moved: int
    seconds: float
    frames: Mapping[str, int]
    contrary: int
    looked_at: int
    late: int
    damaged: int
    tracks: int
    shots: int
    added: int
    present: int
    erased: int
    keep_days: int | None
    ms: Mapping[str, float]


@in_groups(
    {
        "The stream": ("transport", "ca", "any_certificate", "delay"),
        "Where to": ("camera", "gallery", "bundle", "network", "keep_images"),
        "How long people are kept": ("keep_days", "no_retention"),
        "Who is found": ("detector", "confidence", "threads", "runner", "trust_frames"),
        "Which frames": ("sample", "shots"),
        "How it is done": ("state",),
    }
)
def stream(
    url: Annotated[str, typer.Argument(help="The stream's address, such as rtsp://192.168.1.20/stream1, or rtsps://…")],
    camera: Annotated[str, typer.Option(help="The camera, in the gallery's network.")],
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
    delay: Annotated[
        float, typer.Option(help="Seconds that a frame takes from the camera to here.", min=0.0, max=600.0)
    ] = 0.0,
    transport: Annotated[
        Literal["tcp", "udp"], typer.Option(help="How pictures come: over the connection itself, or beside it.")
    ] = "tcp",
    ca: Annotated[
        Path | None,
        typer.Option(help="Of rtsps: certificates to trust (PEM) in place of the machine's own.", dir_okay=False),
    ] = None,
    any_certificate: Annotated[
        bool,
        typer.Option("--any-certificate", help="Of rtsps: trust whoever answers, such as a camera's own certificate."),
    ] = False,
    threads: ThreadsOption = None,
    runner: RunnerOption = "onnxruntime",
    state: Annotated[
        Path | None,
        typer.Option(
            help="For a gallery in Milvus: the folder of the lock that keeps others from watching the same camera into it.",
            file_okay=False,
        ),
    ] = None,
) -> Answer[Streamed]:
    """Enrol everyone who passes a camera, from its stream (RTSP). It stops with SIGTERM, and enrols who is there then.

    Name and password of the camera come from two variables, or from the address: see the how-to for watching a camera.

    Examples:
        rgbir watch stream rtsp://192.168.1.20/stream1 --camera hall --gallery G --bundle B --network site.toml --keep-days 30
        rgbir watch stream rtsps://cam/live --ca site.pem --camera hall --gallery G --bundle B --keep-days 30
    """
    address = StreamAddress.of(url)
    hide_argument(url)
    if "@" in url:
        remark(f"the address names a user, and who starts processes may see that; {USER} and {PASSWORD} keep it")
    if address.scheme != "rtsps" and (ca is not None or any_certificate):
        raise UsageError("--ca and --any-certificate are of rtsps, and the address is of rtsp")
    if ca is not None and any_certificate:
        raise UsageError("give --ca or --any-certificate, not both")
    if ca is not None and not ca.is_file():
        raise UsageError(f"--ca {ca}: no such file")
    manner = Manner(
        sample=sample or None, shots=shots, confidence=confidence, keep_crops=keep_images, trust_frames=trust_frames
    )
    finder, encoder = detector_named(detector, threads), Encoder(Bundle(bundle), threads=threads, runner=runner)
    with ExitStack() as stack:
        opened = stack.enter_context(gallery_at(gallery, encoder.card, network))
        seen_by, days = opened.network[camera], settle(opened, keep_days, no_retention)
        if state is not None and not GalleryAddress.of(gallery).in_milvus:
            remark("--state has no effect: the lock of a gallery in a folder lies beside it")
        stack.enter_context(locked(_lock_of(opened, gallery, seen_by.id, state)))
        stopped = stack.enter_context(asked_to_stop())
        live = Live(seen_by, InGallery(opened, encoder), finder, manner, delay=delay, stopped=stopped, say=remark)
        watching = Stream(
            address,
            live,
            Reading(manner.sample, transport, not any_certificate, ca),
            stopped=stopped,
            upkeep=Expiry(opened, remark).quietly,
            say=remark,
        )
        note(f"{seen_by.shown}: {address.shown} is watched until SIGTERM")
        watching.watch()
        opened.refresh_cache()
    went, watched = watching.openings, live.watched
    counts = watched.counts
    for line in on_light(counts, seen_by):
        remark(line)
    content = Streamed(
        camera=seen_by.id,
        opened=went.opened,
        broken=went.broken,
        failed=went.failed,
        sessions=watched.sessions,
        moved=watched.moved,
        seconds=round(watched.seconds, 3),
        frames={str(modality): counts.frames[modality] for modality in Modality},
        contrary=counts.contrary,
        looked_at=counts.looked_at,
        late=went.late,
        damaged=went.damaged,
        tracks=counts.tracks,
        shots=counts.shots,
        added=watched.added,
        present=watched.present,
        erased=watched.erased,
        keep_days=days,
        ms=in_ms(counts),
    )
    lines = [
        f"{seen_by.shown}: {counts.tracks:,} tracks in {watched.seconds:,.0f} seconds of frames; {watched.added:,} sightings added",
        f"opened {went.opened:,} times, broken {went.broken:,} times, {went.failed:,} tries failed; {went.late:,} frames were late",
    ]
    return Answer(content, lines)


def _lock_of(opened: AnyGallery, gallery: str, camera: str, state: Path | None) -> Path:
    """What a process that watches this camera into this gallery has locked: beside a gallery in a folder, whoever asks; for one in
    Milvus it lies on this machine, whatever name of the server was given.

    Raises:
        UsageError: its folder can't be made.
    """
    address = GalleryAddress.of(gallery)
    if address.in_milvus:
        home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state")
        folder, watched = state or home / "rgbir", None
    else:
        there = address.folder.resolve()
        folder, watched = there.with_name(f"{there.name}.footage"), camera
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{folder} can't be made: {why(error)}. A lock lies there, so that one process alone watches a camera; for a gallery in"
            " Milvus --state names another folder"
        ) from error
    if watched is None:
        with changing(folder):  # one process after the other is told, or draws, which gallery it is
            watched = f"{opened.uid()}\n{camera}"
    return folder / f"stream-{hashlib.sha256(watched.encode()).hexdigest()[:16]}.lock"
