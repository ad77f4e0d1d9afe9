"""Decoding: one path from a file's bytes to the pixels that training and serving see."""

from __future__ import annotations

import io
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from rgbir.index.depth import ASSUMED, check_colours, eight_bits, is_deep
from rgbir.index.errors import BadImage, UsageError
from rgbir.index.words import listed, why

DECODING = 1
"""Of the rules by which `decode` and `pixels` make pixels of a file. Raise it when a file becomes other pixels than before:
caches of decoded images go by it.
"""
MAX_PIXELS = 64_000_000
MAX_BYTES = 64 * 1024 * 1024
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF")

# A truncated file is an error here, never a picture with a grey end.
ImageFile.LOAD_TRUNCATED_IMAGES = False
# Pillow warns of bombs and odd metadata, which the checks here decide. Once for the process: threads share its filters.
warnings.filterwarnings("ignore", module=r"PIL\.")

Box = tuple[int, int, int, int]
Resize = Literal["bilinear", "bicubic", "lanczos"]
"""A filter that makes an image the size of a model's input. It belongs to the model: training and serving use the same."""


def read_bytes(path: Path) -> bytes:
    """The file's bytes.

    Raises:
        BadImage: not a regular file, empty, unreadable, or over `MAX_BYTES`.
    """
    with _reading(path):
        _expect_file(path)
        return path.read_bytes()


def check_header(path: Path) -> None:
    """Reads how an image begins: enough to find what is no image, empty, too large or closed. Pixels can be damaged all the same.

    Raises:
        BadImage: as `read_bytes` and `decode` would.
    """
    with _reading(path):
        if not _expect_file(path):
            raise BadImage(f"{path}: empty file; an image was expected")
        file = path.open("rb")
    with file, _decoding(str(path), MAX_PIXELS), Image.open(file, formats=FORMATS) as image:
        _expect_size(image, str(path), MAX_PIXELS)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # permissions, symlink loops, devices that fail
        raise BadImage(f"{path}: can't be read: {why(error)}") from error


def _expect_file(path: Path) -> int:
    """How many bytes it has."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # a name that no file can have
        raise BadImage(f"{path}: not a file") from None
    if not stat.S_ISREG(status.st_mode):
        raise BadImage(f"{path}: not a file")
    if status.st_size > MAX_BYTES:
        raise BadImage(f"{path}: {status.st_size:,} bytes; at most {MAX_BYTES:,} are read")
    return status.st_size


def _expect_size(image: Image.Image, name: str, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise BadImage(f"{name}: {width} x {height} pixels; at most {max_pixels:,} are decoded")


@contextmanager
def _decoding(name: str, max_pixels: int) -> Iterator[None]:
    try:
        yield
    except BadImage:
        raise
    except Image.DecompressionBombError as error:
        raise BadImage(f"{name}: too many pixels; at most {max_pixels:,} are decoded: {error}") from error
    except UnidentifiedImageError as error:
        raise BadImage(f"{name}: not an image of a known format ({listed(FORMATS, 'or')})") from error
    except Exception as error:  # a damaged file can raise nearly anything from a decoder
        raise BadImage(f"{name}: can't be decoded: {error}") from error


def parse_box(text: str | None) -> Box | None:
    """A box as text, wherever it is written: `left,top,right,bottom` in pixels, such as `40,10,90,160`; None of nothing.

    Raises:
        UsageError: it isn't.
    """
    if not text:
        return None
    sides = [side.strip() for side in text.split(",")]
    if len(sides) != 4 or not all(side.isascii() and side.isdecimal() and len(side) < 10 for side in sides):
        raise UsageError(f"box is left,top,right,bottom in pixels, such as 40,10,90,160, not {text[:80]!r}")
    left, top, right, bottom = map(int, sides)
    return left, top, right, bottom


def decode(data: bytes, name: str = "image", box: Box | None = None, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """An upright RGB image, whatever the file held.

    EXIF orientation is applied. Palette, grey, CMYK and deep images become 8-bit RGB (deep ones as `rgbir.index.depth` has it:
    `info[ASSUMED]` says how); transparency is laid on black. Only the first frame of an animation is read.

    Args:
        data: the bytes of a JPEG, PNG, BMP, WebP or TIFF file.
        name: how errors call it.
        box: left, top, right, bottom in pixels of the upright image; only this part is returned.
        max_pixels: larger images are refused before their pixels are decoded.

    Raises:
        BadImage: empty, truncated, not an image, too large, or the box lies outside.
    """
    if not data:
        raise BadImage(f"{name}: empty file; an image was expected")
    with _decoding(name, max_pixels):
        image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
        _expect_size(image, name, max_pixels)
        deep_colours = _is_deep(image) and image.mode in ("RGB", "RGBA")
        image.load()
        image = eight_bits(image, name) if is_deep(image) else image
        check_colours(image, deep_colours, name)
        ImageOps.exif_transpose(image, in_place=True)
    assumed = image.info.get(ASSUMED)
    image = _to_rgb(image)
    if assumed is not None:
        image.info[ASSUMED] = assumed
    return image if box is None else _cropped(image, box, name)


def pixels_in(data: bytes) -> int:
    """How many pixels an image says that it has; 0 for what is none. Nothing of them is decoded."""
    try:
        width, height = Image.open(io.BytesIO(data), formats=FORMATS).size
    except Exception:  # as in `decode`, which says what is wrong
        return 0
    return int(width * height)


def _is_deep(image: Image.Image) -> bool:
    """Whether a value has 16 bits, by how it is unpacked: `RGB;16B`."""
    tiles = getattr(image, "tile", ())
    return any(";16" in str(tile[3]) for tile in tiles)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode in ("LA", "RGBA", "PA", "La", "RGBa") or "transparency" in image.info:
        ground = Image.new("RGBA", image.size, (0, 0, 0, 255))
        return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def _cropped(image: Image.Image, box: Box, name: str) -> Image.Image:
    left, top, right, bottom = box
    if not (0 <= left < right <= image.width and 0 <= top < bottom <= image.height):
        raise BadImage(
            f"{name}: box {box} does not lie in the {image.width} x {image.height} image (left, top, right, bottom)"
        )
    return image.crop(box)


def pixels(image: Image.Image, height: int, width: int, resize: Resize = "bilinear") -> NDArray[np.uint8]:
    """The image as a model takes it: uint8 (height, width, 3), RGB, by Pillow's antialiased filter of that name.

    Args:
        image: decoded.
        height, width: what it becomes, in pixels; an image of that size stays as it is.
        resize: the model's filter, which its card names.
    """
    small = image if image.size == (width, height) else image.resize((width, height), Image.Resampling[resize.upper()])
    return cast("NDArray[np.uint8]", np.asarray(small))
