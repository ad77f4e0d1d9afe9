"""Films of others, decoded in a process of its own."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from tests.footage.conftest import number_in, numbered

from rgbir.footage.decoding.apart import Film, Limits
from rgbir.footage.decoding.messages import Messages
from rgbir.footage.errors import BadFootage
from rgbir.footage.film import write_film, write_sound
from rgbir.footage.frames import Frame
from rgbir.footage.recordings import Recording, recordings_in


def read(file: Path, sample: float | None = None, since: float = 0.0, **given: object) -> tuple[Film, list[Frame]]:
    with Film(file, sample, since, **given) as film:  # type: ignore[arg-type]
        return film, list(film.frames())


@pytest.mark.slow
def test_every_frame_has_its_number_and_its_time(clip: Path) -> None:
    film, frames = read(clip)

    assert [frame.number for frame in frames] == list(range(60))
    assert [number_in(frame.image) for frame in frames] == list(range(60))
    np.testing.assert_allclose([frame.seconds for frame in frames], np.arange(60) / 10, atol=1e-6)
    assert (film.decoding.frames, film.decoding.taken, film.decoding.damaged, film.decoding.cut) == (60, 60, 0, None)


@pytest.mark.slow
def test_much_fewer_frames_than_a_film_has_are_those_that_others_lean_on(clip: Path) -> None:
    """Where only a third of the frames is wanted or fewer, those that no other frame needs aren't decoded: see `sampling`."""
    for sample in (1, 3):
        numbers = [number_in(frame.image) for frame in read(clip, sample)[1]]
        assert len(numbers) == pytest.approx(6 * sample, abs=1)
        for tick, number in enumerate(numbers):
            assert 0 <= number / 10 - tick / sample < 0.4


@pytest.mark.parametrize("sample", [4, 5, 7, 10, 25])
def test_sampling_takes_the_first_frame_at_or_behind_each_tick(clip: Path, sample: float) -> None:
    expected, ticks = list[int](), 0.0
    for number in range(60):  # whole numbers, so nothing is rounded: frame n is at n tenths, tick k at k / sample
        if number * sample >= 10 * ticks:
            expected.append(number)
            ticks = number * sample // 10 + 1

    assert [number_in(frame.image) for frame in read(clip, sample)[1]] == expected


@pytest.mark.parametrize("since", [0.3, 2.0, 2.55, 4.9, 5.9, 7.0])
@pytest.mark.slow
def test_a_film_taken_up_in_the_middle_gives_the_same_frames(clip: Path, since: float) -> None:
    whole = [frame for frame in read(clip)[1] if frame.seconds >= since - 1e-6]

    frames = read(clip, since=since)[1]

    assert [frame.number for frame in frames] == [frame.number for frame in whole]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(frames, whole, strict=True))


@pytest.mark.parametrize(
    ("name", "codec", "kind"),
    [
        ("a.mp4", "h264", "mov"),
        ("a.mov", "mpeg4", "mov"),
        ("a.mkv", "h264", "matroska"),
        ("a.avi", "mjpeg", "avi"),
        ("a.ts", "h264", "mpegts"),
        ("a.flv", "h264", "flv"),
        ("a.h264", "h264", "h264"),
        ("a.mpg", "mpeg4", "mpeg"),
        ("a.m2ts", "h264", "mpegts"),
        ("a.3gp", "h264", "mov"),
        ("a.wmv", "mpeg4", "asf"),
        ("a.mjpeg", "mjpeg", "mjpeg"),
    ],
)
@pytest.mark.slow
def test_containers_and_codecs_of_recorders(tmp_path: Path, name: str, codec: str, kind: str) -> None:
    file = tmp_path / name
    write_film(file, numbered(20), 10, codec=codec)  # type: ignore[arg-type]

    film, frames = read(file)

    assert film.about().kind == kind
    assert [number_in(frame.image) for frame in frames][-3:] == [17, 18, 19]
    assert len(frames) == 20


@pytest.mark.slow
def test_frames_keep_the_times_of_a_variable_rate(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.5, 0.51, 2.0, 2.2, 5.0]
    write_film(tmp_path / "a.mkv", numbered(7), times=times)

    frames = read(tmp_path / "a.mkv")[1]

    np.testing.assert_allclose([frame.seconds for frame in frames], times, atol=2e-3)
    assert [frame.number for frame in read(tmp_path / "a.mkv", sample=2.0)[1]] == [0, 2, 4, 6]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.slow
def test_a_turned_film_stands_upright(tmp_path: Path, rotation: int) -> None:
    picture = next(numbered(1))
    picture[:20, :30] = (200, 30, 30)  # upper left
    lying = np.ascontiguousarray(np.rot90(picture, rotation // 90))  # a player turns it clockwise by that much
    write_film(tmp_path / "a.mp4", [lying] * 3, rotation=rotation)  # type: ignore[arg-type]

    film, frames = read(tmp_path / "a.mp4")

    assert frames[0].image.shape == picture.shape
    assert (film.about().width, film.about().height) == (picture.shape[1], picture.shape[0])
    assert np.abs(frames[0].image.astype(int) - picture).mean() < 4


@pytest.mark.slow
def test_what_a_film_says_of_itself(tmp_path: Path) -> None:
    began = datetime(2026, 11, 2, 21, 15, tzinfo=UTC)
    write_film(tmp_path / "a.mov", numbered(20), 10, began, timecode="22:15:00:00")

    about = read(tmp_path / "a.mov")[0].about()

    assert (about.made_at, about.timecode, about.rate) == (began, "22:15:00:0", 10.0)
    assert about.seconds == pytest.approx(2.0, abs=0.01)


def test_a_recorder_that_has_no_clock_tells_no_time(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mp4", numbered(3), began=datetime(1970, 1, 1, tzinfo=UTC))

    assert read(tmp_path / "a.mp4")[0].about().made_at is None


@pytest.mark.slow
def test_infrared_with_a_cast_and_full_range_has_no_spread_of_colour(tmp_path: Path) -> None:
    grey = [np.repeat(image[..., :1], 3, axis=2) for image in numbered(8)]
    for full in (False, True):
        write_film(tmp_path / f"{full}.mp4", grey, tint=(12, -5), full_range=full)
        chroma = read(tmp_path / f"{full}.mp4")[1][4].chroma
        assert chroma.mean == pytest.approx(17, abs=1.5)
        assert chroma.spread < 1.0
    write_film(tmp_path / "colour.mp4", numbered(8))
    assert read(tmp_path / "colour.mp4")[1][5].chroma.spread > 3


@pytest.mark.slow
def test_damaged_packets_are_counted_and_passed_over(tmp_path: Path) -> None:
    noise = np.random.default_rng(1)
    write_film(tmp_path / "a.avi", (noise.integers(0, 255, (96, 160, 3)).astype(np.uint8) for _ in range(60)), 10)
    data = bytearray((tmp_path / "a.avi").read_bytes())
    for place in range(len(data) // 3, len(data) * 2 // 3, 997):
        data[place : place + 200] = bytes(200)
    (tmp_path / "damaged.avi").write_bytes(data)

    film, frames = read(tmp_path / "damaged.avi")

    assert film.decoding.damaged > 0
    assert film.decoding.cut is None
    assert 20 < len(frames) <= 60
    assert frames[-1].seconds > 5


@pytest.mark.slow
def test_a_film_that_is_cut_off_says_so_or_gives_what_is_there(tmp_path: Path, clip: Path) -> None:
    write_film(tmp_path / "a.mkv", numbered(60), 10)
    data = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "half.mkv").write_bytes(data[: len(data) // 2])
    (tmp_path / "half.mp4").write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])

    _, frames = read(tmp_path / "half.mkv")

    assert 10 < len(frames) < 60
    assert [frame.number for frame in frames] == list(range(len(frames)))
    with pytest.raises(BadFootage, match=r"half\.mp4: .*still being written"):
        read(tmp_path / "half.mp4")


@pytest.mark.slow
def test_what_is_no_film_is_refused_with_its_reason(tmp_path: Path) -> None:
    write_sound(tmp_path / "sound.mp4")
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("no film at all\n" * 100)
    reasons = {"sound.mp4": "no video, only audio", "empty.mp4": "is empty", "text.mp4": "no film of a kind"}
    for name, reason in reasons.items():
        with pytest.raises(BadFootage, match=rf"{name}: .*{reason}"):
            read(tmp_path / name)


@pytest.mark.parametrize("name", ["list.m3u8", "list.mp4", "list.ffconcat", "list.sdp", "list.mpd"])
@pytest.mark.slow
def test_a_playlist_opens_neither_a_file_nor_an_address(tmp_path: Path, clip: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/clip.mp4"
        texts = {
            "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n{clip}\n#EXTINF:6,\n{address}\n#EXT-X-ENDLIST\n",
            "list.ffconcat": f"ffconcat version 1.0\nfile {clip}\nfile {address}\n",
            "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
            "list.mpd": f'<?xml version="1.0"?><MPD type="static"><Period><AdaptationSet><BaseURL>{address}</BaseURL></AdaptationSet></Period></MPD>',
        }
        (tmp_path / name).write_text(texts.get(name, texts["list.m3u8"]))

        with pytest.raises(BadFootage):
            read(tmp_path / name)

        with pytest.raises(TimeoutError):
            listening.accept()


def test_the_decoder_opens_no_file_and_no_socket_once_it_reads_a_film() -> None:
    program = """
import socket
from rgbir.footage.decoding import child
child.limit(1 << 30, 60, sockets=False)
for name, attempt in (("file", lambda: open("/etc/passwd")), ("socket", socket.socket)):
    try:
        attempt()
    except OSError as error:
        print(name, error.errno)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}

    done = subprocess.run(
        [sys.executable, "-P", "-c", program], env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["file", "24", "socket", "24"]


def test_a_decoder_that_crashes_is_a_film_that_is_cut(clip: Path) -> None:
    with Film(clip, None) as film:
        frames = film.frames()
        next(frames)
        assert film._process is not None
        film._process.send_signal(signal.SIGSEGV)
        rest = list(frames)

    assert len(rest) < 60
    assert film.decoding.cut == "its decoder crashed (SIGSEGV)"


def test_a_decoder_without_memory_is_a_film_that_cannot_be_read(clip: Path) -> None:
    with pytest.raises(BadFootage, match=r"takes more memory than 0\.0 GiB|allocate|its decoder crashed"):
        read(clip, limits=Limits(memory=1 << 16))


@pytest.mark.slow
def test_a_decoder_that_says_nothing_is_ended(clip: Path) -> None:
    with Film(clip, None) as film:
        frames = film.frames()
        next(frames)
        film.limits = Limits(silence=0.5)
        assert film._process is not None
        film._process.send_signal(signal.SIGSTOP)
        rest = list(frames)

    assert len(rest) < 60
    assert film.decoding.cut == "its decoder said nothing for 0.5 seconds, and was ended"


def test_limits_are_on_the_process_that_decodes(clip: Path) -> None:
    with Film(clip, None, limits=Limits(processor=77)) as film:
        film.about()
        assert film._process is not None
        limits = Path(f"/proc/{film._process.pid}/limits").read_text()

    assert "Max cpu time              77" in limits
    assert "Max file size             0" in limits


def test_the_decoder_inherits_none_of_our_secrets(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RGBIR_KEY", "secret-key")
    with Film(clip, None) as film:
        film.about()
        assert film._process is not None
        environment = Path(f"/proc/{film._process.pid}/environ").read_bytes()
        command = Path(f"/proc/{film._process.pid}/cmdline").read_bytes()

    assert b"secret-key" not in environment
    assert str(clip).encode() not in command


@pytest.mark.slow
def test_a_file_that_grows_is_read_to_where_it_stops_growing(tmp_path: Path) -> None:
    whole, growing = tmp_path / "whole.ts", tmp_path / "growing.ts"
    write_film(whole, numbered(20), 10)
    data = whole.read_bytes()
    growing.write_bytes(data[: len(data) // 3])

    def record() -> None:
        with growing.open("ab") as file:
            for start in range(len(data) // 3, len(data), 4_000):
                file.write(data[start : start + 4_000])
                file.flush()
                time.sleep(0.01)

    recorder = threading.Thread(target=record)
    recorder.start()
    film, frames = read(growing, grows=2.0)
    recorder.join()

    assert [number_in(frame.image) for frame in frames] == list(range(20))
    assert film.decoding.cut is None


def test_a_recording_is_named_by_its_content(tmp_path: Path, clip: Path) -> None:
    import hashlib

    (tmp_path / "other.mp4").write_bytes(clip.read_bytes())

    first, second = Recording.at(clip), Recording.at(tmp_path / "other.mp4")

    assert first.digest == second.digest == hashlib.sha256(clip.read_bytes()).hexdigest()
    assert (first.name, second.name) == ("clip.mp4", "other.mp4")
    with pytest.raises(BadFootage, match="nothing is there"):
        Recording.at(tmp_path / "none.mp4")


def test_films_are_found_in_folders_in_the_order_of_their_names(tmp_path: Path, clip: Path) -> None:
    for name in ("b/2.mkv", "b/1.MP4", "a.dav", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(clip.read_bytes())
    frames = tmp_path / "frames"
    frames.mkdir()
    (frames / "0001.jpg").write_bytes(b"")

    assert [path.name for path in recordings_in([tmp_path, clip])] == ["a.dav", "1.MP4", "2.mkv", "clip.mp4"]
    assert recordings_in([frames]) == [frames]
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadFootage, match="no films are in it"):
        recordings_in([tmp_path / "empty"])


def test_a_process_with_over_a_thousand_files_open_reads_films() -> None:
    """A large gallery holds a file open for each slab."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2000:
        pytest.skip("this user may not open so many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
    reading, writing = os.pipe()
    number = os.dup2(reading, 1500)
    os.close(reading)
    try:
        with open(number, "rb", buffering=0) as pipe:
            os.write(writing, b'{"kind": "end", "bytes": 0}\n')
            message = Messages(pipe, lambda: False).next(60.0)
    finally:
        os.close(writing)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert message is not None
    assert message["kind"] == "end"
