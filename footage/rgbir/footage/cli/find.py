"""`rgbir footage find`: who would be enrolled of a recording."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from rgbir.footage.cli.options import (
    MOTION,
    ConfidenceOption,
    DetectorOption,
    RateOption,
    SampleOption,
    ShotsOption,
    detector_named,
)
from rgbir.footage.people import Counts, Passing, People, in_ms
from rgbir.footage.recordings import Recording
from rgbir.footage.sheet import draw_sheet
from rgbir.index import Camera, Modality
from rgbir.index.cli.options import SKIPPED_EXIT, ThreadsOption, progress
from rgbir.index.cli.output import Answer, in_groups


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


def _in_words(counts: Counts) -> str:
    frames = f"{counts.frames[Modality.RGB]:,} frames in colour, {counts.frames[Modality.IR]:,} in infrared"
    return f"{counts.tracks:,} tracks, {counts.shots:,} shots; {frames}"
