"""Images as they are sent: files as they are, pixels as PNG, which loses nothing."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast


class Pixels(Protocol):
    """An image of Pillow, or an array of NumPy; the client imports neither."""

    @property
    def __array_interface__(self) -> Mapping[str, Any]: ...


class Readable(Protocol):
    """A file that is open for bytes."""

    def read(self) -> bytes: ...


Image = str | os.PathLike[str] | bytes | bytearray | memoryview | Readable | Pixels
"""A path, a file's bytes, an open file, an image of Pillow, or an array uint8 (height, width, 3) in RGB order or (height, width)."""
_TAKEN = (
    "an image is a path, a file's bytes, an open file, an image of Pillow, or an array uint8 (height, width, 3) in RGB order or"
    " (height, width)"
)
_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
"""Of Pillow: what PNG holds as it is."""
_ORIENTATION = 0x0112


def files(images: Image | Sequence[Image]) -> list[tuple[str, tuple[str, bytes]]]:
    """The part of a form for each image: its name, and the bytes of a file.

    Raises:
        TypeError: something that is no image, or pixels that can't be sent without loss.
        OSError: a file that can't be read.
    """
    several = [images] if _is_image(images) or not isinstance(images, Iterable) else list(images)
    return [("images", _file(image, place)) for place, image in enumerate(cast(list[Image], several), start=1)]


def _is_image(value: object) -> bool:
    if isinstance(value, (str, bytes, bytearray, memoryview, os.PathLike)):
        return True
    return hasattr(value, "read") or hasattr(value, "__array_interface__")


def _file(image: Image, place: int) -> tuple[str, bytes]:
    unnamed = f"image {place}"
    if isinstance(image, (bytes, bytearray, memoryview)):
        return unnamed, bytes(image)
    if isinstance(image, (str, os.PathLike)):
        path = Path(image)
        return path.name, path.read_bytes()
    if hasattr(image, "read"):
        content = image.read()
        if not isinstance(content, bytes):
            raise TypeError(f"{unnamed} is a file of text; open it for bytes, as by open(path, 'rb')")
        name = getattr(image, "name", None)
        return Path(name).name if isinstance(name, str) and name else unnamed, content
    if isinstance(getattr(image, "mode", None), str) and hasattr(image, "save"):
        return unnamed, _of_pillow(image, unnamed)
    if hasattr(image, "__array_interface__"):
        return unnamed, _of_array(image, unnamed)
    raise TypeError(f"{_TAKEN}; {unnamed} is a {type(image).__module__}.{type(image).__qualname__}")


def _of_pillow(image: Any, name: str) -> bytes:
    """As PNG, with what EXIF says of which side is up and nothing else of it."""
    if image.mode not in _MODES:
        raise TypeError(
            f"{name} has Pillow's mode {image.mode}, and PNG holds {', '.join(_MODES)}; convert it, as by image.convert('RGB')"
        )
    written, more = io.BytesIO(), {}
    exif = image.getexif()
    if exif.get(_ORIENTATION, 1) != 1:
        upright = type(exif)()
        upright[_ORIENTATION] = exif[_ORIENTATION]
        more["exif"] = upright
    image.save(written, "PNG", **more)
    return written.getvalue()


def _of_array(array: Any, name: str) -> bytes:
    interface = array.__array_interface__
    shape, kind = tuple(interface["shape"]), interface["typestr"]
    colour = len(shape) == 3 and shape[2] == 3
    if kind != "|u1" or not (colour or len(shape) == 2) or 0 in shape:
        several = "; several images are a list of arrays" if len(shape) == 4 else ""
        raise TypeError(
            f"{_TAKEN}; {name} is an array of {kind} {shape}{several}; scale it to 0 to 255 and use .astype('uint8')"
        )
    height, width = shape[:2]
    pixels, row = memoryview(array).tobytes(), width * (3 if colour else 1)
    lines = b"".join(b"\0" + pixels[start : start + row] for start in range(0, len(pixels), row))
    head = struct.pack(">IIBBBBB", width, height, 8, 2 if colour else 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(lines, 4)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(tag, content) for tag, content in chunks)


def _chunk(tag: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + tag + content + struct.pack(">I", zlib.crc32(tag + content))
