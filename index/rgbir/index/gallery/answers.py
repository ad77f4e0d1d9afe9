"""From the nearest sightings to an answer: what every gallery does alike, wherever it keeps them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import InvalidQuery
from rgbir.index.gallery.coverage import Coverage
from rgbir.index.gallery.model import Model
from rgbir.index.gallery.query import Answer, Distances, Hit, Query, Scope, score
from rgbir.index.gallery.remarks import Code
from rgbir.index.gallery.sightings import Sighting
from rgbir.index.nearest.fused import FusedTrack
from rgbir.index.nearest.slabs import Tally
from rgbir.index.times import to_microseconds


def span(query: Query, times: tuple[int, int] | None) -> tuple[int, int]:
    """The moments that a query and a gallery have in common, as far as either knows them."""
    first, last = times or (0, 0)
    since = first if query.since is None else max(first, to_microseconds(query.since))
    until = last if query.until is None else min(last, to_microseconds(query.until))
    return min(since, until), max(since, until)


def ranked(nearest: Sequence[tuple[float, Sighting]], model: Model, least_score: float = 0.0) -> tuple[Hit, ...]:
    """Hits of (key, sighting), the most alike first, down to a score."""
    distances = model.metric.distance(np.array([key for key, _ in nearest], np.float64))
    hits = (
        Hit(
            rank=rank,
            id=sighting.id,
            camera=sighting.camera,
            taken_at=sighting.taken_at,
            identity=sighting.identity,
            track=sighting.track,
            source=sighting.source,
            distance=distance,
            score=score(model.metric, distance, model.dimension),
            has_image=sighting.has_crop,
        )
        for rank, ((_, sighting), distance) in enumerate(zip(nearest, distances.tolist(), strict=True), start=1)
    )
    return tuple(hit for hit in hits if hit.score >= least_score)


def farthest(keys: NDArray[np.float64], model: Model, least_score: float) -> float:
    """The largest of some keys that a hit may have, float64 (n,); -inf where none may."""
    if not least_score:
        return np.inf

    def score_of(key: float) -> float:
        return score(model.metric, float(model.metric.distance(np.array(key))), model.dimension)

    nearer = np.sort(keys).tolist()
    count = bisect_right(nearer, -least_score, key=lambda key: -score_of(key))
    return float(nearer[count - 1]) if count else -np.inf


def fused(nearest: Sequence[tuple[FusedTrack, Sighting]], model: Model, least_score: float = 0.0) -> tuple[Hit, ...]:
    """Hits of (track, its best shot), the most alike first, down to a score."""
    hits = ranked([(track.key, sighting) for track, sighting in nearest], model, least_score)
    return tuple(replace(hit, others=track.shots - 1) for hit, (track, _) in zip(hits, nearest, strict=False))


def covered(seen: Scope, tally: Tally, sizes: Callable[[str], int]) -> Coverage:
    """What a query could find, of the cameras that it saw and of those that were left out whole.

    Args:
        tally: of the cameras that it saw.
        sizes: how many sightings a camera has.
    """
    whole = [excluded for excluded in seen.excluded if excluded.camera not in seen.searched]
    here = [sizes(excluded.camera) for excluded in whole if excluded.code in (Code.OWN_CAMERA, Code.SAME_PLACE)]
    total = sum(sizes(excluded.camera) for excluded in whole)
    return Coverage(
        place=tally.place + sum(here),
        cameras=total - sum(here),
        untimed=tally.untimed,
        time=tally.time,
        passages=tally.passages,
        labels=tally.labels,
        searched=tally.searched,
    )


def answer(
    seen: Scope,
    hits: tuple[Hit, ...],
    model: Model,
    generation: int,
    exact: bool,
    milliseconds: float,
    coverage: Coverage,
) -> Answer:
    """The answer to one shot, which saw these cameras in that generation of the gallery."""
    return Answer(
        camera=seen.camera.id if seen.camera else None,
        modality=seen.modality,
        place=seen.place,
        shots=1,
        searched_cameras=seen.searched,
        excluded_cameras=seen.excluded,
        coverage=coverage,
        hits=hits,
        generation=generation,
        exact=exact,
        model=model.name,
        fingerprint=model.fingerprint,
        milliseconds={"search": milliseconds},
    )


def distances_of(
    seen: Scope, sightings: Iterable[str], keys: NDArray[np.float64], model: Model, generation: int
) -> Distances:
    """The keys, float64 (n,), of all sightings of these cameras in that generation of the gallery."""
    ids = tuple(sightings)
    return Distances(ids, keys, seen.searched, seen.excluded, generation, model.name, model.fingerprint)


def check_count(count: int, most: int | None) -> None:
    """So many sightings are to be compared.

    Raises:
        InvalidQuery: more than the most.
    """
    if most is not None and count > most:
        raise InvalidQuery(f"{count:,} sightings are to be compared, at most {most:,} are; name fewer cameras")
