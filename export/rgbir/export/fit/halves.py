"""Two halves of the cameras: a fit sees one, and is measured on the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rgbir.export.errors import ExportFailure
from rgbir.export.fit.labelled import Labelled

MOST_TRIED = 128


def halves(labelled: Labelled) -> tuple[frozenset[str], frozenset[str]]:
    """Cameras in two halves, each with infrared queries that have somebody to find among its colour images elsewhere.

    All cameras of a place are in one half, unless no such division exists: then cameras are divided, and a half may
    look at places that the other sees, too. Among divisions the one is taken whose smaller half has the most of such
    queries; the first, where several have.

    Raises:
        ExportFailure: there is no such division.
        UsageError: a camera moved.
    """
    cameras = sorted(set(labelled.cameras.tolist()))
    labelled.network.expect_unmoved(cameras, "a fit")
    by_place: dict[str, list[str]] = {}
    for camera in cameras:
        by_place.setdefault(labelled.network[camera].place, []).append(camera)
    for units in (list(by_place.values()), [[camera] for camera in cameras]):
        best, most = None, 0
        for side in _sides(len(units)):
            parts = [
                frozenset(c for unit, in_part in zip(units, which, strict=True) if in_part for c in unit)
                for which in (side, ~side)
            ]
            least = min(_findable(labelled, part) for part in parts)
            if least > most:
                best, most = parts, least
        if best is not None:
            return best[0], best[1]
    raise ExportFailure(
        f"cameras {', '.join(cameras)} can't be divided so that each half has an infrared and a colour camera in"
        " different places that saw one person: a fit couldn't be measured on cameras it hasn't seen. Label more people"
        " whom the same two cameras saw, or sightings of other cameras"
    )


def _sides(units: int) -> Iterator[NDArray[np.bool_]]:
    """Every division into two, or some drawn ones where there are too many; the first unit is always on one side."""
    if 2 ** (units - 1) <= MOST_TRIED:
        for number in range(1, 2 ** (units - 1)):
            yield np.array([number >> place & 1 for place in range(units)], bool)
        return
    rng = np.random.default_rng(0)
    for _ in range(MOST_TRIED):
        yield np.append(rng.random(units - 1) < 0.5, False)


def _findable(labelled: Labelled, cameras: frozenset[str]) -> int:
    """How many infrared sightings by these cameras show somebody whom one of their colour cameras saw elsewhere."""
    there = labelled.take(np.isin(labelled.cameras, _array(cameras)))
    places = np.array([labelled.network[camera].place for camera in there.cameras], np.str_)
    seen = set(zip(there.identities[~there.infrared].tolist(), places[~there.infrared].tolist(), strict=True))
    spots: dict[int, set[str]] = {}
    for identity, place in seen:
        spots.setdefault(identity, set()).add(place)
    queries = zip(there.identities[there.infrared].tolist(), places[there.infrared].tolist(), strict=True)
    return sum(bool(spots.get(identity, set()) - {place}) for identity, place in queries)


def _array(cameras: frozenset[str]) -> Sequence[str]:
    return sorted(cameras) or [""]
