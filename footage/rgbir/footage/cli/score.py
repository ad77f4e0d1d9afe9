"""`rgbir footage score`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from rgbir.footage.choosing import Choice, chosen, scenes_of
from rgbir.footage.cli.options import MOTION, ConfidenceOption, DetectorOption, RateOption, SampleOption, detector_named
from rgbir.footage.fusing import FusedRank, embedded, fused_ranks
from rgbir.footage.labelled import labelled_in
from rgbir.footage.measuring import Measured, measure
from rgbir.footage.score import Score
from rgbir.index import Bundle, DetectorBundle, Encoder, Modality, UsageError
from rgbir.index.cli.options import ThreadsOption, progress
from rgbir.index.cli.output import Answer, in_groups

FEW = 200
"""Tracks below which it can't be said how many shots are best."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The measures of some frames.

    Attributes:
        frames: that were looked at.
        people: boxes of people who count: half of the person visible or more, 60 pixels tall or more.
        missed: the share of them that was not found, 0 to 1.
        false: the share of found boxes that are nobody, 0 to 1.
        purity: the share of a piece's boxes that show its most frequent person, 0 to 1.
        tracks_a_person: tracks of a person on average; the pieces of a track that was cut count once.
        pieces_a_person: the same, with every piece counted by itself.
        identities: people who were found, by recording.
    """

    frames: int
    people: int
    missed: float | None
    false: float | None
    purity: float | None
    tracks_a_person: float | None
    pieces_a_person: float | None
    identities: int

    @classmethod
    def of(cls, score: Score) -> Figures:
        return cls(
            score.frames,
            score.people,
            _rounded(score.missed),
            _rounded(score.false_share),
            _rounded(score.purity),
            _rounded(score.tracks_a_person),
            _rounded(score.pieces_a_person),
            score.identities,
        )


@dataclass(frozen=True, slots=True)
class Camera:
    """What was measured on one recording.

    Attributes:
        camera: whose it is.
        figures: of all its frames.
        by_modality: of its frames in colour and in infrared.
        modality_right: the share of frames whose modality was seen right, 0 to 1; null where the truth doesn't say it.
        seconds: of footage.
        times_real_time: seconds of footage a second of work.
        ms: milliseconds a frame, by stage; `read` is waiting for the decoder.
    """

    camera: str
    figures: Figures
    by_modality: Mapping[str, Figures]
    modality_right: float | None
    seconds: float
    times_real_time: float | None
    ms: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Suited:
    """Thresholds that were found for one modality.

    Attributes:
        start, sure, doubtful: to write into the card, or, `start` alone, to give as --confidence.
        figures: with them.
        fits: whether at most 2 % of the found boxes are nobody; null figures aside.
    """

    start: float
    sure: float
    doubtful: float
    figures: Figures
    fits: bool


@dataclass(frozen=True, slots=True)
class Fused:
    """How often a person was found again with so many shots of each track.

    Attributes:
        shots: fused, at most.
        rank_1: the share of tracks whose nearest track of the other cameras is the same person, 0 to 1.
        queries: tracks whose person passes another camera, too.
    """

    shots: int
    rank_1: float | None
    queries: int


@dataclass(frozen=True, slots=True)
class Scored:
    """How well people were found.

    Attributes:
        found_by: the detector's fingerprint, or motion.
        sample: frames a second that were looked at; 0 is every frame.
        cameras: each recording by itself.
        by_modality: all recordings, by modality; a recording that changes its light counts as two.
        all: all recordings.
        modality_right, times_real_time: of all recordings.
        thresholds: what --find-thresholds found, by modality; null without it.
        shots: what --bundle measured; null without it.
    """

    found_by: str
    sample: float
    cameras: list[Camera]
    by_modality: Mapping[str, Figures]
    all: Figures
    modality_right: float | None
    times_real_time: float | None
    thresholds: Mapping[str, Suited] | None
    shots: list[Fused] | None


@in_groups(
    {
        "Who is found": ("detector", "confidence", "threads"),
        "Which frames": ("sample", "rate"),
        "What else is measured": ("find_thresholds", "bundle"),
    }
)
def score(
    folder: Annotated[
        Path,
        typer.Argument(help="Synthetic footage, MOT sequences, or films with their truth beside them as NAME.txt."),
    ],
    detector: DetectorOption = MOTION,
    confidence: ConfidenceOption = None,
    sample: SampleOption = 5.0,
    rate: RateOption = None,
    find_thresholds: Annotated[
        bool, typer.Option("--find-thresholds", help="Say which thresholds suit the detector, by modality.")
    ] = False,
    bundle: Annotated[
        Path | None, typer.Option(help="An encoder's bundle: say how many shots of a track are best to fuse.")
    ] = None,
    threads: ThreadsOption = None,
) -> Answer[Scored]:
    """Measure who is missed, who is cut in pieces and how fast it is, where the truth is known.

    Examples:
        rgbir footage score footage
        rgbir footage score footage --detector nanodet --find-thresholds
        rgbir footage score MOT17/train --detector nanodet --confidence 0.4 --json
    """
    if find_thresholds and detector == MOTION:
        raise UsageError(
            "motion has no thresholds to choose; --find-thresholds needs --detector, a detector bundle's folder"
        )
    if find_thresholds and confidence is not None:
        raise UsageError("--find-thresholds tries every confidence; leave --confidence out")
    recordings = labelled_in(folder, rate)
    finder, encoder = (
        detector_named(detector, threads),
        None if bundle is None else Encoder(Bundle(bundle), threads=threads),
    )
    measured: list[Measured] = []
    with progress("recordings", len(recordings)) as advance:
        for recording in recordings:
            measured.append(measure(recording, finder, confidence, sample or None))
            advance(1)
    choices = (
        chosen(scenes_of(recordings, DetectorBundle(Path(detector)), sample or None, threads))
        if find_thresholds
        else None
    )
    ranks = None if encoder is None else fused_ranks(embedded(measured, encoder), encoder.card.metric)
    content = Scored(
        "motion" if finder is None else finder.found_by,
        sample,
        [_camera(each) for each in measured],
        {str(kind): Figures.of(total) for kind in Modality if (total := _total(measured, kind)).frames},
        Figures.of(_total(measured)),
        _right(measured),
        _speed(measured),
        None if choices is None else {str(kind): _suited(choice) for kind, choice in choices.items()},
        None if ranks is None else [Fused(each.shots, _rounded(each.rank_1), each.queries) for each in ranks],
    )
    return Answer(content, list(_lines(content, measured, choices, ranks)))


def _total(measured: Sequence[Measured], kind: Modality | None = None) -> Score:
    parts = (part for each in measured for modality, part in each.parts.items() if kind in (None, modality))
    return sum(parts, Score())


def _camera(each: Measured) -> Camera:
    frames = max(sum(each.looked.values()), 1)
    return Camera(
        each.camera,
        Figures.of(_total([each])),
        {str(kind): Figures.of(part) for kind, part in each.parts.items()},
        _rounded(each.right),
        round(each.seconds, 3),
        _speed([each]),
        {stage: round(1000 * seconds / frames, 2) for stage, seconds in each.stages.items()},
    )


def _right(measured: Sequence[Measured]) -> float | None:
    known = [(each.right, sum(each.looked.values())) for each in measured if each.right is not None]
    frames = sum(looked for _, looked in known)
    return _rounded(sum(right * looked for right, looked in known) / frames) if frames else None


def _speed(measured: Sequence[Measured]) -> float | None:
    seconds, worked_s = sum(each.seconds for each in measured), sum(each.worked_s for each in measured)
    return round(seconds / worked_s, 2) if seconds and worked_s else None


def _suited(choice: Choice) -> Suited:
    chosen = choice.thresholds
    return Suited(chosen.start, chosen.sure, chosen.doubtful, Figures.of(choice.score), choice.fits)


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def _lines(
    content: Scored,
    measured: Sequence[Measured],
    choices: Mapping[Modality, Choice] | None,
    ranks: Sequence[FusedRank] | None,
) -> Iterator[str | Table]:
    table = Table(
        "", "frames", "missed", "false", "purity", "tracks a person", "pieces a person", "modality right", "× real time"
    )
    rows = [(each.camera, each.figures, each.modality_right, each.times_real_time) for each in content.cameras]
    rows += [
        ({"rgb": "colour", "ir": "infrared"}[kind], figures, None, None)
        for kind, figures in content.by_modality.items()
    ]
    for name, figures, right, speed in [*rows, ("all", content.all, content.modality_right, content.times_real_time)]:
        shares = (figures.missed, figures.false, figures.purity)
        table.add_row(
            name, f"{figures.frames:,}", *(_shown(share, 3) for share in shares), _shown(figures.tracks_a_person, 2),
            _shown(figures.pieces_a_person, 2), _shown(right, 3), _shown(speed, 1),
        )  # fmt: skip
    yield table
    frames = max(content.all.frames, 1)
    stages: dict[str, float] = {}
    for each in measured:
        for stage, seconds in each.stages.items():
            stages[stage] = stages.get(stage, 0.0) + seconds
    yield "ms a frame: " + ", ".join(f"{stage} {1000 * seconds / frames:.1f}" for stage, seconds in stages.items())
    yield f"found by {content.found_by}; pieces of one track count once in tracks a person"
    for kind, choice in (choices or {}).items():
        yield from _in_toml(kind, choice)
    if ranks is not None:
        yield from _of_shots(ranks)


def _in_toml(kind: Modality, choice: Choice) -> Iterator[str]:
    chosen, figures = choice.thresholds, Figures.of(choice.score)
    yield ""
    yield f"[thresholds.{kind}]  # misses {_shown(figures.missed, 3)}, false {_shown(figures.false, 3)}"
    for name in ("start", "sure", "doubtful"):
        yield f"{name} = {getattr(chosen, name):.2f}"
    if not choice.fits:
        yield "# more than 2 % of the found boxes are nobody, whatever the thresholds; these have the fewest"


def _of_shots(ranks: Sequence[FusedRank]) -> Iterator[str]:
    for each in ranks:
        yield f"{each.shots} shots fused: rank-1 {_shown(each.rank_1, 3)} of {each.queries:,} tracks across cameras"
    if ranks and ranks[0].queries < FEW:
        yield f"fewer than {FEW} tracks: too few to say how many shots are best; draw longer footage"


def _shown(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
