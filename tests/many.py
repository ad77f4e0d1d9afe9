"""Many drawn images, enrolled by several processes that are killed now and then: what becomes of them, and how long it takes.

python -m tests.many FOLDER --images 100000 --way shards --kills 10
"""

from __future__ import annotations

import argparse
import io
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from PIL import Image

from rgbir.index import Bundle, Encoder, Gallery, enrol
from rgbir.index.cameras import Camera, CameraNetwork, Modality
from rgbir.index.datasets.folders import read_folders
from rgbir.index.datasets.records import ImageRecord
from rgbir.index.gallery.folder.place import FILE
from tests.conftest import BUNDLE

DOORS, IN_A_FOLDER = ("north", "east", "south", "west"), 1_000
RGBIR = (sys.executable, "-c", "from rgbir.client.cli import main; main()", "index")


def draw(folder: Path, count: int) -> list[str]:
    """Images of 12x24 pixels, no two alike, in the layout `folders`; their names, as a gallery keeps them."""
    rng, names = np.random.default_rng(0), []
    for number in range(count):
        name = f"{DOORS[number % len(DOORS)]}/{number // IN_A_FOLDER}/{number}.png"
        place = folder / name
        if number % IN_A_FOLDER < len(DOORS):
            place.parent.mkdir(parents=True)
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (24, 12, 3), np.uint8)).save(buffer, "PNG", compress_level=1)
        place.write_bytes(buffer.getvalue())
        names.append(name)
    return names


@dataclass
class Killer:
    """Runs a command until it ends by itself; before that it is killed when a gallery has so many sightings.

    Attributes:
        gallery: whose sightings are counted.
        at: of how many sightings on something is killed, in order.
        victims: whom SIGKILL meets the nth time, of a process and its descendants; of none it is tried again.
        kills: processes that were killed.
        again: how often the command was begun again.
    """

    gallery: Path
    at: list[int]
    victims: Callable[[int, int], list[int]] = lambda process, nth: [process]
    kills: int = 0
    again: int = 0

    def run(self, command: Sequence[str]) -> None:
        waiting = list(self.at)
        while True:
            with TemporaryFile() as told, subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=told) as process:
                while process.poll() is None:
                    if waiting and sightings(self.gallery) >= waiting[0]:
                        victims = self.victims(process.pid, len(self.at) - len(waiting) + 1)
                        for victim in victims:
                            with suppress(ProcessLookupError):
                                os.kill(victim, signal.SIGKILL)
                                self.kills += 1
                        if victims:
                            waiting.pop(0)
                    time.sleep(0.02)
                told.seek(0)
                assert process.returncode in (0, -signal.SIGKILL), told.read().decode()
            if process.returncode == 0:
                return
            self.again += 1


def sightings(folder: Path) -> int:
    """How many rows a gallery's file has now; 0 where there is none yet."""
    try:
        with sqlite3.connect(f"file:{folder / FILE}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT coalesce(max(row), 0) FROM sightings").fetchone()[0])
    except sqlite3.Error:
        return 0


def moments(count: int, kills: int, chance: random.Random) -> list[int]:
    return sorted(chance.randrange(1, count) for _ in range(kills))


def by_shards(images: Path, work: Path, count: int, kills: int, chance: random.Random, processes: int = 2) -> Path:
    """The way of `index add --shard` and `index merge`; every process of them is killed."""
    killers = [
        Killer(work / f"part-{n}", moments(count // processes * 9 // 10, kills // processes, chance))
        for n in range(1, processes + 1)
    ]

    def part(number: int) -> None:
        options = ["--gallery", str(work / f"part-{number}"), "--bundle", str(BUNDLE), "--threads", "1"]
        killers[number - 1].run([*RGBIR, "add", str(images), *options, "--shard", f"{number}/{processes}"])

    begun = time.monotonic()
    with ThreadPoolExecutor(processes) as pool:
        list(pool.map(part, range(1, processes + 1)))
    added = time.monotonic()
    merging = Killer(work / "whole", moments(count * 9 // 10, 2 if kills else 0, chance))
    parts = [str(work / f"part-{n}") for n in range(1, processes + 1)]
    merging.run([*RGBIR, "merge", *parts, "--gallery", str(work / "whole")])
    _told("shards", count, added - begun, [*killers, merging])
    print(f"shards: merged in {time.monotonic() - added:.0f} s")
    return work / "whole"


def by_ray(images: Path, work: Path, count: int, kills: int, chance: random.Random, workers: int = 2) -> Path:
    """The way of `index add --ray local`: its workers are killed, and every fifth time the process that writes."""
    drawn = random.Random(chance.random())

    def victims(process: int, nth: int) -> list[int]:
        if nth % 5 == 0:
            return [process]
        encoders = [pid for pid in descendants(process) if b"_Worker" in title(pid)]
        return [drawn.choice(encoders)] if encoders else []

    killer = Killer(work / "whole", moments(count * 9 // 10, kills, chance), victims)
    begun = time.monotonic()
    options = ["--gallery", str(work / "whole"), "--bundle", str(BUNDLE), "--ray", "local", "--workers", str(workers)]
    killer.run([*RGBIR, "add", str(images), *options])
    _told("Ray", count, time.monotonic() - begun, [killer])
    return work / "whole"


def descendants(process: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    below, waiting = [], [process]
    while waiting:
        new = children.get(waiting.pop(), [])
        below += new
        waiting += new
    return below


def title(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def check(whole: Path, images: Path, names: list[str], work: Path, sample: int = 500) -> float:
    """Each image is there once, and a sample has the embeddings of a run that nobody disturbed; how far off one is."""
    with Gallery(whole) as gallery:
        enrolled = gallery.sightings()
        assert sorted(sighting.source for sighting in enrolled) == sorted(names)
        assert len({sighting.id for sighting in enrolled}) == len(names)
        assert gallery.verify() == []
        chosen = set(random.Random(1).sample(names, min(sample, len(names))))
        records = [r for r in read_folders(images) if isinstance(r, ImageRecord) and r.source in chosen]
        encoder = Encoder(Bundle(BUNDLE), threads=1)
        cameras = tuple(Camera(door, frozenset({Modality.RGB}), door) for door in DOORS)
        with Gallery.open_or_create(work / "undisturbed", encoder.card, CameraNetwork("many", cameras)) as plain:
            enrol(records, encoder, plain)
            ids = [sighting.id for sighting in plain.sightings()]
            assert len(ids) == len(chosen)
            return float(abs(gallery.embeddings(ids) - plain.embeddings(ids)).max())


def _told(way: str, count: int, taken: float, killers: list[Killer]) -> None:
    assert any(killer.kills for killer in killers) or not any(killer.at for killer in killers), "nobody was killed"
    kills, again = sum(killer.kills for killer in killers), sum(killer.again for killer in killers)
    print(
        f"{way}: {count:,} images in {taken:.0f} s, {count / taken:.0f} a second; {kills} killed, {again} begun again"
    )


WAYS = {"shards": by_shards, "ray": by_ray}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--way", choices=[*WAYS], default="shards")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    images, work = given.folder / "images", given.folder / given.way
    begun = time.monotonic()
    names = draw(images, given.images)
    print(f"drawn in {time.monotonic() - begun:.0f} s")
    whole = WAYS[given.way](images, work, given.images, given.kills, random.Random(given.seed))
    print(f"each there once; a sample's embeddings differ by {check(whole, images, names, work):.2g} at most")


if __name__ == "__main__":
    main()
