"""What an answer's distances mean, where somebody measured it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from rgbir.index.gallery.calibration import Calibration, Pair
from rgbir.index.gallery.query import Answer, Hit, Meaning


def explained(answer: Answer, calibration: Calibration | None, sightings: Mapping[str, int]) -> Answer:
    """The answer with what its distances mean, where its query's camera is calibrated with the hits' cameras.

    Args:
        sightings: of each camera, to know how many strangers were compared.
    """
    if calibration is None or answer.camera is None or not answer.hits:
        return answer
    pairs = {camera: calibration.of(answer.camera, camera) for camera in answer.searched_cameras}

    distances = np.array([hit.distance for hit in answer.hits])
    known = {camera: pair.false_accept_rates(distances) for camera, pair in pairs.items() if pair is not None}
    expected: list[float | None] = [None] * len(distances)
    if len(known) == len(pairs):
        counted = [rates * sightings.get(camera, 0) for camera, rates in known.items()]
        expected = list(np.sum(counted, axis=0).tolist())
    hits = tuple(
        _explained(
            hit, pairs.get(hit.camera), float(known[hit.camera][place]) if hit.camera in known else 0.0, strangers
        )
        for place, (hit, strangers) in enumerate(zip(answer.hits, expected, strict=True))
    )
    best = min(
        (hit.meaning.strangers for hit in hits if hit.meaning and hit.meaning.strangers is not None), default=None
    )
    doubt = None if best is None else best >= 1
    remark = (
        ""
        if not doubt
        else f"probably not in this gallery: {best:.1f} strangers are expected to be as near as the nearest hit"
    )
    return replace(answer, hits=hits, doubtful=doubt, warnings=(*answer.warnings, *([remark] if remark else [])))


def _explained(hit: Hit, pair: Pair | None, rate: float, strangers: float | None) -> Hit:
    if pair is None:
        return hit
    meaning = Meaning(pair.probability(hit.distance), rate, strangers)
    return replace(hit, meaning=meaning)
