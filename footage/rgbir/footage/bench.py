"""How fast people are found in a film, beside the bare decoder in the same run."""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rgbir.footage.errors import NoDecoder
from rgbir.footage.film import write_film
from rgbir.footage.people import Counts, People
from rgbir.footage.recordings import Recording
from rgbir.index import Camera, Detector, Modality
from rgbir.index.synthetic.footage import Scene


def bench_footage(
    seconds: float = 20.0,
    detector: Detector | None = None,
    sample: float = 5.0,
    rounds: int = 3,
    scratch: Path | None = None,
    done: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Times real time and milliseconds a frame that is looked at, by stage: medians over the rounds.

    A film of 1280 x 720 pixels, 10 frames a second, H.264, 12 people a minute. The bare decoder is PyAV with one thread in this
    process, which decodes every frame and does nothing with it. Ours decodes in a child process with one thread.

    Args:
        seconds: of the film; drawing it takes several times as long.
        detector: None is `motion`.
        sample: frames a second that are looked at; 0 is every frame.
        scratch: where the film is written; the system's temporary folder if None.
        done: is called after each round.

    Raises:
        NoDecoder: PyAV isn't installed.
    """
    bare: list[_Spent] = []
    ours: list[_Spent] = []
    counts: list[Counts] = []
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        film, scene = Path(folder) / "hall.mp4", Scene("hall", seconds=seconds)
        write_film(film, (frame.image for frame in scene), scene.rate)
        for _ in range(rounds):
            bare.append(_spent(lambda: _decoded(film)))
            people = People(Camera("hall", frozenset({Modality.RGB}), "hall"), detector)
            ours.append(_spent(lambda people=people: _looked_at(film, people, sample)))  # type: ignore[misc]
            counts.append(people.counts)
            done()
    footage_s = len(scene) / scene.rate
    frames = max(sum(counts[0].frames.values()), 1)
    wall, processor, decoder = (statistics.median(values) for values in zip(*ours, strict=True))
    bare_wall, bare_processor, _ = (statistics.median(values) for values in zip(*bare, strict=True))
    return {
        "film": f"{footage_s:g} s, {scene.width}x{scene.height}, {scene.rate} frames/s, {sample:g} looked at, H.264",
        "found by": "motion" if detector is None else detector.found_by,
        "times real time": round(footage_s / wall, 2),
        "times real time, bare decoder": round(footage_s / bare_wall, 2),
        "share of the bare decoder's speed": round(bare_wall / wall, 3),
        "processor seconds a minute of footage, decoding": round(60 * decoder / footage_s, 2),
        "processor seconds a minute of footage, the rest": round(60 * processor / footage_s, 2),
        "processor seconds a minute of footage, bare decoder": round(60 * bare_processor / footage_s, 2),
        **{
            f"ms a frame, {stage}": round(1000 * statistics.median(each.stages[stage] for each in counts) / frames, 2)
            for stage in counts[0].stages
        },
    }


def ratios(figures: dict[str, Any]) -> dict[str, float]:
    """The speed against the bare decoder's."""
    return {"against_the_bare_decoder": figures["share of the bare decoder's speed"]}


class _Spent(NamedTuple):
    """Seconds by the clock, of this process's processor, and of its children's."""

    wall: float
    processor: float
    children: float


def _spent(work: Callable[[], object]) -> _Spent:
    def now() -> tuple[float, float]:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time(), children.ru_utime + children.ru_stime

    began, before = time.perf_counter(), now()
    work()
    after = now()
    return _Spent(time.perf_counter() - began, after[0] - before[0], after[1] - before[1])


def _decoded(film: Path) -> int:
    try:
        import av
    except ImportError as error:
        raise NoDecoder("films are decoded with PyAV, which isn't installed: pip install 'rgbir[footage]'") from error
    with av.open(str(film)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        return sum(1 for _ in container.decode(video=0))


def _looked_at(film: Path, people: People, sample: float) -> int:
    tracks = 0
    with Recording.at(film).opened(sample or None) as recording:
        for frame in people.counts.reading(recording.frames()):
            tracks += len(list(people.next(frame)))
    return tracks + len(list(people.end()))
