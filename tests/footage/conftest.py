"""Films that tests read: drawn people, or plain pictures whose content says their number."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.conftest import made_once

from rgbir.index import Bundle, Camera, CameraNetwork, Gallery, Modality

pytest.importorskip("av", reason="decoding films needs PyAV: pip install 'rgbir[footage]'")

SIZE = (96, 160)


def numbered(count: int, height: int = SIZE[0], width: int = SIZE[1]) -> Iterator[NDArray[np.uint8]]:
    """Pictures whose eight columns of blocks are the bits of their number, white for one, on a coloured ground."""
    for number in range(count):
        image = np.full((height, width, 3), (40, 90, 160), np.uint8)
        for bit in range(8):
            if number >> bit & 1:
                image[:, bit * width // 8 : (bit + 1) * width // 8] = 255
        yield image


def number_in(image: NDArray[np.uint8]) -> int:
    """The number that a picture's blocks say."""
    width = image.shape[1]
    middles = [image[:, bit * width // 8 + 4 : (bit + 1) * width // 8 - 4].mean() for bit in range(8)]
    return sum(1 << bit for bit, level in enumerate(middles) if level > 170)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty numbered pictures, ten a second, H.264 in MP4."""
    from rgbir.footage.film import write_film

    file = tmp_path_factory.mktemp("films") / "clip.mp4"
    write_film(file, numbered(60), 10)
    return file


def walkers(
    seconds: float, starts: tuple[float, ...], rate: int = 5, height: int = 180, width: int = 320, grey: bool = False
) -> Iterator[NDArray[np.uint8]]:
    """A still ground, and somebody in patterned clothes of an own colour who walks through within six seconds from each start on."""
    rng = np.random.default_rng(9)
    ground = np.repeat(np.repeat(rng.integers(90, 150, (height // 10, width // 10, 3)), 10, 0), 10, 1).astype(np.uint8)
    clothes = [rng.integers(0, 255, (9, 3, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1) for _ in starts]
    for number in range(round(seconds * rate)):
        image = ground.copy()
        for start, cloth in zip(starts, clothes, strict=True):
            passed = number / rate - start
            if 0 <= passed < 6:
                left = round(passed / 6 * (width - 24))
                image[60:132, left : left + 24] = cloth
        yield np.repeat(image[..., :1], 3, axis=2) if grey else image


class PlainEncoder:
    """Stands in for an encoder where only the flow matters: an embedding is a small copy of the picture."""

    def __init__(self, bundle: Bundle) -> None:
        self.card = bundle.card

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        return np.asarray(image.resize((self.card.width, self.card.height)))

    def encode(self, images: NDArray[np.uint8], modality: Modality) -> NDArray[np.float32]:
        flat = images.reshape(len(images), -1).astype(np.float32) / 255 + 0.01
        places = np.linspace(0, flat.shape[1] - 1, self.card.dimension).astype(int)
        return np.asarray(flat[:, places], np.float32)


NETWORK = CameraNetwork(
    "site",
    (
        Camera("hall", frozenset({Modality.RGB}), "hall"),
        Camera("yard", frozenset({Modality.IR}), "yard"),
        Camera("gate", frozenset(Modality), "gate"),
    ),
)
BEGAN = datetime(2026, 11, 2, 21, 15, tzinfo=UTC)


@pytest.fixture(scope="session")
def passers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute and a half with four people who pass one after the other, and a pair; five pictures a second, 320 x 180."""
    from rgbir.footage.film import write_film

    def make(folder: Path) -> None:
        write_film(folder / "passers.mp4", walkers(90, (1.0, 12.0, 35.0, 62.0, 64.5)), 5, BEGAN)

    return made_once(tmp_path_factory, "passers", make) / "passers.mp4"


@pytest.fixture
def yard(tmp_path: Path, bundle: Bundle) -> Iterator[Gallery]:
    """An empty gallery of three cameras that keeps people for ever."""
    with Gallery.open_or_create(tmp_path / "yard", bundle.card, NETWORK) as gallery:
        yield gallery
