"""Deep images: every way of writing one picture down finds the same people, and what was assumed is told."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from rgbir.index import BadImage, Encoder, Gallery, Modality, Searcher, SearchOptions, SysuMM01, crop_of, decode
from rgbir.index.depth import _USED, ASSUMED, _range

Grey = NDArray[np.float64]


def file(values: NDArray[Any], kind: str = "PNG", **tags: Any) -> bytes:
    buffer = io.BytesIO()
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for name, value in tags.items():
        number = {"least": 280, "most": 281}[name]
        directory.tagtype[number] = 3  # unsigned short
        directory[number] = value
    Image.fromarray(values).save(buffer, kind, **({"tiffinfo": directory} if tags else {}))
    return buffer.getvalue()


def with_hot_pixel(grey: Grey) -> NDArray[np.float32]:
    values = (grey / 255).astype(np.float32)
    values[3, 5], values[9, 1] = 1e6, np.nan
    return values


WRITTEN: dict[str, Callable[[Grey], bytes]] = {
    "8 bits, TIFF": lambda grey: file(grey.astype(np.uint8), "TIFF"),
    "8 bits in 16": lambda grey: file(grey.astype(np.uint16)),
    "10 bits": lambda grey: file((grey * 1023 / 255).astype(np.uint16)),
    "12 bits": lambda grey: file((grey * 4095 / 255).astype(np.uint16)),
    "14 bits, TIFF": lambda grey: file((grey * 16_383 / 255).astype(np.uint16), "TIFF"),
    "16 bits": lambda grey: file((grey * 257).astype(np.uint16)),
    "0 to 1, with a hot pixel": lambda grey: file(with_hot_pixel(grey), "TIFF"),
    "0 to 255, floats": lambda grey: file(grey.astype(np.float32), "TIFF"),
    "a band that the file tells": lambda grey: file((7000 + grey * 4).astype(np.uint16), "TIFF", least=7000, most=8020),
}
BANDS: dict[str, Callable[[Grey], bytes]] = {
    "14 bits, offset": lambda grey: file((7000 + grey * 4).astype(np.uint16)),
    "degrees": lambda grey: file((20 + grey / 20).astype(np.float32), "TIFF"),
    "kelvins": lambda grey: file((293 + grey / 20).astype(np.float32), "TIFF"),
}


@pytest.fixture
def greys(people: SysuMM01) -> list[Grey]:
    paths = [record.path for record in people.records("test", (3,))][:6]
    return [np.asarray(Image.open(path).convert("L")).astype(np.float64) for path in paths]


def ten(searcher: Searcher, data: bytes) -> list[str]:
    return [hit.id for hit in searcher.search([decode(data)], SearchOptions(camera="3")).hits]


@pytest.mark.parametrize("written", WRITTEN)
def test_one_picture_finds_the_same_people_however_it_is_written(
    gallery: Gallery, encoder: Encoder, greys: list[Grey], written: str
) -> None:
    searcher = Searcher(encoder, gallery)
    for grey in greys:
        plain = file(grey.astype(np.uint8))
        deep = np.asarray(decode(WRITTEN[written](grey)).convert("L")).astype(int)
        rest = np.abs(deep - grey).astype(int)
        rest[3, 5] = rest[9, 1] = 0
        assert rest.max() <= 1
        assert set(ten(searcher, WRITTEN[written](grey))) == set(ten(searcher, plain))


@pytest.mark.parametrize("written", BANDS)
def test_a_band_that_the_file_doesn_t_tell_is_spread_to_what_infrared_pictures_use_and_told(
    greys: list[Grey], written: str
) -> None:
    for grey in greys:
        image = decode(BANDS[written](grey))
        deep = np.asarray(image.convert("L")).astype(float)
        assert "were spread" in image.info[ASSUMED]
        assert np.corrcoef(deep.ravel(), grey.ravel())[0, 1] > 0.999
        assert deep.std() > 0.5 * grey.std()
        assert abs(np.percentile(deep, 0.1) - _USED[0]) < 12


def test_what_infrared_pictures_of_eight_bits_use(people: SysuMM01) -> None:
    spans = [
        _range(7000 + np.asarray(Image.open(record.path).convert("L")).astype(np.float64).ravel() * 4, False)[:2]
        for record in list(people.records("test", (3,)))[:40]
    ]
    step = [(high - low) / 255 for low, high in spans]
    lowest = [(low + _USED[0] * width - 7000) / 4 for (low, _), width in zip(spans, step, strict=True)]
    highest = [(low + _USED[1] * width - 7000) / 4 for (low, _), width in zip(spans, step, strict=True)]
    assert abs(np.median(lowest) - _USED[0]) < 10
    assert abs(np.median(highest) - _USED[1]) < 15


def test_values_that_are_no_numbers_are_none_and_nothing_but_them_is_refused() -> None:
    with pytest.raises(BadImage, match="no pixel of it is a number"):
        decode(file(np.full((9, 9), np.nan, np.float32), "TIFF"))
    flat = np.asarray(decode(file(np.full((40, 20), 7321, np.uint16))).convert("L"))
    assert flat.min() == flat.max()
    whole = np.linspace(-5, 5, 800).reshape(40, 20).astype(np.float32)
    assert np.asarray(decode(file(whole, "TIFF"))).std() > 30


def test_deep_colours_that_use_a_part_of_their_range_are_refused(greys: list[Grey]) -> None:
    grey = greys[0].astype(np.uint16)

    def colours(values: NDArray[np.uint16]) -> bytes:
        """A PNG of 16 bits a colour, which Pillow doesn't write."""
        import zlib

        height, width = values.shape
        rows = np.repeat(values[..., None], 3, axis=2).astype(">u2").reshape(height, -1)
        raw = b"".join(b"\0" + row.tobytes() for row in rows)
        head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([16, 2, 0, 0, 0])

        def chunk(kind: bytes, data: bytes) -> bytes:
            return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")

    assert np.abs(np.asarray(decode(colours(grey * 257)).convert("L")).astype(int) - greys[0]).max() <= 1
    with pytest.raises(BadImage, match="convert it to 8 bits"):
        decode(colours(grey * 16))


def test_the_crop_of_a_deep_image_shows_and_embeds_as_it_was_seen(encoder: Encoder, greys: list[Grey]) -> None:
    data = BANDS["14 bits, offset"](greys[0])
    seen = decode(data)
    crop = crop_of(data, seen)
    assert crop.media_type == "image/png"
    again = decode(crop.data)
    assert ASSUMED not in again.info
    first, second = encoder.embed([seen, again], Modality.IR)
    np.testing.assert_array_equal(first, second)
