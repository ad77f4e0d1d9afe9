"""Person search: a box must be found and its person recognised; and detection alone.

Source: the evaluation in the release of SeqNet (Li, Miao, AAAI 2021), by which papers on CUHK-SYSU and PRW measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rgbir.index.datasets.frames import Boxes, Wanted
from rgbir.index.detection.detections import Detections

LEAST_IOU = 0.5
MARGIN = 10
"""Pixels by which a small person's box may be wrong; then an IoU below 0.5 is enough."""
TOPS = (1, 5, 10)


class Searched(NamedTuple):
    """What became of each query.

    Attributes:
        ap: float64 (q,), average precision times the share of frames in which the person was found.
        rank: int64 (q,), how many detections are more alike than the first right one; -1 where there is none.
        shown: int64 (q,), frames of the gallery that show the person; a query of none isn't counted.
        matched: int64 (q,), in how many of them a detection is right.
    """

    ap: NDArray[np.float64]
    rank: NDArray[np.int64]
    shown: NDArray[np.int64]
    matched: NDArray[np.int64]

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Which queries have somebody to be found, bool (q,)."""
        return self.shown > 0

    @property
    def mean_ap(self) -> float:
        """The mean over valid queries."""
        return float(self.ap[self.valid].mean())

    def top(self, k: int) -> float:
        """The share of valid queries with a right one among the k most similar detections."""
        rank = self.rank[self.valid]
        return float(((rank >= 0) & (rank < k)).mean())


class Detected(NamedTuple):
    """Detection alone.

    Attributes:
        recall: the share of people's boxes that were found.
        ap: average precision times recall.
        boxes: how many boxes there are.
        detections: how many were made.
    """

    recall: float
    ap: float
    boxes: int
    detections: int


def overlaps(a: Boxes, b: Boxes) -> NDArray[np.float64]:
    """IoU of each of boxes (n, 4) with each of boxes (m, 4): float64 (n, m). A box without area overlaps nothing."""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    areas = (boxes[:, 2:] - boxes[:, :2] for boxes in (a, b))
    of_a, of_b = (sides.prod(axis=1) for sides in areas)
    union = of_a[:, None] + of_b[None, :] - common
    return np.asarray(np.divide(common, union, out=np.zeros_like(common), where=union > 0), np.float64)


def enough(box: NDArray[np.float64]) -> float:
    """The IoU from which on a detection is a person's of that box, float64 (4,): min(0.5, w·h / ((w+10)·(h+10)))."""
    width, height = box[2:] - box[:2]
    return float(min(LEAST_IOU, width * height / ((width + MARGIN) * (height + MARGIN))))


def average_precision(similarity: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Σ (R_k − R_{k−1}) P_k over the distinct similarities from the highest down; equal ones are one step.

    Args:
        similarity: float64 (n,).
        right: bool (n,).

    Returns:
        In 0..1; recall counts right detections only. 0 without any.
    """
    if not right.any():
        return 0.0
    order = np.argsort(-similarity, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(similarity[order])), len(order) - 1)
    hits = np.cumsum(right[order])[ends]
    recall, precision = hits / hits[-1], hits / (ends + 1)
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def search(wanted: Wanted, frames: NDArray[np.int64], boxes: Boxes, similarity: NDArray[np.float64]) -> Searched:
    """What becomes of one query.

    In each frame that shows the person the most similar detection that overlaps them enough is right; everything else is
    wrong. A frame in which nobody overlaps them enough still counts among those that show them.

    Args:
        wanted: who is searched for.
        frames: int64 (n,), the frame's number of each detection that is sure enough, ascending; other frames than those of
            the query's gallery are left aside.
        boxes: float64 (n, 4), where they are.
        similarity: float64 (n,), how alike to the query.

    Returns:
        Of a single query.
    """
    right = np.zeros(len(frames), bool)
    for frame, truth in wanted.shown.items():
        first, end = np.searchsorted(frames, [frame, frame + 1])
        order = first + np.argsort(-similarity[first:end], kind="stable")
        near = order[overlaps(boxes[order], truth[None])[:, 0] >= enough(truth)]
        right[near[:1]] = True
    seen = np.isin(frames, wanted.gallery)
    alike, right = similarity[seen], right[seen]
    shown, there = len(wanted.shown), int(right.sum())
    ap = average_precision(alike, right) * there / shown if shown else 0.0
    places = np.flatnonzero(right[np.argsort(-alike, kind="stable")])
    rank = int(places[0]) if there else -1
    return Searched(np.array([ap]), np.array([rank]), np.array([shown]), np.array([there]))


def together(parts: Sequence[Searched]) -> Searched:
    """Several queries' results, in their order."""
    return Searched(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def detect(truth: Sequence[Boxes], made: Sequence[Detections]) -> Detected:
    """How well people are detected, whoever they are.

    A detection is right if it overlaps a person's box by 0.5 at least, of that frame's boxes this one most, and of the
    frame's detections it does so most.

    Args:
        truth: of each frame the people's boxes, float64 (n, 4).
        made: of each frame the detections that are sure enough.
    """
    scores, right = [np.zeros(0)], [np.zeros(0, bool)]
    boxes = sum(map(len, truth))
    for people, detections in zip(truth, made, strict=True):
        hit = np.zeros(len(detections), bool)
        if len(people) and len(detections):
            over = overlaps(people, detections.boxes.astype(np.float64))
            best_person, best_detection = over.argmax(axis=0), over.argmax(axis=1)
            columns = np.arange(len(detections))
            mutual = best_detection[best_person] == columns
            hit = mutual & (over[best_person, columns] >= LEAST_IOU)
        scores.append(detections.scores.astype(np.float64))
        right.append(hit)
    every_score, every_hit = np.concatenate(scores), np.concatenate(right)
    recall = float(every_hit.sum() / boxes) if boxes else 0.0
    return Detected(recall, average_precision(every_score, every_hit) * recall, boxes, len(every_score))
