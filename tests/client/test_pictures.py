"""Images as they are sent: what the server decodes is what was given."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rgbir.client import calls, pictures
from rgbir.client.pictures import files
from rgbir.index import decode


def sent(image: Any) -> bytes:
    ((field, (_, content)),) = files(image)
    assert field == "images"
    return content


def pixels(content: bytes) -> np.ndarray[Any, Any]:
    """As the server sees them: uint8 (height, width, 3)."""
    return np.asarray(decode(content, "sent"))


@pytest.fixture
def photograph(rng: np.random.Generator) -> bytes:
    """A JPEG of 24 x 40 pixels that lies on its side, and says so."""
    drawn = Image.fromarray(rng.integers(0, 256, (40, 24, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "where I live"
    content = io.BytesIO()
    drawn.save(content, "JPEG", exif=exif)
    return content.getvalue()


@pytest.mark.parametrize("shape", [(5, 7, 3), (5, 7), (1, 1), (300, 200, 3)])
@pytest.mark.parametrize("turn", [lambda array: array, np.flipud, lambda array: array[::-1, ::-1], np.asfortranarray])
def test_an_array_arrives_as_it_was(
    rng: np.random.Generator, shape: tuple[int, ...], turn: Callable[[Any], Any]
) -> None:
    array = turn(rng.integers(0, 256, shape, dtype=np.uint8))

    content = sent(array)

    with Image.open(io.BytesIO(content)) as opened:
        assert (opened.format, opened.mode) == ("PNG", "RGB" if len(shape) == 3 else "L")
        np.testing.assert_array_equal(np.asarray(opened), array)
    np.testing.assert_array_equal(pixels(content), array if len(shape) == 3 else np.repeat(array[..., None], 3, axis=2))


@pytest.mark.parametrize(
    ("array", "what"),
    [
        (np.zeros((4, 5, 3)), "an array of <f8 (4, 5, 3)"),
        (np.zeros((4, 5), np.uint16), "<u2 (4, 5)"),
        (np.zeros((4, 5), bool), "|b1"),
        (np.zeros((3, 4, 5), np.uint8), "(3, 4, 5)"),
        (np.zeros((4, 5, 4), np.uint8), "(4, 5, 4)"),
        (np.zeros((0, 5, 3), np.uint8), "(0, 5, 3)"),
        (np.zeros((2, 4, 5, 3), np.uint8), "several images are a list of arrays"),
    ],
)
def test_an_array_that_is_no_picture_is_refused_in_words(array: Any, what: str) -> None:
    with pytest.raises(TypeError) as caught:
        calls.search(array)
    assert what in str(caught.value)
    assert "an array uint8 (height, width, 3) in RGB order or (height, width)" in str(caught.value)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_an_image_of_pillow_arrives_as_its_file_would(rng: np.random.Generator, mode: str) -> None:
    """TIFF holds every mode without loss, so the same decoding of both files is the oracle."""
    if mode == "I;16":
        image = Image.fromarray(rng.integers(0, 65536, (9, 8), dtype=np.uint16))
    else:
        bands = 4 if mode in ("LA", "RGBA") else 3
        image = Image.fromarray(rng.integers(0, 256, (9, 8, bands), dtype=np.uint8)).convert(mode)
    assert image.mode == mode
    other = io.BytesIO()
    image.save(other, "TIFF")

    np.testing.assert_array_equal(pixels(sent(image)), pixels(other.getvalue()))


@pytest.mark.parametrize("mode", ["CMYK", "F", "I", "YCbCr", "HSV", "LAB"])
def test_a_mode_that_png_does_not_hold_is_refused_in_words(mode: str) -> None:
    with pytest.raises(TypeError, match=rf"image 1 has Pillow's mode {mode}.*image.convert\('RGB'\)"):
        calls.search(Image.new(mode, (4, 4)))


def test_an_image_that_lies_on_its_side_arrives_upright_and_tells_nothing_else(photograph: bytes) -> None:
    opened = Image.open(io.BytesIO(photograph))

    content = sent(opened)

    assert pixels(content).shape == (24, 40, 3)
    np.testing.assert_array_equal(pixels(content), pixels(photograph))
    assert b"where I live" in photograph
    assert b"where I live" not in content


def test_files_travel_as_they_are(photograph: bytes, tmp_path: Path) -> None:
    path = tmp_path / "night.jpg"
    path.write_bytes(photograph)
    with path.open("rb") as opened:
        given: list[pictures.Image] = [
            path,
            str(path),
            photograph,
            bytearray(photograph),
            memoryview(photograph),
            io.BytesIO(photograph),
            opened,
        ]
        named = [name for _, (name, content) in files(given) if content == photograph]
    assert named == ["night.jpg", "night.jpg", "image 3", "image 4", "image 5", "image 6", "night.jpg"]
    assert len(files(photograph)) == len(files(np.zeros((2, 2), np.uint8))) == len(files(Image.new("L", (1, 1)))) == 1


@pytest.mark.parametrize("value", [7, [3.5], [None], object()])
def test_what_is_no_image_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=r"an image is a path, .*; image 1 is a builtins"):
        calls.search(value)


def test_a_file_of_text_is_refused_in_words() -> None:
    with pytest.raises(TypeError, match="is a file of text; open it for bytes"):
        calls.search(io.StringIO("text"))  # type: ignore[arg-type]


def test_the_client_imports_neither_pillow_nor_numpy_nor_pandas() -> None:
    code = "import sys, rgbir.client; print(sorted({'PIL', 'numpy', 'pandas'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
