"""What a reader hands over: an image with what is known of it, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PIL import Image

from rgbir.index.cameras import Modality
from rgbir.index.images import Box, decode, read_bytes


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An image on disk.

    Attributes:
        path: the file.
        source: its name within the data set, the same wherever the folder lies.
        camera: the id of the camera that took it.
        modality: None where the camera tells.
        identity: who, 0 or more; None if unknown.
        taken_at: when, with a zone; None if unknown.
        track: the name that it shares with the camera's other images of that passing; None if unknown.
        box: the part of the image that is meant; None is all of it.
        number: the position in its folder from 1, where a protocol counts so.
    """

    path: Path
    source: str
    camera: str
    modality: Modality | None = None
    identity: int | None = None
    taken_at: datetime | None = None
    track: str | None = None
    box: Box | None = None
    number: int | None = None

    @property
    def name(self) -> str:
        """What distinguishes it within the data set: its source, with the box if it is a part of a picture."""
        return self.source if self.box is None else f"{self.source} [{' '.join(map(str, self.box))}]"

    def decoded(self) -> Image.Image:
        """The part of the image that is meant, in RGB.

        Raises:
            BadImage: the file can't be read or decoded, or the box isn't in it.
        """
        return decode(read_bytes(self.path), str(self.path), self.box)


@dataclass(frozen=True, slots=True)
class Tracklet(ImageRecord):
    """Some images of one passing, which ask, or are found, as one. Its path is that of the first.

    Attributes:
        frames: the images that its embedding is made of, in their order; an image may come more than once.
    """

    frames: tuple[ImageRecord, ...] = ()

    @classmethod
    def of(cls, name: str, frames: Sequence[ImageRecord]) -> Tracklet:
        """A tracklet of that name, which is its source; camera, modality and identity are those of its first image."""
        first = frames[0]
        return cls(
            first.path, name, first.camera, first.modality, first.identity, first.taken_at, name, frames=tuple(frames)
        )


def frames_of(records: Iterable[ImageRecord]) -> list[ImageRecord]:
    """The images that are embedded for these records: of a tracklet its frames, of an image itself."""
    return [frame for record in records for frame in (record.frames if isinstance(record, Tracklet) else (record,))]


@dataclass(frozen=True, slots=True)
class Skipped:
    """An input that was left out.

    Attributes:
        source: its name, as an image's record has it.
        reason: why, in words.
    """

    source: str
    reason: str
