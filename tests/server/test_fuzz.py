"""Images that are none, by the thousand: cut off, bits turned, wrong kinds, bombs. Never a 5xx, never much memory."""

from __future__ import annotations

import io
import random
import resource
import zlib
from collections import Counter
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from tests.conftest import BUNDLE

from rgbir.index import Gallery, SysuMM01
from rgbir.server import Settings, create_app


@pytest.fixture
def http(gallery: Gallery) -> Iterator[TestClient]:
    settings = Settings(gallery.folder, BUNDLE, threads=1, max_bytes=500_000, max_pixels=1_000_000)
    with TestClient(create_app(settings), base_url="http://127.0.0.1", raise_server_exceptions=False) as opened:
        yield opened


def originals(people: SysuMM01) -> list[bytes]:
    """One picture in every format that is read."""
    picture = Image.open(next(people.records("test", (3,))).path)
    images = []
    for kind in ("JPEG", "PNG", "BMP", "WEBP", "TIFF"):
        buffer = io.BytesIO()
        picture.save(buffer, kind)
        images.append(buffer.getvalue())
    return images


def bomb() -> bytes:
    """A small PNG that says it has 60,000 x 60,000 pixels, with data to match as far as they go."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = (60_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 20_000_000))
        + chunk(b"IEND", b"")
    )


def harmed(original: bytes, chance: random.Random) -> bytes:
    match chance.randrange(5):
        case 0:
            return original[: chance.randrange(len(original))]
        case 1:
            content = bytearray(original)
            for _ in range(chance.randrange(1, 20)):
                content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            return bytes(content)
        case 2:
            start = chance.randrange(len(original))
            return (
                original[:start] + chance.randbytes(chance.randrange(200)) + original[start + chance.randrange(200) :]
            )
        case 3:
            return original[: chance.randrange(40)] + chance.randbytes(chance.randrange(3000))
        case _:
            return chance.choice(
                [b"", b"<svg/>", b"%PDF-1.4", b"GIF89a", b"PK\x03\x04", chance.randbytes(chance.randrange(5000))]
            )


@pytest.mark.parametrize("count", [300, pytest.param(5000, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_harmed_images_are_refused_or_searched_and_never_fail(http: TestClient, people: SysuMM01, count: int) -> None:
    chance, whole = random.Random(17), originals(people)
    http.post("/search", files=[("images", whole[0])], data={"camera": "3"})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    statuses: Counter[int] = Counter()
    for number in range(count):
        image = bomb() if number % 100 == 0 else harmed(chance.choice(whole), chance)
        route, form = chance.choice(
            [("/search", {"camera": "3"}), ("/embed", {"modality": "ir"}), ("/gallery/sightings", {"camera": "1"})]
        )
        answer = http.post(route, files=[("images", ("x.jpg", image))], data=form)
        statuses[answer.status_code] += 1
        assert answer.status_code in (200, 422), (route, answer.status_code, answer.text)
        if answer.status_code == 422:
            assert answer.json()["detail"]
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{count} harmed images: {dict(statuses)}; memory grew by {grown:.0f} MiB")
    assert statuses[422] > count // 4
    assert grown < 150
    assert http.post("/search", files=[("images", whole[0])], data={"camera": "3"}).status_code == 200
