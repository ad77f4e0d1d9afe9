"""Parts of a camera's picture that nobody may look at, such as a neighbour's window. They are blackened before anything is detected."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from rgbir.index.errors import UsageError

Polygon = tuple[tuple[float, float], ...]
MOST_ZONES, MOST_CORNERS = 32, 64


def polygons_of(declared: Any, where: str) -> tuple[Polygon, ...]:
    """The polygons that a declaration `{ignore = [[[x, y], …], …]}` names; none where there is no declaration.

    Args:
        where: what errors call it.

    Raises:
        UsageError: it declares something else.
    """
    if declared is None:
        return ()
    if not isinstance(declared, dict) or declared.keys() != {"ignore"} or not isinstance(declared["ignore"], list):
        raise UsageError(f"{where}: zones are {{ ignore = [POLYGON, …] }}, not {declared}")
    try:
        polygons = tuple(tuple((float(x), float(y)) for x, y in polygon) for polygon in declared["ignore"])
    except (TypeError, ValueError):
        polygons = ((),)
    check_polygons(polygons, where)
    return polygons


def check_polygons(polygons: tuple[Polygon, ...], where: str) -> None:
    """A polygon has three corners at least, each (x, y) as shares of the picture's width and height.

    Raises:
        UsageError: one hasn't, or there are too many.
    """
    if len(polygons) > MOST_ZONES or any(not 3 <= len(polygon) <= MOST_CORNERS for polygon in polygons):
        raise UsageError(
            f"{where}: a zone is a polygon of 3 to {MOST_CORNERS} corners [x, y], and a camera has {MOST_ZONES} of them at most"
        )
    if not all(0 <= side <= 1 for polygon in polygons for corner in polygon for side in corner):
        raise UsageError(f"{where}: corners of zones are shares of the picture's width and height, from 0 to 1")


def declared_as(polygons: tuple[Polygon, ...]) -> dict[str, Any]:
    """What `polygons_of` reads; JSON can carry it."""
    return {"ignore": [[list(corner) for corner in polygon] for polygon in polygons]}


def parse_polygons(text: str) -> tuple[Polygon, ...]:
    """Polygons as people write them: `0,0 0.3,0 0.3,0.4 0,0.4; …`, corners apart by blanks, polygons by semicolons.

    Raises:
        UsageError: they aren't.
    """
    try:
        polygons = tuple(
            tuple((float(x), float(y)) for x, y in (corner.split(",") for corner in polygon.split()))
            for polygon in text.split(";")
        )
    except ValueError:
        raise UsageError(
            f"zones are corners x,y with blanks between them, and a semicolon between zones: '0,0 0.3,0 0.3,0.4', not {text[:80]!r}"
        ) from None
    check_polygons(polygons, "zones")
    return polygons


def written(polygons: tuple[Polygon, ...]) -> str:
    """What `parse_polygons` reads."""
    return "; ".join(" ".join(f"{x:g},{y:g}" for x, y in polygon) for polygon in polygons)


@dataclass(slots=True)
class Mask:
    """What is left of a camera's pictures.

    Attributes:
        ignored: polygons, (x, y) of each corner as shares of the picture's width and height, 0..1.
    """

    ignored: tuple[Polygon, ...] = ()
    _drawn: NDArray[np.bool_] | None = field(default=None, repr=False)

    def applied(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture, uint8 (height, width, 3), without the ignored parts, which are black; the very same where nothing is ignored."""
        if not self.ignored:
            return image
        if self._drawn is None or self._drawn.shape != image.shape[:2]:
            self._drawn = drawn(self.ignored, image.shape[1], image.shape[0])
        masked = image.copy()
        masked[self._drawn] = 0
        return masked


def drawn(polygons: tuple[Polygon, ...], width: int, height: int) -> NDArray[np.bool_]:
    """bool (height, width): which pixels lie in one of the polygons, their borders included."""
    picture = Image.new("1", (width, height))
    pen = ImageDraw.Draw(picture)
    for polygon in polygons:
        pen.polygon([(x * (width - 1), y * (height - 1)) for x, y in polygon], fill=1, outline=1)
    return np.array(picture, dtype=bool)
