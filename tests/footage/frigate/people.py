"""People whom a Frigate tracked: drawn ones, put into frames, with the message and the row that tell of each."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from rgbir.index import SysuMM01

WIDTH, HEIGHT = 640, 360
BEGUN = 1_718_987_000.25


@dataclass(frozen=True)
class Passing:
    """A person who passed a camera.

    Attributes:
        number: makes its id and its times.
        picture: the clean snapshot's file.
        box: left, top, right, bottom in it.
    """

    number: int
    picture: bytes
    box: tuple[int, int, int, int]
    camera: str = "front_door"
    lasts_s: float = 12.0

    @property
    def id(self) -> str:
        return f"{self.started:.6f}-abc{self.number:03d}"

    @property
    def started(self) -> float:
        return BEGUN + 20.0 * self.number

    @property
    def ended(self) -> float:
        return self.started + self.lasts_s

    @property
    def taken(self) -> float:
        return self.started + 4.5

    def message(self, kind: str = "end", **changes: Any) -> dict[str, Any]:
        """As Frigate publishes it."""
        after = {
            "id": self.id,
            "camera": self.camera,
            "frame_time": self.ended - 1,
            "snapshot": {
                "frame_time": self.taken,
                "box": list(self.box),
                "area": 1,
                "region": [0, 0, 300, 300],
                "score": 0.77546,
                "attributes": [],
            },
            "label": "person",
            "sub_label": ["Bob", 0.9],
            "top_score": 0.96,
            "false_positive": False,
            "start_time": self.started,
            "end_time": self.ended if kind == "end" else None,
            "score": 0.8,
            "box": [1, 2, 30, 40],
            "has_clip": True,
            "has_snapshot": True,
            "current_zones": [],
            "entered_zones": ["yard"],
        } | changes
        return {"type": kind, "before": after, "after": after}

    def row(self, *, latest: bool = True, **changes: Any) -> dict[str, Any]:
        """As Frigate lists it; older versions don't say when the snapshot was taken."""
        left, top, right, bottom = self.box
        data = {
            "box": [left / WIDTH, top / HEIGHT, (right - left) / WIDTH, (bottom - top) / HEIGHT],
            "region": [0, 0, 1, 1],
            "score": 0.77546,
            "top_score": 0.96,
            "attributes": [],
            "type": "object",
            "path_data": [[[0.5, 0.5], self.taken]],
        } | ({"snapshot_frame_time": self.taken} if latest else {})
        return {
            "id": self.id,
            "camera": self.camera,
            "label": "person",
            "sub_label": "Bob",
            "zones": ["yard"],
            "start_time": self.started,
            "end_time": self.ended,
            "has_clip": True,
            "has_snapshot": True,
            "false_positive": None,
            "data": data,
        } | changes


def frame_of(person: Image.Image, box: tuple[int, int, int, int], *, grey: bool = False, kind: str = "WEBP") -> bytes:
    """A frame of a scene in colour, or as an infrared camera gives it, with the person in the box."""
    rng = np.random.default_rng(5)
    scene = rng.integers(40, 215, (9, 16, 3), dtype=np.uint8)
    frame = Image.fromarray(scene).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    left, top, right, bottom = box
    frame.paste(person.convert("RGB").resize((right - left, bottom - top)), (left, top))
    frame = frame.convert("L").convert("RGB") if grey else frame
    file = io.BytesIO()
    frame.save(file, kind, **({"quality": 60} if kind == "WEBP" else {}))
    return file.getvalue()


def passings(people: SysuMM01, count: int, **changes: Any) -> list[Passing]:
    """So many, one after the other, each with a picture of its own."""
    records = list(people.records("test", (1, 2, 4, 5)))
    made = []
    for number in range(count):
        left = 20 + 7 * (number % 40)
        box = (left, 40, left + 90, 260)
        picture = frame_of(Image.open(records[number % len(records)].path), box)
        made.append(replace(Passing(number, picture, box), **changes))
    return made
