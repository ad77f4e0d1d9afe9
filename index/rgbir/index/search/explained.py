"""What an answer's distances mean, where somebody measured it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rgbir.index.gallery.calibration import Calibration, Pair
from rgbir.index.gallery.query import Answer, Hit, Meaning


def explained(answer: Answer, calibration: Calibration | None, sightings: Mapping[str, int]) -> Answer:
    """The answer with what its distances mean, where its query's camera is calibrated with the hits' cameras.

    Args:
        sightings: of each camera, to know how many strangers were compared.
    """
    if calibration is None or answer.camera is None or not answer.hits:
        return answer
    own = {camera: calibration.of(answer.camera, camera) for camera in answer.searched_cameras}

    def strangers(distance: float) -> float | None:
        rates = [(pair, sightings.get(camera, 0)) for camera, pair in own.items()]
        if any(pair is None for pair, _ in rates):
            return None
        return sum(pair.false_accept_rate(distance) * count for pair, count in rates if pair is not None)

    hits = tuple(_explained(hit, own.get(hit.camera), strangers(hit.distance)) for hit in answer.hits)
    best = min(
        (hit.meaning.strangers for hit in hits if hit.meaning and hit.meaning.strangers is not None), default=None
    )
    doubt = None if best is None else best >= 1
    said = (
        ""
        if not doubt
        else f"probably not in this gallery: {best:.1f} strangers are expected to be as near as the nearest hit"
    )
    return replace(answer, hits=hits, doubtful=doubt, warnings=(*answer.warnings, *([said] if said else [])))


def _explained(hit: Hit, pair: Pair | None, strangers: float | None) -> Hit:
    if pair is None:
        return hit
    meaning = Meaning(pair.probability(hit.distance), pair.false_accept_rate(hit.distance), strangers)
    return replace(hit, meaning=meaning)
