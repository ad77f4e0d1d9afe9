"""kill -9 before every step of every operation that changes a gallery: what was acknowledged is there, nothing is there by half.

The model is fed with acknowledgements alone: ids that were enrolled, and erased, before the operation that is killed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.index.test_formats import FORMATS, TRUTH
from tests.index.yard import filled, sightings

from rgbir.index import Gallery, NewSighting, Query
from rgbir.index.gallery.folder.backup import back_up, restore, unfinished_of
from rgbir.index.gallery.folder.place import FILE

ERASED: list[dict[str, Any]] = [{"camera": "a"}, {"identity": 3}, {"track": "t1"}]


def whole(n: int, first: int = 0) -> list[NewSighting]:
    return sightings(n, first, people=5, tracks=3, crop_bytes=300)


RUN = """
import json, shutil, sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from tests.index.test_kills import operation, prepared
from tests.site.kills import Steps, trials
name, variant, root = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
steps = Steps()

def prepare(number):
    return operation(name, variant, prepared(name, variant, root / "template", root / str(number)))

print(json.dumps(trials(prepare, steps)))
"""


def template(name: str, variant: int, root: Path) -> None:
    """What was acknowledged before the operation."""
    folder = root / "gallery"
    with filled(folder, whole(1200 if name == "cache" else 200 if name in ("compact", "erase") else 40)) as gallery:
        if name == "restore":
            back_up(folder, root / "backup")
        gallery.remove(track="t2")
        if name in ("compact", "erase"):
            gallery.save_cache()
            gallery.add(whole(10, 2000))
    if name == "restore":
        shutil.rmtree(folder)
    if name == "opening":  # an older file took the place of one that knew of an erasure
        shutil.copytree(folder, root / "older")
        with Gallery(folder) as gallery:
            gallery.remove(identity=variant)
        shutil.rmtree(folder)
        (root / "older").rename(folder)
    if name == "migrate":
        shutil.rmtree(folder)
        (root / "gallery.erasures").unlink()
        shutil.copytree(FORMATS / str(1 + variant % 3), folder)


def prepared(name: str, variant: int, origin: Path, root: Path) -> Path:
    shutil.copytree(origin, root)
    return root


def operation(name: str, variant: int, root: Path) -> Callable[[], object]:
    """What is killed; everything is open already that it needs."""
    folder = root / "gallery"
    if name == "restore":
        return lambda: restore(root / "backup", folder, [root / "gallery.erasures"])
    if name in ("migrate", "opening"):
        return lambda: Gallery(folder).close()
    gallery = Gallery(folder)
    return {
        "enrol": lambda: gallery.add(whole(3 * (variant + 1), 5000)),
        "erase": lambda: gallery.remove(**ERASED[variant % 3]),
        "compact": gallery.compact,
        "cache": gallery.save_cache,
        "backup": lambda: back_up(folder, root / "copy"),
        "calibrate": gallery.calibrate,
    }[name]


def outcomes(name: str, variant: int, root: Path) -> tuple[set[str], set[str]]:
    """Ids before the operation, and after it, from what was acknowledged."""
    acknowledged = whole(1200 if name == "cache" else 200 if name in ("compact", "erase") else 40)
    if name in ("compact", "erase"):
        acknowledged += whole(10, 2000)
    enrolled = [
        sighting
        for sighting in acknowledged
        if sighting.track != "t2" or sighting.source in {f"{n}.jpg" for n in range(2000, 2010)}
    ]
    before = {sighting.id for sighting in enrolled}
    if name == "migrate":
        before = {sighting[0] for sighting in TRUTH["sightings"]}
        return before, before
    if name == "enrol":
        return before, before | {sighting.id for sighting in whole(3 * (variant + 1), 5000)}
    if name == "erase":
        gone = [
            {sighting.id for sighting in enrolled if sighting.camera == "a"},
            {sighting.id for sighting in enrolled if sighting.identity == 3},
            {sighting.id for sighting in enrolled if sighting.track == "t1"},
        ][variant % 3]
        return before, before - gone
    if name == "opening":
        left = {sighting.id for sighting in enrolled if sighting.identity != variant}
        return left, left
    return before, before


QUICK = ("enrol", "erase", "migrate")
NAMES = [*QUICK, "opening", "restore", "compact", "cache", "backup"]


@pytest.mark.parametrize(
    ("name", "kills"),
    [*((name, 1) for name in QUICK), *(pytest.param(name, 40, marks=pytest.mark.slow) for name in NAMES)],
)
@pytest.mark.slow
def test_killed_before_every_step_nothing_acknowledged_is_lost_and_nothing_erased_comes_back(
    tmp_path: Path, name: str, kills: int
) -> None:
    killed, variant = 0, 0
    while killed < kills:
        root = tmp_path / str(variant)
        (root / "template").mkdir(parents=True)
        template(name, variant, root / "template")
        command = [sys.executable, "-c", RUN, name, str(variant), str(root)]
        ended = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        assert ended[:-1] == [False] * (len(ended) - 1)
        assert ended[-1]
        killed += len(ended) - 1
        before, after = outcomes(name, variant, root)
        for number, over in enumerate(ended, start=1):
            place = root / str(number)
            if name == "restore" and not (place / "gallery" / FILE).exists():
                assert not over
                restore(place / "backup", place / "gallery", [place / "gallery.erasures"])
            with Gallery(place / "gallery") as gallery:
                present = {sighting.id for sighting in gallery.sightings()}
                assert present in ([after] if over else [before, after]), (number, over)
                assert gallery.verify() == []
                if name != "migrate":
                    hits = gallery.search(Query(np.zeros(16, np.float32), cameras=["a", "b"], top_k=5000)).hits
                    assert {hit.id for hit in hits} == present
            if name not in ("restore", "migrate", "opening", "backup"):
                operation(name, variant, place)()
                with Gallery(place / "gallery") as gallery:
                    assert {sighting.id for sighting in gallery.sightings()} == after
            if name == "backup":
                left = [copy for copy in (place / "copy", unfinished_of(place / "copy")) if (copy / FILE).exists()]
                with Gallery(place / "gallery") as gallery:  # whatever an erasure doesn't reach, it names
                    assert not left or (place / "copy") in [Path(copy["path"]) for copy in gallery.backups()], number
                shutil.rmtree(place / "copy", ignore_errors=True)
                assert back_up(place / "gallery", place / "copy").sightings == len(before)
        shutil.rmtree(root)
        variant += 1
    print(f"{name}: {killed} kills, each before another step; acknowledged lost 0, erased back 0")
