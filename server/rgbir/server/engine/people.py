"""The people that a detector finds in a picture, as the server tells them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rgbir.index import Box, Detections, Detector, Modality
from rgbir.server.errors import NobodyFound, NoDetector


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a picture.

    Attributes:
        box: left, top, right, bottom in whole pixels, round the detector's box and within the picture.
        score: how sure the detector is, in 0..1.
    """

    box: Box
    score: float

    @property
    def area(self) -> int:
        """Of the box, in pixels."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)


@dataclass(frozen=True, slots=True)
class Peopled:
    """A picture and the people in it.

    Attributes:
        name: of the picture.
        width, height: in pixels.
        people: the surest first.
        found_by: the detector's fingerprint.
        least: the score from which on somebody counts as a person here.
        surest: the largest score below that, or 0.
    """

    name: str
    width: int
    height: int
    people: tuple[Person, ...]
    found_by: str
    least: float
    surest: float

    def largest(self) -> Person:
        """Whoever takes up most of the picture; of equal ones the surest.

        Raises:
            NobodyFound: there is nobody.
        """
        if not self.people:
            more = f"; the surest box has {self.surest:.2f}" if self.surest else ""
            raise NobodyFound(
                f"{self.name}: nobody was found in its {self.width} x {self.height} pixels with a score of {self.least:.2f} or more{more}."
                " Say where the person is with box, or send the person's part of the picture without detect"
            )
        return max(self.people, key=lambda person: person.area)


def peopled(
    name: str, width: int, height: int, detections: Detections, detector: Detector, modality: Modality
) -> Peopled:
    """What a detector found, in whole pixels."""
    least = detector.thresholds(modality).start
    sure = detections.above(least)
    below = detections.scores[len(sure) :]
    people = tuple(
        Person(
            (
                max(0, math.floor(left)),
                max(0, math.floor(top)),
                min(width, math.ceil(right)),
                min(height, math.ceil(bottom)),
            ),
            round(float(score), 4),
        )
        for (left, top, right, bottom), score in zip(sure.boxes.tolist(), sure.scores, strict=True)
    )
    return Peopled(name, width, height, people, detector.found_by, least, float(below.max(initial=0)))


def expect_detector(detector: Detector | None) -> Detector:
    """
    Raises:
        NoDetector: this server has none.
    """
    if detector is None:
        raise NoDetector(
            "this server has no detector, which finds people in whole pictures; whoever runs it starts it with --detector DIR"
            " (docs/how-to/adopt-a-detector.md). Until then say with box where the person is"
        )
    return detector
