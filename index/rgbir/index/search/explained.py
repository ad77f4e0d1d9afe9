"""What an answer's distances mean, where somebody measured it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from rgbir.index.gallery.calibration import Calibration
from rgbir.index.gallery.query import Answer, Meaning
from rgbir.index.gallery.remarks import Code, Remark


def explained(answer: Answer, calibration: Calibration | None, sightings: Mapping[str, int]) -> Answer:
    """The answer with what its distances mean, where its query's camera is calibrated with the hits' cameras.

    Args:
        sightings: of each camera, to know how many strangers were compared.
    """
    if calibration is None or answer.camera is None or not answer.hits:
        return answer
    pairs = {camera: calibration.of(answer.camera, camera) for camera in answer.searched_cameras}
    pairs_of_hits = [pairs.get(hit.camera) for hit in answer.hits]
    distances = np.array([hit.distance for hit in answer.hits])
    known = {camera: pair.false_accept_rates(distances) for camera, pair in pairs.items() if pair is not None}
    expected: list[float | None] = [None] * len(distances)
    if len(known) == len(pairs):
        counted = [rates * sightings.get(camera, 0) for camera, rates in known.items()]
        expected = list(np.sum(counted, axis=0).tolist())
    meanings = [
        None if pair is None else Meaning(pair.probability(hit.distance), float(known[hit.camera][place]), strangers)
        for place, (hit, pair, strangers) in enumerate(zip(answer.hits, pairs_of_hits, expected, strict=True))
    ]
    hits = tuple(replace(hit, meaning=meaning) for hit, meaning in zip(answer.hits, meanings, strict=True))
    near = [meaning.strangers for meaning in meanings if meaning and meaning.strangers is not None]
    if not near:
        return replace(answer, hits=hits, uncalibrated=tuple(camera for camera in pairs if camera not in known))
    compared = sum(sightings.get(camera, 0) for camera in known)
    answer = replace(answer, hits=hits, doubtful=min(near) >= 1, compared=compared)
    if not answer.doubtful:
        return answer
    text = f"probably not in this gallery: {min(near):.1f} strangers are expected to be as near as the nearest hit"
    return replace(answer, remarks=(*answer.remarks, Remark(Code.DOUBTFUL, text, {"strangers": min(near)})))
