"""A folder of numbered pictures, read like a film. It needs no decoder but Pillow."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rgbir.footage.errors import BadFootage
from rgbir.footage.frames import About, Chroma, Decoding, Frame
from rgbir.footage.sampling import TICK, next_tick
from rgbir.index import SUFFIXES, BadImage, decode, read_bytes

_NUMBER = re.compile(r"(\d+)\D*$")


def pictures_in(folder: Path) -> list[Path]:
    """A folder's pictures, in the order of the last number in their names.

    Raises:
        BadFootage: a picture has no number in its name, or two have the same.
    """
    numbered: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        number = _NUMBER.search(path.stem)
        if number is None:
            raise BadFootage(f"{path}: a folder of frames has numbered pictures, such as 000001.jpg")
        if (other := numbered.setdefault(int(number[1]), path)) is not path:
            raise BadFootage(f"{path} and {other.name} have the same number; a frame has a number of its own")
    return [numbered[number] for number in sorted(numbered)]


def digest_of_folder(pictures: list[Path]) -> str:
    """Names a folder by its pictures' names and contents: 64 hexadecimal digits."""
    content = hashlib.sha256()
    for path in pictures:
        content.update(path.name.encode(errors="surrogateescape") + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return content.hexdigest()


@dataclass(slots=True)
class Pictures:
    """A folder of numbered pictures. Read its frames once, within a `with` block.

    Attributes:
        source: the folder.
        rate: pictures a second, by which the times of the frames follow from their places.
        sample: frames a second that are handed on; None is every frame.
        since, until: seconds from the first frame; nothing before and behind them is handed on.
        decoding: how it went, complete when the frames are at their end.
    """

    source: Path
    rate: float
    sample: float | None = 5.0
    since: float = 0.0
    until: float | None = None
    decoding: Decoding = field(default_factory=Decoding)
    _about: About | None = None

    def __enter__(self) -> Pictures:
        return self

    def __exit__(self, *failure: object) -> None:
        pass

    def about(self) -> About:
        """What is known of it: the first picture's size, the rate, and how long it is.

        Raises:
            BadFootage: no picture in it can be read.
        """
        if self._about is None:
            paths = pictures_in(self.source)
            image = next((image for path in paths if (image := _image(path)) is not None), None)
            if image is None:
                raise BadFootage(
                    f"{self.source}: {'no picture in it can be read' if paths else 'no pictures are in it'}"
                )
            height, width = image.shape[:2]
            self._about = About("pictures", "pictures", width, height, self.rate, len(paths) / self.rate)
        return self._about

    def frames(self) -> Iterator[Frame]:
        """The frames in their order. A picture that can't be read counts as damaged."""
        self.about()
        next_at = self.since
        for number, path in enumerate(pictures_in(self.source)):
            self.decoding.frames += 1
            seconds = number / self.rate
            if self.until is not None and seconds > self.until + TICK:
                break
            if seconds < next_at - TICK:
                continue
            if self.sample:
                next_at = next_tick(seconds, self.sample)
            image = _image(path)
            if image is None:
                self.decoding.damaged += 1
                continue
            self.decoding.taken += 1
            yield Frame(image, number, seconds, Chroma.of_pixels(image))


def _image(path: Path) -> np.ndarray | None:
    """uint8 (height, width, 3), RGB; None where it can't be read."""
    try:
        return np.asarray(decode(read_bytes(path), str(path)).convert("RGB"))
    except BadImage:
        return None
