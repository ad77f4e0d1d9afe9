"""Synthetic people: the same everywhere, told apart by more than a colour."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from tests.waiting import HANGS_AFTER_S, until

from rgbir.index import Modality, RegDB, SysuMM01, UsageError, decode, read_bytes
from rgbir.index.synthetic import Split, synthesize
from rgbir.index.synthetic.drawing1.covers import covers
from rgbir.index.synthetic.drawing1.girths import girths
from rgbir.index.synthetic.drawing1.parts import LIMBS, TRUNK
from rgbir.index.synthetic.drawing1.people import Bag, Bottom, Hair, Hat, Top, person
from rgbir.index.synthetic.drawing1.regdb import synthesize_regdb
from rgbir.index.synthetic.drawing1.skeleton import Pose, joints


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_in_one_process_and_in_many(tmp_path: Path) -> None:
    synthesize(tmp_path / "one", Split(1, 1, 1), images=2, seed=3, workers=1)
    synthesize(tmp_path / "many", Split(1, 1, 1), images=2, seed=3, workers=2)

    assert digests(tmp_path / "one") == digests(tmp_path / "many")


@pytest.mark.slow
def test_another_seed_gives_other_people(tmp_path: Path) -> None:
    synthesize(tmp_path / "a", Split(0, 0, 1), images=1, seed=1, workers=1)
    synthesize(tmp_path / "b", Split(0, 0, 1), images=1, seed=2, workers=1)

    a, b = digests(tmp_path / "a"), digests(tmp_path / "b")
    assert not [name for name in a if name.endswith(".jpg") and a[name] == b[name]]


def test_the_table_of_parts_names_every_joint_girth_and_cover_and_only_things_that_are_worn() -> None:
    who = person(seed=0, identity=1)
    skeleton = joints(who, Pose(0.0, 0.0, 0.0, 0.0), girths(who))
    limbs, trunk = ([end for part in table for end in (part.top, part.bottom)] for table in (LIMBS, TRUNK))

    assert {end.joint for end in limbs} == set(skeleton[-1]) == set(skeleton[1])
    assert {end.joint for end in trunk} == set(skeleton[0])
    assert {end.girth for end in limbs + trunk} == set(girths(who))
    assert {part.cover for part in LIMBS + TRUNK} == set(covers(who, skeleton[0]))
    kinds = {kind for choices in (Top, Bottom, Hair, Hat, Bag) for kind in get_args(choices)}
    assert {name for part in LIMBS + TRUNK for name in part.worn} <= kinds | {"belt", "hood", "scarf"}


def test_infrared_pictures_have_three_equal_channels_and_colour_pictures_do_not(people: SysuMM01) -> None:
    for record in people.records("test"):
        image = np.asarray(decode(read_bytes(record.path)), np.int64)
        spread = (image.max(axis=2) - image.min(axis=2)).mean()
        assert (spread < 1) == (record.camera in "36")


def test_crops_are_tall_and_vary_in_size(people: SysuMM01) -> None:
    sizes = {decode(read_bytes(record.path)).size for record in people.records("test")}
    ratios = [height / width for width, height in sizes]

    assert len(sizes) > 20
    assert min(ratios) > 2
    assert max(ratios) < 3.2


@pytest.mark.slow
def test_mean_colour_alone_does_not_find_a_person_across_modalities(tmp_path: Path) -> None:
    synthesize(tmp_path / "p", Split(0, 0, 16), images=2, seed=4, workers=1)
    data = SysuMM01(tmp_path / "p")

    def mean(record_path: Path) -> float:
        return float(np.asarray(decode(read_bytes(record_path)).convert("L")).mean())

    gallery = [(record.identity, mean(record.path)) for record in data.records("test", (1,))]
    hits = 0
    probes = list(data.records("test", (6,)))
    for probe in probes:
        value = mean(probe.path)
        hits += min(gallery, key=lambda row: abs(row[1] - value))[0] == probe.identity
    assert hits / len(probes) < 0.35  # chance is 1/16


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="is not empty"):
        synthesize(tmp_path, Split(0, 0, 1), images=1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_regdbs_layout_has_ten_splits_and_can_be_drawn_again(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert synthesize_regdb(tmp_path / name, 4, images=2, seed=3, workers=1) == 16
    data = RegDB(tmp_path / "a")
    assert [set(data.count(split).values()) for split in range(1, 11)] == [{4, 2}] * 10
    assert len({frozenset(r.identity for r in data.records(s, "train", Modality.RGB)) for s in range(1, 11)}) > 2
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)
    with pytest.raises(UsageError, match="draw an even number of people, not 3"):
        synthesize_regdb(tmp_path / "c", 3)


@pytest.mark.parametrize("layout", [["--drawing", "1"], ["--size", "small"], ["--layout", "footage"]])
def test_a_drawing_whose_process_is_killed_ends_with_its_reason(tmp_path: Path, layout: list[str]) -> None:
    program = "from rgbir.client.cli import main; main()"
    words = ["synthesize", str(tmp_path / "drawn"), "--workers", "2", *layout]
    with subprocess.Popen([sys.executable, "-c", program, *words], stderr=subprocess.PIPE, text=True) as drawing:
        try:
            until(lambda: len(drawing_processes(drawing.pid)) == 2, "the processes that draw")
            os.kill(drawing_processes(drawing.pid)[0], signal.SIGKILL)
            _, words_of_error = drawing.communicate(timeout=HANGS_AFTER_S)
        finally:
            drawing.kill()
    assert drawing.returncode == 1
    assert "one of the processes that draw ended: it was killed" in words_of_error


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_processes_that_draw_end_with_the_one_that_began_them(tmp_path: Path, number: signal.Signals) -> None:
    program = "from rgbir.client.cli import main; main()"
    words = ["synthesize", str(tmp_path / "drawn"), "--workers", "2", "--size", "small"]
    with subprocess.Popen([sys.executable, "-c", program, *words]) as drawing:
        try:
            until(lambda: len(drawing_processes(drawing.pid)) == 2, "the processes that draw")
            begun = drawing_processes(drawing.pid)
            drawing.send_signal(number)
            drawing.wait(HANGS_AFTER_S)
        finally:
            drawing.kill()
    until(lambda: not any(is_running(process) for process in begun), "the end of the processes that draw")


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def drawing_processes(parent: int) -> list[int]:
    """The children of a process that are no helpers of Python's."""
    children = map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())
    return [child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
