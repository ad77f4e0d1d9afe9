"""`rgbir.index.images`: each kind of file has its defined behaviour."""

from __future__ import annotations

import contextlib
import io
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rgbir.index import DECODING, BadImage, Resize, check_header, decode, depth, pixels, read_bytes


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def gradient(mode: str = "RGB") -> Image.Image:
    return Image.linear_gradient("L").resize((40, 96)).convert(mode)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "WEBP", "TIFF"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_every_format_becomes_rgb(form: str, mode: str) -> None:
    image = decode(encoded(gradient(mode), form))

    assert (image.mode, image.size) == ("RGB", (40, 96))


def test_a_cmyk_jpeg_becomes_rgb() -> None:
    image = decode(encoded(Image.new("CMYK", (20, 40), (0, 255, 255, 0)), "JPEG"))

    red, green, blue = np.asarray(image).reshape(-1, 3).mean(0)
    assert red > 200
    assert max(green, blue) < 60


def test_a_16_bit_image_of_the_full_range_is_divided_by_257() -> None:
    values = np.linspace(0, 65535, 64 * 32).reshape(64, 32).astype(np.uint16)

    image = decode(encoded(Image.fromarray(values), "PNG"))

    np.testing.assert_array_equal(np.asarray(image)[..., 0], np.rint(values / 257))


def test_a_palette_image_has_its_colours_and_transparency_lies_on_black() -> None:
    palette = Image.new("RGB", (8, 8), (200, 30, 60)).convert("P", palette=Image.Palette.ADAPTIVE)
    clear = Image.new("RGBA", (8, 8), (255, 255, 255, 0))

    np.testing.assert_allclose(np.asarray(decode(encoded(palette, "PNG")))[0, 0], (200, 30, 60), atol=2)
    assert not np.asarray(decode(encoded(clear, "PNG"))).any()


def test_an_exif_rotated_image_comes_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned

    image = decode(encoded(gradient(), "JPEG", exif=exif))

    assert image.size == (96, 40)


@pytest.mark.parametrize(("side", "message"), [(9_000, "9000 x 9000 pixels"), (30_000, "too many pixels")])
@pytest.mark.slow
def test_a_bomb_is_refused_before_its_pixels_are_decoded(side: int, message: str) -> None:
    bomb = encoded(Image.new("1", (side, side)), "PNG")

    with pytest.raises(BadImage, match=rf"{message}; at most 64,000,000 are decoded"):
        decode(bomb)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"not an image at all", "not an image of a known format"),
        (b"GIF89a" + bytes(40), "not an image of a known format"),
        (encoded(gradient(), "JPEG")[:300], "can't be decoded"),
        (encoded(gradient(), "PNG")[:120], "can't be decoded"),
    ],
)
def test_what_cannot_be_decoded_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(BadImage, match=reason):
        decode(data, "x.jpg")


def test_a_thousand_damaged_files_are_an_image_or_a_bad_image_and_nothing_else(rng: np.random.Generator) -> None:
    whole = [encoded(gradient(), form) for form in ("JPEG", "PNG", "WEBP", "TIFF")]
    for number in range(1000):
        data = bytearray(whole[number % len(whole)])
        for place in rng.integers(0, len(data), 3):
            data[place] = rng.integers(256)
        with contextlib.suppress(BadImage):
            assert decode(bytes(data[: rng.integers(1, len(data) + 1)])).mode == "RGB"


def test_a_box_cuts_and_a_box_outside_is_refused() -> None:
    data = encoded(gradient(), "PNG")

    assert decode(data, box=(5, 10, 25, 60)).size == (20, 50)
    with pytest.raises(BadImage, match=r"box \(0, 0, 41, 10\) does not lie in the 40 x 96 image"):
        decode(data, box=(0, 0, 41, 10))


def test_what_is_no_readable_file_is_a_bad_image(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    for name in ("absent.jpg", "loop", "pipe", ".", "a\0b.jpg", "\ud800.jpg"):
        with pytest.raises(BadImage):
            read_bytes(tmp_path / name)


FILTERS: dict[Resize, Image.Resampling] = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@pytest.mark.parametrize(("resize", "filter_"), FILTERS.items())
def test_pixels_are_pillows_antialiased_resize_by_the_filter_of_that_name(
    resize: Resize, filter_: Image.Resampling, rng: np.random.Generator
) -> None:
    image = Image.fromarray(rng.integers(0, 256, (96, 40, 3), np.uint8))

    small = pixels(image, 24, 10, resize)

    assert small.shape == (24, 10, 3)
    assert small.dtype == np.uint8
    np.testing.assert_array_equal(small, np.asarray(image.resize((10, 24), filter_)))
    if resize == "bilinear":
        np.testing.assert_array_equal(pixels(image, 24, 10), small)


def test_rules_that_make_other_pixels_have_another_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Caches of decoded images go by `DECODING`: whoever changes what a file becomes raises it, and changes these sums."""
    monkeypatch.setattr(depth, "_told", set())  # what is said once is said to other tests
    rng = np.random.default_rng(0)
    colours = Image.fromarray(rng.integers(0, 256, (30, 20, 4), np.uint8))
    palette = Image.fromarray(rng.integers(0, 256, (30, 20), np.uint8))
    palette.putpalette(rng.integers(0, 256, 768, np.uint8).tobytes())
    exif = Image.Exif()
    exif[0x0112] = 6
    made = [
        encoded(colours.convert("RGB"), "PNG", exif=exif),
        encoded(colours, "PNG"),
        encoded(palette, "PNG", transparency=3),
        encoded(Image.fromarray(rng.integers(0, 65_536, (30, 20), np.uint16)), "PNG"),
        encoded(Image.fromarray(rng.integers(0, 4_096, (30, 20), np.uint16)), "TIFF"),
        encoded(Image.fromarray(rng.random((30, 20), np.float32)), "TIFF"),
    ]
    shown = [pixels(decode(data), 12, 8, resize) for data in made for resize in FILTERS]

    sums = [zlib.crc32(image.tobytes()) for image in shown]

    assert (DECODING, hex(zlib.crc32(repr(sums).encode()))) == (1, "0x1d8f4910")


def test_a_header_tells_what_decoding_would_and_no_damaged_pixels(tmp_path: Path) -> None:
    file = tmp_path / "image"
    whole = encoded(gradient(), "PNG")
    for content in (b"", b"no image", whole[:20], encoded(Image.new("1", (20_000, 4_000)), "PNG"), b"\xff\xd8\xff"):
        file.write_bytes(content)
        with pytest.raises(BadImage) as decoding:
            decode(read_bytes(file), str(file))
        with pytest.raises(BadImage) as looking:
            check_header(file)
        assert str(looking.value) == str(decoding.value)
    for name in ("nothing", "."):
        with pytest.raises(BadImage) as reading:
            read_bytes(tmp_path / name)
        with pytest.raises(BadImage) as looking:
            check_header(tmp_path / name)
        assert str(looking.value) == str(reading.value)
    for content in (whole, whole[:-100], encoded(gradient(), "JPEG")[:-100]):
        file.write_bytes(content)
        check_header(file)
