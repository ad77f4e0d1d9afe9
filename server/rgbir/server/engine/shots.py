"""Images to enrol, each with what is known of it, however they came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from rgbir.index import Box, UsageError

T = TypeVar("T")


class Shot(NamedTuple):
    """An image of a person, or the part of one, with its labels.

    Attributes:
        name: how answers call it.
        data: the file's bytes.
        box: the part that is meant, left, top, right, bottom in pixels; None is all of it.
        taken_at: when; None if unknown.
        identity: who; None if unknown.
        track: its track; None if it has none.
        frame: where in which picture or recording, as JSON; None where only the box is known.
    """

    name: str
    data: bytes
    box: Box | None = None
    taken_at: datetime | None = None
    identity: int | None = None
    track: str | None = None
    frame: str | None = None


def shots_of(
    images: Sequence[tuple[str, bytes]],
    *,
    box: Sequence[Box | None] = (),
    taken_at: Sequence[datetime | None] = (),
    identity: Sequence[int | None] = (),
    track: Sequence[str | None] = (),
) -> list[Shot]:
    """A shot for each image, or for each box of the one image. Every label comes once for all of them, or once for each.

    Raises:
        UsageError: a label comes another number of times.
    """
    count = len(box) if len(images) == 1 and len(box) > 1 else len(images)
    frames = list(images) * count if len(images) == 1 else list(images)
    boxes, moments = each("box", box, count), each("taken_at", taken_at, count)
    identities, tracks = each("identity", identity, count), each("track", track, count)
    return [
        Shot(*frame, boxes[place], moments[place], identities[place], tracks[place])
        for place, frame in enumerate(frames)
    ]


def each(name: str, values: Sequence[T | None], count: int) -> list[T | None]:
    """One for each shot.

    Raises:
        UsageError: neither one nor as many.
    """
    if len(values) < 2:
        return [*values, None][:1] * count
    if len(values) != count:
        raise UsageError(
            f"{name} comes once for all, or once for each of the {count} shots in their order, empty where it isn't known; it came"
            f" {len(values)} times"
        )
    return list(values)


def noted_boxes(boxes: Sequence[Box | None]) -> Box | list[Box | None] | None:
    """A query's boxes for the audit log: none, the one of all images, or one for each."""
    if not any(boxes):
        return None
    return boxes[0] if len(set(boxes)) == 1 else list(boxes)


def noted(shots: Sequence[Shot]) -> dict[str, Any]:
    """Their labels for the audit log: once what they have in common, a list of what differs."""
    labels: dict[str, list[Any]] = {
        "box": [shot.box for shot in shots],
        "taken_at": [shot.taken_at and shot.taken_at.isoformat() for shot in shots],
        "identity": [shot.identity for shot in shots],
        "track": [shot.track for shot in shots],
    }
    return {
        name: values[0] if len(set(values)) == 1 else values
        for name, values in labels.items()
        if name != "box" or any(values)
    }
