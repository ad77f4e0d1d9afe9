"""What a gallery holds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from rgbir.index.errors import UsageError
from rgbir.index.images import Box
from rgbir.index.times import check_moment
from rgbir.index.words import why

MOST_IDENTITY = 2**63 - 1


def check_identity(identity: int | None) -> None:
    """An identity is a whole number from 0 on, of 63 bits at most.

    Raises:
        UsageError: it isn't.
    """
    if identity is not None and not 0 <= identity <= MOST_IDENTITY:
        raise UsageError(f"identity must be 0 or more and below 2^63, not {identity}; leave it out if unknown")


def check_frame(frame: str | None) -> None:
    """A frame is a JSON object.

    Raises:
        UsageError: it isn't.
    """
    try:
        content = {} if frame is None else json.loads(frame)
    except ValueError as error:
        raise UsageError(f"frame is a JSON object, not {frame!r}: {why(error)}") from None
    if not isinstance(content, dict):
        raise UsageError(f"frame is a JSON object, not {frame!r}")


def framed(
    box: Box | None,
    *,
    size: tuple[int, int] | None = None,
    found_by: str | None = None,
    score: float | None = None,
    sha256: str | None = None,
) -> str | None:
    """The frame of a sighting in a picture, as JSON; None if not even its box is known.

    Args:
        box: left, top, right, bottom in the picture's pixels.
        size: of the picture, width first.
        found_by: a detector's fingerprint.
        score: how sure that was, in 0..1.
        sha256: of the picture's file.
    """
    if box is None:
        return None
    about = {"box": list(box), "size": size and list(size), "found_by": found_by, "score": score, "sha256": sha256}
    return json.dumps({name: value for name, value in about.items() if value is not None})


def box_in(frame: str | None) -> Box | None:
    """The box (left, top, right, bottom) in pixels that a sighting's frame names; None if it names none."""
    box = None if frame is None else json.loads(frame).get("box")
    if not (isinstance(box, list) and len(box) == 4 and all(type(side) is int for side in box)):
        return None
    left, top, right, bottom = box
    return (left, top, right, bottom) if 0 <= left < right and 0 <= top < bottom else None


@dataclass(frozen=True, slots=True)
class Crop:
    """The picture a sighting was enrolled with, as the gallery keeps it.

    Attributes:
        media_type: `image/jpeg` or `image/png`.
        data: the file's bytes.
    """

    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True, eq=False)
class NewSighting:
    """A sighting to enrol. `id` follows from its camera, source and content, so the same one is enrolled once.

    Attributes:
        camera: its id.
        embedding: float32 (d,), as the bundle gave it.
        digest: sha256 of the image's bytes (`digest_of`).
        source: the image's name; empty if it has none.
        taken_at: it has a zone; None if unknown.
        identity: who, 0 or more; None if unknown.
        track: the name that it shares with the camera's other images of that passing; None if unknown.
        crop: the picture to keep; None to keep none.
        since: the moment since which it is known, microseconds since 1970, of what comes from an archive or another gallery. An
            erasure after that binds it. None is now.
        frame: where in which recording, as JSON.

    Raises:
        UsageError: a moment, an identity or a frame that can't be kept.
    """

    camera: str
    embedding: NDArray[np.float32]
    digest: str
    source: str = ""
    taken_at: datetime | None = None
    identity: int | None = None
    track: str | None = None
    crop: Crop | None = None
    since: int | None = None
    frame: str | None = None

    def __post_init__(self) -> None:
        check_moment(self.taken_at, "taken_at")
        check_identity(self.identity)
        check_frame(self.frame)

    @property
    def id(self) -> str:
        return sighting_id(self.camera, self.source, self.digest)


@dataclass(frozen=True, slots=True)
class Sighting:
    """An enrolled sighting.

    Attributes:
        row: counts enrolments and decides ties: the earlier one comes first.
        id: follows from camera, source and digest.
        camera, source, digest, taken_at, identity, track: as it was enrolled.
        has_crop: whether the gallery keeps its picture.
        since: the moment since which it is known, microseconds since 1970; 0 if nobody noted it.
        frame: where in which recording, as JSON.
    """

    row: int
    id: str
    camera: str
    source: str
    digest: str
    taken_at: datetime | None
    identity: int | None
    track: str | None
    has_crop: bool
    since: int = 0
    frame: str | None = None


Labels = tuple[datetime | None, int | None, str | None]
"""taken_at, identity and track of a sighting."""


def labels_of(sighting: Sighting) -> Labels:
    return sighting.taken_at, sighting.identity, sighting.track


def other_labels(enrolled: Labels, given: Labels) -> str | None:
    """That a sighting is enrolled with other labels than it is given now, in words; what isn't given differs from nothing."""
    names = ("time", "identity", "track")
    apart = [
        f"{name} {'none' if label is None else label}, not {new}"
        for name, label, new in zip(names, enrolled, given, strict=True)
        if new is not None and new != label
    ]
    if not apart:
        return None
    return f"it is enrolled with {'; '.join(apart)}: labels stay as they are, erase it and add it again to change them"


def digest_of(data: bytes, box: Box | None = None) -> str:
    """Names an image by its content, and by the part of it that is meant."""
    content = hashlib.sha256(data)
    if box is not None:
        content.update(repr(tuple(box)).encode())
    return content.hexdigest()


def sighting_id(camera: str, source: str, digest: str) -> str:
    return hashlib.sha256("\0".join((camera, source, digest)).encode()).hexdigest()[:24]
