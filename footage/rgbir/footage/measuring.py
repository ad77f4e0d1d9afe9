"""How well people are found in recordings whose truth is known, and how fast."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rgbir.footage.daylight import Daylight
from rgbir.footage.labelled import Labelled
from rgbir.footage.people import Passing, People
from rgbir.footage.recordings import Recording
from rgbir.footage.score import Score, TrackBox, owners, right_share, score
from rgbir.index import Camera, Detector, Modality


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What came of one recording.

    Attributes:
        camera: whose it is.
        parts: the measures by modality; a recording that changes its light counts as two.
        looked: frames that were looked at, by modality as it was seen.
        right: the share of them whose modality was seen right; None where nobody wrote it down.
        seconds: of footage.
        worked_s: how long it took, with the decoding.
        stages: seconds of work by stage; `read` is waiting for the decoder, which works beside.
        people: who passed, each with the identity whom the track shows most often; None where it shows nobody of the truth.
    """

    camera: str
    parts: Mapping[Modality, Score]
    looked: Mapping[Modality, int]
    right: float | None
    seconds: float
    worked_s: float
    stages: Mapping[str, float]
    people: Sequence[tuple[Passing, int | None]]


def measure(
    recording: Labelled,
    detector: Detector | None = None,
    confidence: float | None = None,
    sample: float | None = 5.0,
    shots: int = 5,
) -> Measured:
    """Looks for people in a recording as `rgbir footage add` does, and compares with the truth.

    Args:
        detector: None is `motion`.
        confidence, shots: as of `People`.
        sample: frames a second that are looked at; None is every frame.

    Raises:
        BadFootage: the recording can't be read, or truth doesn't have its frames.
    """
    people = People(Camera(recording.camera, frozenset(Modality), "here"), detector, shots, confidence)
    light, seen, passings = Daylight(), dict[int, Modality](), list[Passing]()
    last, began = 0.0, time.perf_counter()
    with Recording.at(recording.path).opened(sample, recording.rate) as film:
        for frame in people.counts.reading(film.frames()):
            seen |= {decided.number + 1: modality for decided, modality in light.next(frame)}
            passings += people.next(frame)
            last = frame.seconds
        seen |= {decided.number + 1: modality for decided, modality in light.end()}
        passings += people.end()
    worked_s = time.perf_counter() - began
    parts = scores(recording, passings, seen)
    right = right_share(recording.modalities, seen) if recording.modalities else None
    who = owners(recording.truth, boxes_of(passings))
    shown = [(passing, who.get(passing.name)) for passing in passings]
    return Measured(recording.camera, parts, Counter(seen.values()), right, last, worked_s, people.counts.stages, shown)


def scores(recording: Labelled, passings: Iterable[Passing], seen: Mapping[int, Modality]) -> dict[Modality, Score]:
    """The measures by modality: the true one of each frame, or the one that was seen where nobody wrote it down.

    Args:
        seen: every frame that was looked at, by its number from 1.
    """
    boxes, kinds = (
        boxes_of(passings),
        {number: recording.modalities.get(number, as_seen) for number, as_seen in seen.items()},
    )
    result = {}
    for modality in Modality:
        numbers = [number for number, kind in kinds.items() if kind is modality]
        if numbers:
            truth = {number: recording.truth.get(number, ()) for number in numbers}
            result[modality] = score(truth, {number: boxes.get(number, ()) for number in numbers}, numbers)
    return result


def boxes_of(passings: Iterable[Passing]) -> dict[int, list[TrackBox]]:
    """Where tracks were, by the number of the frame as truth counts them: from 1."""
    boxes: dict[int, list[TrackBox]] = defaultdict(list)
    for passing in passings:
        for place in passing.seen:
            left, top, right, bottom = (float(side) for side in place.box)
            boxes[place.number + 1].append(TrackBox(passing.name, (left, top, right, bottom)))
    return boxes
