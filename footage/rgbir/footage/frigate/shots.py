"""From an event and its snapshot to a shot: which part, when, in which light, and where it comes from."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.footage.frigate.crops import box_of, with_margin
from rgbir.footage.frigate.errors import PassedOver
from rgbir.footage.frigate.events import PersonEvent
from rgbir.footage.frigate.light import modality_of
from rgbir.footage.frigate.places import Shot
from rgbir.index import BadImage, Box, Camera, Mask, decode, listed


def shot_of(
    event: PersonEvent, data: bytes, camera: Camera, *, version: str | None = None, trust_frames: bool = False
) -> Shot:
    """
    Args:
        data: the file of its snapshot, a whole frame.
        camera: ours.
        version: Frigate's, if it is known.
        trust_frames: enrol a picture whose light isn't the camera's.

    Raises:
        PassedOver: the picture can't be read, the box isn't in it or is where the camera ignores what it sees, or it is in another
            light than the camera's.
    """
    try:
        frame = decode(data, f"the snapshot of {event.id}")
    except BadImage as error:
        raise PassedOver("unreadable", str(error)) from None
    pixels = np.asarray(frame)
    modality = modality_of(pixels)
    if modality not in camera.modalities and not trust_frames:
        lights = listed(sorted(light.value for light in camera.modalities))
        raise PassedOver(
            f"{modality.value} of {camera.id}",
            f"camera {camera.shown} is declared {lights}, and event {event.id} is {modality.value}; declare both if it turns"
            " to infrared at night, or say --trust-frames",
        )
    box = box_of(event, *frame.size)
    kept = with_margin(box, *frame.size)
    return Shot(
        event=event.id,
        camera=camera,
        modality=modality,
        data=data,
        box=kept,
        person=_seen(event, box, pixels, camera).crop(kept),
        taken_at=datetime.fromtimestamp(_taken(event), UTC),
        since=round(min(event.ended, time.time()) * 1_000_000),
        source=source_of(event, box),
        frame=_frame(event, box, frame.size, version),
    )


def _seen(event: PersonEvent, box: Box, pixels: NDArray[np.uint8], camera: Camera) -> Image.Image:
    """The frame without what the camera ignores.

    Raises:
        PassedOver: the middle of the person is in it.
    """
    if not camera.ignored:
        return Image.fromarray(pixels)
    left, top, right, bottom = box
    row, column = (top + bottom) // 2, (left + right) // 2
    if not Mask(camera.ignored).applied(np.ones_like(pixels))[row, column].any():
        raise PassedOver(
            f"ignored zone of {camera.id}", f"event {event.id} is where {camera.shown} ignores what it sees"
        )
    return Image.fromarray(Mask(camera.ignored).applied(pixels))


def source_of(event: PersonEvent, box: Box) -> str:
    """Where a sighting comes from: Frigate's camera and event, and the box as a media fragment in pixels."""
    left, top, right, bottom = box
    name = "/".join(quote(part, safe="") for part in (event.camera, event.id))
    return f"frigate/{name}#xywh={left},{top},{right - left},{bottom - top}"


def _taken(event: PersonEvent) -> float:
    """When, seconds since 1970. Where Frigate doesn't say, when the track began, which its id says to the frame."""
    if event.taken is not None:
        return event.taken
    begun = event.id.partition("-")[0]
    try:
        seconds = float(begun)
    except ValueError:
        return event.started
    return seconds if event.started - 1 <= seconds <= event.ended else event.started


def _frame(event: PersonEvent, box: Box, size: tuple[int, int], version: str | None) -> str:
    known = {
        "found_by": "frigate",
        "event": event.id,
        "box": list(box),
        "size": list(size),
        "score": event.score,
        "time": "snapshot" if event.taken is not None else "start of the track",
        "track": [event.started, event.ended],
        "version": version,
    }
    return json.dumps({name: value for name, value in known.items() if value is not None})
