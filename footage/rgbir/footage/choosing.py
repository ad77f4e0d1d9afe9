"""Which thresholds of a detector suit recordings whose truth is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rgbir.footage.daylight import Daylight
from rgbir.footage.labelled import Labelled
from rgbir.footage.recordings import Recording
from rgbir.footage.score import Score, TrackBox, score
from rgbir.footage.track import Track
from rgbir.footage.tracking import Tracker
from rgbir.footage.truth import Truth
from rgbir.index import Detections, DetectorBundle, Modality, ModelDetector, Thresholds

MOST_FALSE = 0.02
"""The share of found boxes that may be nobody."""
STARTS = tuple(round(0.20 + 0.05 * step, 2) for step in range(13))
BELOW = (0.0, 0.05, 0.10)
"""By how much `sure` is lower than `start`."""
DOUBTFUL = (0.05, 0.10, 0.15, 0.20, 0.30)
GRID = tuple(
    Thresholds(start, round(start - below, 2), doubtful)
    for start in STARTS
    for below in BELOW
    for doubtful in DOUBTFUL
    if doubtful <= round(start - below, 2)
)
"""What is tried."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Frames of one light that follow each other.

    Attributes:
        modality: of all of them.
        frames: number from 1, seconds, and what was found, from the grid's lowest score on.
        truth: of these frames.
        width: of the pictures, in pixels.
    """

    modality: Modality
    frames: Sequence[tuple[int, float, Detections]]
    truth: Truth
    width: int


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen for a modality.

    Attributes:
        thresholds: that were chosen.
        score: with them.
        fits: whether at most 2 % of the found boxes are nobody.
    """

    thresholds: Thresholds
    score: Score
    fits: bool


def scenes_of(
    recordings: Iterable[Labelled], bundle: DetectorBundle, sample: float | None = 5.0, threads: int | None = None
) -> list[Scene]:
    """All that a detector finds in recordings. Every frame is asked about, also where nothing moves.

    Raises:
        BadBundle: the detector can't be loaded.
        BadFootage: a recording can't be read.
    """
    detector = ModelDetector(bundle, threads=threads)
    lowest = Thresholds(max(STARTS), min(STARTS), min(DOUBTFUL))
    detector.card = detector.card.model_copy(update={"thresholds": dict.fromkeys(Modality, lowest)})
    return [scene for recording in recordings for scene in _looked_at(recording, detector, sample)]


def _looked_at(recording: Labelled, detector: ModelDetector, sample: float | None) -> Iterator[Scene]:
    frames: list[tuple[Modality, int, float, Detections]] = []
    width = 0
    with Recording.at(recording.path).opened(sample, recording.rate) as film:
        for frame, modality in Daylight().of(film.frames()):
            width = frame.image.shape[1]
            frames.append((modality, frame.number + 1, frame.seconds, detector.find(frame.image, modality)))
    changes = [place for place, (a, b) in enumerate(pairwise(frames), 1) if a[0] is not b[0]]
    for begin, end in pairwise([0, *changes, len(frames)]):
        part = [(number, seconds, detections) for _, number, seconds, detections in frames[begin:end]]
        if part:
            truth = {number: recording.truth.get(number, ()) for number, _, _ in part}
            yield Scene(frames[begin][0], part, truth, width)


def scored(scene: Scene, thresholds: Thresholds) -> Score:
    """The measures of what a tracker makes of a scene with these thresholds."""
    tracker, ended = Tracker(width=scene.width), list[Track]()
    for number, seconds, detections in scene.frames:
        ended += tracker.step(number, seconds, detections.above(thresholds.doubtful), thresholds).ended
    ended += tracker.end()
    boxes: dict[int, list[TrackBox]] = {number: [] for number, _, _ in scene.frames}
    for track in ended:
        for place in track.seen:
            left, top, right, bottom = (float(side) for side in place.box)
            boxes[place.number].append(TrackBox(track.name, (left, top, right, bottom)))
    return score(scene.truth, boxes)


def chosen(scenes: Sequence[Scene], grid: Sequence[Thresholds] = GRID) -> dict[Modality, Choice]:
    """The thresholds by modality: of those with at most 2 % false boxes the ones that miss least; of these the ones with
    the fewest tracks a person, then the highest. Where none keeps to 2 %, the ones with the fewest false boxes.

    Modalities without people are left out.
    """
    choices = {}
    for modality in Modality:
        here = [scene for scene in scenes if scene.modality is modality]
        tried = [(each, sum((scored(scene, each) for scene in here), Score())) for each in grid]
        if here and tried and tried[0][1].people:
            best = min(tried, key=_rank)
            choices[modality] = Choice(*best, fits=_fits(best[1]))
    return choices


def _fits(result: Score) -> bool:
    return (result.false_share or 0.0) <= MOST_FALSE


def _rank(tried: tuple[Thresholds, Score]) -> tuple[float, ...]:
    thresholds, result = tried
    fits = _fits(result)
    highest = (-thresholds.start, -thresholds.sure, -thresholds.doubtful)
    return (
        0.0 if fits else result.false_share or 0.0,
        1.0 if result.missed is None else result.missed,
        result.tracks_a_person or 0.0,
        *highest,
    )
