"""A finished track becomes sightings: one for each of its shots, which share the track's name."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import numpy as np
from PIL import Image

from rgbir.footage.clock import Clock
from rgbir.footage.destination import Encodes
from rgbir.footage.people import Passing
from rgbir.footage.shots import Shot
from rgbir.index import Crop, NewSighting, digest_of

JPEG_QUALITY = 92


@dataclass(frozen=True, slots=True)
class Origin:
    """Which recording sightings come from.

    Attributes:
        camera: its id.
        name: what the recording is called in their sources: a file's name, or a stream's address without name and password.
        track: with which names of tracks begin, so that no other recording has the same.
        digest: of the recording; None of a stream.
        found_by: the detector's fingerprint, or `motion`.
        clock: when its frames were taken.
    """

    camera: str
    name: str
    track: str
    digest: str | None
    found_by: str
    clock: Clock


def source_of(name: str, shot: Shot) -> str:
    """Where a shot is, as a media fragment: `clip.mp4#t=12.400&xywh=415,489,113,211`."""
    left, top, right, bottom = shot.box
    return f"{name}#t={shot.seconds:.3f}&xywh={left},{top},{right - left},{bottom - top}"


def frame_of(origin: Origin, passing: Passing, shot: Shot) -> dict[str, Any]:
    """What is kept of where a shot comes from."""
    correction = origin.clock.correction
    about: dict[str, Any] = {
        "recording": origin.digest,
        "name": origin.name,
        "number": shot.number,
        "seconds": round(shot.seconds, 6),
        "box": list(shot.box),
        "size": list(shot.size),
        "found_by": origin.found_by,
        "score": round(shot.score, 4),
        "quality": round(shot.quality, 4),
        "track_start": round(passing.seen[0].seconds, 6),
        "track_end": round(passing.seen[-1].seconds, 6),
        "modality": str(passing.modality),
        "time_from": origin.clock.origin,
    }
    if correction.offset_s or correction.drift_s:
        about["clock"] = {
            "offset_s": correction.offset_s,
            "drift_s": correction.drift_s,
            "right_at": None if correction.right_at is None else correction.right_at.astimezone(UTC).isoformat(),
            "shown": _shown(origin.clock, shot.seconds),
        }
    return {name: value for name, value in about.items() if value is not None}


def _shown(clock: Clock, seconds: float) -> str | None:
    """What the recorder's clock showed."""
    moment = Clock(clock.start, clock.origin).at(seconds)
    return None if moment is None else moment.astimezone(UTC).isoformat()


def picture_of(shot: Shot) -> Crop:
    """The crop as the gallery keeps it: a JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(shot.pixels).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return Crop("image/jpeg", buffer.getvalue())


def sightings_of(
    origin: Origin, passings: Sequence[Passing], encoder: Encodes, keep_crops: bool = True, since: int | None = None
) -> list[NewSighting]:
    """Sightings to enrol, of all shots of some tracks, in as few runs of the model as there are modalities.

    Args:
        keep_crops: whether the gallery keeps the pictures.
        since: the gallery's moment before which they were known; see `NewSighting`.
    """
    made: list[NewSighting] = []
    for modality in dict.fromkeys(passing.modality for passing in passings):
        pairs = [(passing, shot) for passing in passings if passing.modality is modality for shot in passing.shots]
        pictures = [picture_of(shot) for _, shot in pairs]
        pixels = np.stack([encoder.pixels(_reread(picture)) for picture in pictures])
        embeddings = encoder.encode(pixels, modality)
        for (passing, shot), picture, embedding in zip(pairs, pictures, embeddings, strict=True):
            made.append(
                NewSighting(
                    camera=origin.camera,
                    embedding=embedding,
                    digest=digest_of(picture.data),
                    source=source_of(origin.name, shot),
                    taken_at=origin.clock.at(shot.seconds),
                    track=f"{origin.track}-{passing.name}",
                    crop=picture if keep_crops else None,
                    since=since,
                    frame=json.dumps(frame_of(origin, passing, shot)),
                )
            )
    return made


def _reread(picture: Crop) -> Image.Image:
    """What is embedded is what is kept, so that a gallery can be embedded again from its pictures."""
    return Image.open(io.BytesIO(picture.data)).convert("RGB")
