"""Films that are written say what they were told to say, and show what they were given."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rgbir.footage.errors import BadFootage, NoDecoder
from rgbir.footage.film import Codec, film_writer, write_film, write_sound
from rgbir.index.synthetic.filmed import synthesize_footage
from rgbir.index.synthetic.footage import Scene

av = pytest.importorskip("av")

SCENE = Scene("gate", width=160, height=96, rate=10, seconds=2, people=60, seed=1)
IMAGES = [frame.image for frame in SCENE]


def frames(file: Path) -> Iterator[Any]:
    with av.open(str(file)) as film:
        yield from film.decode(video=0)


def apart(file: Path) -> float:
    """How far its pictures are from those it was made of, in the mean."""
    shown = [frame.to_ndarray(format="rgb24") for frame in frames(file)]
    return float(np.abs(np.stack(shown).astype(int) - np.stack(IMAGES)).mean())


def plane(frame: Any, number: int) -> NDArray[np.uint8]:
    """Luma, Cb or Cr, without the padding of its rows."""
    values = frame.planes[number]
    return np.frombuffer(values, np.uint8).reshape(values.height, -1)[:, : values.width]


@pytest.mark.parametrize("codec", ["h264", "mpeg4", "mjpeg"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_a_film_shows_the_pictures_it_is_made_of_at_their_times(tmp_path: Path, codec: Codec, suffix: str) -> None:
    file = tmp_path / f"film{suffix}"
    assert write_film(file, iter(IMAGES), SCENE.rate, codec=codec) == 20

    assert [frame.time for frame in frames(file)] == pytest.approx([number / 10 for number in range(20)])
    assert apart(file) < 6
    with av.open(str(file)) as film:
        assert film.streams.video[0].codec_context.name == codec
        assert "creation_time" not in film.metadata


@pytest.mark.slow
def test_the_same_pictures_give_the_same_film(tmp_path: Path) -> None:
    films = set()
    for size in range(20):  # x264 is not so by itself, and shows it once in a few times
        junk = np.full((size + 1) * 7_001, size, np.uint8)
        write_film(tmp_path / "film.mp4", IMAGES, began=SCENE.taken_at(1))
        films.add((tmp_path / "film.mp4").read_bytes())
        del junk
    assert len(films) == 1


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_film_says_when_it_began_and_at_which_times_its_pictures_are(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"film{suffix}"
    times = [0.05 * number + 0.01 * number**2 for number in range(20)]
    began = datetime(2026, 11, 2, 22, 15, tzinfo=timezone(timedelta(hours=1)))
    write_film(file, IMAGES, began=began, times=times, timecode="22:15:00:00")

    assert [frame.time for frame in frames(file)] == pytest.approx(times, abs=0.0011)
    with av.open(str(file)) as film:
        assert datetime.fromisoformat(film.metadata["creation_time"]) == began.astimezone(UTC)
        said = {**film.metadata, **film.streams.video[0].metadata}
        assert next(value for key, value in said.items() if key.lower() == "timecode").startswith("22:15:00:0")


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_film_says_how_it_is_turned(tmp_path: Path, rotation: Any) -> None:
    write_film(tmp_path / "film.mp4", IMAGES, rotation=rotation)
    frame = next(frames(tmp_path / "film.mp4"))
    assert frame.rotation % 360 == -rotation % 360  # what PyAV calls rotation runs the other way
    assert (frame.width, frame.height) == (160, 96)


def test_luma_is_of_the_range_that_was_asked_for(tmp_path: Path) -> None:
    white = [np.full((96, 160, 3), 255, np.uint8)] * 3
    for name, full in (("limited.mp4", False), ("full.mp4", True)):
        write_film(tmp_path / name, white, full_range=full)
        frame = list(frames(tmp_path / name))[-1]
        assert abs(float(plane(frame, 0).mean()) - (255 if full else 235)) < 2
        assert frame.to_ndarray(format="rgb24").mean() > 252


@pytest.mark.slow
def test_infrared_can_have_a_cast_that_a_recorder_stores(tmp_path: Path) -> None:
    infrared: list[NDArray[np.uint8]] = [frame.image for frame in replace(SCENE, camera="yard")]
    write_film(tmp_path / "plain.mkv", infrared)
    write_film(tmp_path / "tinted.mkv", infrared, tint=(6, -4))

    for name, expected in (("plain.mkv", (128, 128)), ("tinted.mkv", (134, 124))):
        frame = list(frames(tmp_path / name))[10]
        for number, value in enumerate(expected, start=1):
            assert abs(float(plane(frame, number).mean()) - value) < 0.5


def test_a_film_may_have_no_pictures_at_all(tmp_path: Path) -> None:
    write_sound(tmp_path / "sound.mp4", 2)
    with av.open(str(tmp_path / "sound.mp4")) as film:
        assert [stream.type for stream in film.streams] == ["audio"]
        assert film.duration == pytest.approx(2_000_000, rel=0.05)


@pytest.mark.parametrize(
    ("name", "images", "options", "reason"),
    [
        ("f.mp4", [], {}, "needs a picture at least"),
        ("f.mp4", [np.zeros((95, 160, 3), np.uint8)], {}, "even numbers of pixels, not 160 x 95"),
        ("f.mkv", IMAGES, {"rotation": 90}, "how it is turned in .mp4 and .mov, not in .mkv"),
        ("f.avi", IMAGES, {"began": SCENE.taken_at(1)}, "when it began in .mp4 and .mov and .mkv, not in .avi"),
        ("f.avi", IMAGES, {"timecode": "22:15:00:00"}, "its time code in"),
        ("f.mp4", IMAGES, {"began": datetime(2026, 11, 2, 22, 15)}, "needs a zone or an offset"),
        ("f.mp4", IMAGES, {"times": [0.0, 0.2, 0.1]}, "must rise"),
        ("f.mp4", IMAGES, {"times": [0.0, 0.2]}, "2 times, and more pictures"),
        ("f.mp4", IMAGES[:2], {"times": [0.0, 0.1, 0.2]}, "3 times for 2 pictures"),
    ],
)
def test_what_no_film_can_be_is_refused(
    tmp_path: Path, name: str, images: list[NDArray[np.uint8]], options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(BadFootage, match=reason):
        write_film(tmp_path / name, images, **options)


def test_without_pyav_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    for write in (film_writer, lambda: write_sound(tmp_path / "s.mp4"), lambda: write_film(tmp_path / "f.mp4", IMAGES)):
        with pytest.raises(NoDecoder, match=r"pip install 'rgbir\[footage\]'"):
            write()


@pytest.mark.slow
def test_synthetic_footage_can_be_films(tmp_path: Path) -> None:
    synthesize_footage(tmp_path / "footage", SCENE, "mp4", film_writer(), workers=1)

    assert sorted(file.stem for file in (tmp_path / "footage").glob("*.mp4")) == ["gate", "hall", "yard"]
    assert apart(tmp_path / "footage" / "gate.mp4") < 6
    with av.open(str(tmp_path / "footage" / "gate.mp4")) as film:
        assert datetime.fromisoformat(film.metadata["creation_time"]) == SCENE.taken_at(1)
    chroma = [np.abs(plane(frame, 1).astype(int) - 128).mean() for frame in frames(tmp_path / "footage" / "gate.mp4")]
    assert min(chroma[:10]) > 3 > 0.5 > max(chroma[10:])
