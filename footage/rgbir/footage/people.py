"""Frames in, tracks out: light, zones, detection, tracking and shots joined."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from rgbir.footage.boxes import covered
from rgbir.footage.daylight import Daylight
from rgbir.footage.frames import Frame
from rgbir.footage.motion import Motion
from rgbir.footage.shots import Shot, Shots, shot_of
from rgbir.footage.track import Seen, Track
from rgbir.footage.tracking import Step, Tracker
from rgbir.index import Camera, Detections, Detector, Mask, Modality, Thresholds


@dataclass(frozen=True, slots=True, eq=False)
class Passing:
    """A finished track: somebody passed.

    Attributes:
        name: the track's, within its recording.
        modality: of all its frames.
        shots: the crops that are kept, in order of time.
        seen: where it was, frame by frame.
    """

    name: str
    modality: Modality
    shots: tuple[Shot, ...]
    seen: tuple[Seen, ...]


@dataclass(slots=True)
class Counts:
    """What was seen, and how long each stage took.

    Attributes:
        frames: by modality.
        contrary: frames of another modality than the camera is declared with.
        looked_at: frames that the detector was asked about.
        detections: boxes that were sure enough to be a person.
        tracks, shots: of those that ended.
        stages: seconds by stage.
    """

    frames: Counter[Modality] = field(default_factory=Counter)
    contrary: int = 0
    looked_at: int = 0
    detections: int = 0
    tracks: int = 0
    shots: int = 0
    stages: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.stages[name] += time.perf_counter() - begun

    def reading(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The frames; the time for which they were waited for is the stage `read`."""
        while True:
            with self.stage("read"):
                frame = next(frames, None)
            if frame is None:
                return
            yield frame


def in_ms(counts: Counts) -> dict[str, float]:
    """Milliseconds a frame by stage."""
    frames = max(sum(counts.frames.values()), 1)
    return {stage: round(1000 * seconds / frames, 2) for stage, seconds in counts.stages.items()}


@dataclass(slots=True)
class People:
    """The people in one recording of one camera. Give it the frames in order.

    Attributes:
        camera: whose frames they are.
        detector: finds people; None is `motion`, which is asked first in any case.
        most_shots: crops of a track that are kept.
        confidence: what the detector's `start` is in place of its own; None is its own.
        trust_frames: whether frames of another modality than the camera's are looked at, too.
        gated: whether a frame in which nothing moves and nobody is tracked costs no inference.
        counts: what was seen.
        motion, tracker, daylight, mask: what knows of movement, of tracks, of light and of ignored zones.
        modality: of the last frame; None before the first.
    """

    camera: Camera
    detector: Detector | None = None
    most_shots: int = 5
    confidence: float | None = None
    trust_frames: bool = False
    gated: bool = True
    counts: Counts = field(default_factory=Counts)
    motion: Motion = field(default_factory=Motion)
    tracker: Tracker = field(default_factory=Tracker)
    modality: Modality | None = None
    daylight: Daylight = field(init=False)
    mask: Mask = field(init=False)
    _shots: dict[Track, Shots] = field(default_factory=dict)
    _first: bool = True

    def __post_init__(self) -> None:
        only = next(iter(self.camera.modalities)) if len(self.camera.modalities) == 1 else None
        self.daylight = Daylight(only)
        self.mask = Mask(self.camera.ignored)

    @property
    def found_by(self) -> str:
        return "motion" if self.detector is None else self.detector.found_by

    @property
    def quiet(self) -> bool:
        """Whether nobody is in the picture and no frame waits to be judged: a recording may be taken up again from here."""
        return self.daylight.settled and not self.tracker.live

    def resumed(self) -> None:
        """The next frame is not the first of its light."""
        self._first = False

    def of(self, frames: Iterable[Frame]) -> Iterator[Passing]:
        """Everyone who passes, at the moment when the track ends."""
        for frame in frames:
            yield from self.next(frame)
        yield from self.end()

    def next(self, frame: Frame) -> Iterator[Passing]:
        """Those whose tracks end by that frame."""
        for decided, modality in self.daylight.next(frame):
            yield from self._look(decided, modality)

    def end(self) -> Iterator[Passing]:
        """Those who are still there at the recording's end."""
        for decided, modality in self.daylight.end():
            yield from self._look(decided, modality)
        yield from self._all_end()

    def _all_end(self) -> Iterator[Passing]:
        ended = self.tracker.end()
        yield from self._passings(ended)
        self._shots.clear()

    def _look(self, frame: Frame, modality: Modality) -> Iterator[Passing]:
        self.counts.frames[modality] += 1
        if modality is not self.modality:
            yield from self._all_end()
            self.modality, self._first = modality, True
        if modality not in self.camera.modalities:
            self.counts.contrary += 1
            if not self.trust_frames:
                return
        image = self.mask.applied(frame.image)
        detections, thresholds = self._detected(image, modality)
        self.counts.detections += int((detections.scores >= thresholds.start).sum())
        self.tracker.width = image.shape[1]
        with self.counts.stage("track"):
            step = self.tracker.step(frame.number, frame.seconds, detections, thresholds)
        with self.counts.stage("shots"):
            self._keep(frame, image, detections, step)
        yield from self._passings(step.ended)

    def _detected(self, image: np.ndarray, modality: Modality) -> tuple[Detections, Thresholds]:
        asked: Detector = self.motion if self.detector is None else self.detector
        thresholds = asked.thresholds(modality)
        if self.confidence is not None:
            start = self.confidence
            thresholds = Thresholds(start, min(thresholds.sure, start), min(thresholds.doubtful, start))
        with self.counts.stage("motion"):
            moved = self.motion.find(image, modality)
        if self.detector is None:
            self.counts.looked_at += 1
            return moved.above(thresholds.doubtful), thresholds
        if self.gated and not (self._first or self.motion.moving or self.tracker.live):
            return Detections.none(), thresholds
        self._first = False
        self.counts.looked_at += 1
        with self.counts.stage("detect"):
            return self.detector.find(image, modality).above(thresholds.doubtful), thresholds

    def _keep(self, frame: Frame, image: np.ndarray, detections: Detections, step: Step) -> None:
        hidden = covered(detections.boxes)
        for track, place in step.matches:
            kept = self._shots.setdefault(track, Shots(self.most_shots))
            box, score = detections.boxes[place], float(detections.scores[place])
            if kept.wanted(score * (1 - float(hidden[place]))):
                kept.offer(shot_of(image, frame.number, frame.seconds, box, score, float(hidden[place])))
        alive = {*self.tracker.live, *step.ended}
        for track in [track for track in self._shots if track not in alive]:
            del self._shots[track]

    def _passings(self, ended: Iterable[Track]) -> Iterator[Passing]:
        for track in ended:
            shots = self._shots.pop(track, Shots(self.most_shots)).kept
            if not shots or self.modality is None:
                continue
            self.counts.tracks += 1
            self.counts.shots += len(shots)
            yield Passing(track.name, self.modality, tuple(shots), tuple(track.seen))
