"""A model and a detector, measured on full frames."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.index.datasets.frames import Boxes, Frame, FrameSet
from rgbir.index.detection.detections import Detections, Detector
from rgbir.index.encoder import Encoder
from rgbir.index.errors import BadImage, EvaluationError, UsageError
from rgbir.index.evaluation.detections import TOPS, Detected, Searched, detect, search, together
from rgbir.index.metric import Metric
from rgbir.index.nearest.comparison import Comparison
from rgbir.index.progress import Progress, silent
from rgbir.index.words import did_you_mean

SURE = 0.5
"""The score from which on a detection counts, in the authors' protocols."""
_BLOCK_CELLS = 4_000_000

Find = Callable[[Frame, Image.Image], Detections]
"""Finds people in a frame, given with its picture."""


@dataclass(frozen=True, slots=True)
class SearchReport:
    """What a person search gives; fractions in 0..1.

    Attributes:
        protocol: its name.
        setting: what was chosen beside it.
        metric: how embeddings were compared.
        searched: what became of each query.
        detected: detection alone, on the gallery's frames.
        frames: how many frames were searched.
        about: what was measured, such as the model, the detector and versions; for readers only.
    """

    protocol: str
    setting: dict[str, str]
    metric: Metric
    searched: Searched
    detected: Detected
    frames: int
    about: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Fractions in full precision; JSON can carry it."""
        return {
            "protocol": {"name": self.protocol, **self.setting, "metric": str(self.metric)},
            "top": {str(k): self.searched.top(k) for k in TOPS},
            "mAP": self.searched.mean_ap,
            "detection": self.detected._asdict(),
            "queries": len(self.searched.ap),
            "valid_queries": int(self.searched.valid.sum()),
            "frames": self.frames,
            "by_query": {name: values.tolist() for name, values in self.searched._asdict().items()},
            "about": self.about,
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2)

    @property
    def columns(self) -> list[str]:
        """Of the table."""
        return [*(f"top-{k}" for k in TOPS), "mAP", "detection recall", "detection AP"]

    @property
    def row(self) -> list[str]:
        """The table's only line; percent with two decimals."""
        searched, detected = self.searched, self.detected
        values = *(searched.top(k) for k in TOPS), searched.mean_ap, detected.recall, detected.ap
        return [f"{100 * value:.2f}" for value in values]

    @property
    def title(self) -> str:
        setting = "".join(f" {key}={value}" for key, value in self.setting.items())
        return (
            f"{self.protocol}{setting} metric={self.metric}\n{len(self.searched.ap)} queries,"
            f" {int(self.searched.valid.sum())} valid, {self.frames} frames, {self.detected.boxes} people's boxes,"
            f" {self.detected.detections} detections"
        )

    def to_markdown(self) -> str:
        """The title and the table."""
        lines = [f"| {' | '.join(cells)} |" for cells in (self.columns, self.row)]
        about = [f"* {key}: {value}" for key, value in self.about.items()]
        rule = "|" + "---|" * len(self.columns)
        return "\n".join([*self.title.split("\n"), "", lines[0], rule, lines[1], "", *about]) + "\n"


def by_detector(detector: Detector) -> Find:
    """A detector's answers, from the least score that it looks at."""
    return lambda frame, image: detector.find(np.asarray(image), frame.modality)


def by_table(given: Mapping[str, Detections], data: FrameSet) -> Find:
    """Detections that were made before, by the names of frames; a frame without any has no people.

    Raises:
        UsageError: a name that no frame of the data set has.
    """
    if unknown := [name for name in given if name not in data.numbers]:
        raise UsageError(
            f"detections of {len(unknown):,} frames that {data.root} doesn't test, {unknown[0]!r} among them; frames are named"
            f" such as {data.frames[0].source}{did_you_mean(unknown[0], data.numbers)}"
        )
    return lambda frame, image: given.get(frame.source, Detections.none())


def person_search(
    data: FrameSet,
    protocol: str,
    encoder: Encoder,
    find: Find,
    *,
    size: int | None = None,
    sure: float = SURE,
    metric: Metric | None = None,
    about: dict[str, str] | None = None,
    progress: Progress = silent,
) -> SearchReport:
    """Finds people in every frame of the gallery, embeds them, and searches for each query among them.

    A query is embedded from its given box, whatever was detected there.

    Args:
        data: the frames.
        protocol: one of the data set's.
        encoder: the model.
        find: finds people.
        size: frames of a gallery, where the data set leaves that open.
        sure: detections below this score are dropped, 0..1.
        metric: the distance; the model's own if None.
        about: more to say in the report.
        progress: told of each frame that is done.

    Raises:
        BadImage: a frame can't be read, or a query's box isn't in it.
        EvaluationError: no query has anybody to find.
    """
    wanted, gallery = data.wanted(protocol, size), set(data.gallery.tolist())
    if not any(person.shown for person in wanted):
        raise EvaluationError(
            f"none of the {len(wanted)} queries is shown by a frame of its gallery; nothing can be found"
        )
    metric = metric or encoder.card.metric
    asked: dict[int, list[int]] = {}
    for number, person in enumerate(wanted):
        asked.setdefault(person.frame, []).append(number)
    queries = np.empty((len(wanted), encoder.card.dimension), np.float32)
    detections, rows = dict[int, Detections](), [np.empty((0, encoder.card.dimension), np.float32)]
    for number in sorted({*gallery, *asked}):
        frame = data.frames[number]
        image = frame.decoded()
        if number in asked:
            boxes = np.array([wanted[row].box for row in asked[number]])
            queries[asked[number]] = _embedded(boxes, image, frame, encoder)
        if number in gallery:
            detections[number] = find(frame, image).above(sure)
            rows.append(_embedded(detections[number].boxes.astype(np.float64), image, frame, encoder))
        progress(1)
    frames = np.repeat(np.array([*detections], np.int64), [*map(len, detections.values())])  # ascending
    boxes = np.concatenate([of_frame.boxes for of_frame in detections.values()]).astype(np.float64)
    similar = _similarities(queries, np.concatenate(rows), metric)
    searched = [search(person, frames, boxes, alike) for person, alike in zip(wanted, similar, strict=True)]
    detected = detect([data.frames[number].boxes for number in detections], list(detections.values()))
    setting = {"data": data.name, "confidence": f"{sure:g}"}
    setting |= {"gallery": str(size or data.sizes[0])} if data.sizes else {}
    return SearchReport(protocol, setting, metric, together(searched), detected, len(detections), about or {})


def _embedded(boxes: Boxes, image: Image.Image, frame: Frame, encoder: Encoder) -> NDArray[np.float32]:
    """Embeddings of parts of a frame, float32 (n, d); each part has all pixels that its box touches."""
    if not len(boxes):
        return np.empty((0, encoder.card.dimension), np.float32)
    ends = np.array([image.width, image.height, image.width, image.height])
    outer = np.clip(np.concatenate([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])], axis=1), 0, ends).astype(int)
    if len(empty := np.flatnonzero((outer[:, 2:] <= outer[:, :2]).any(axis=1))):
        raise BadImage(
            f"{frame.path}: box {boxes[empty[0]].tolist()} does not lie in the {image.width} x {image.height} image (left, top,"
            " right, bottom)"
        )
    return encoder.embed([image.crop(tuple(box)) for box in outer.tolist()], frame.modality)


def _similarities(
    queries: NDArray[np.float32], rows: NDArray[np.float32], metric: Metric
) -> Iterator[NDArray[np.float64]]:
    """For each query how alike the n rows are, float64 (n,): the distance's key with the other sign."""
    if not len(rows):
        yield from (np.zeros(0) for _ in queries)
        return
    compared, step = Comparison(metric, rows), max(1, _BLOCK_CELLS // len(rows))
    for start in range(0, len(queries), step):
        yield from -compared.keys(queries[start : start + step])
