"""Drawing 2: the same pixels in every process, on every processor, whatever the number of workers."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rgbir.index.synthetic.drawing2.cameras import SYSU
from rgbir.index.synthetic.drawing2.frozen import IMAGES, PEOPLE, SHEETS, digest
from rgbir.index.synthetic.drawing2.llcm import shots
from rgbir.index.synthetic.drawing2.picture import sheet
from rgbir.index.synthetic.drawing2.regdb import pairs
from rgbir.index.synthetic.drawing2.sysu import write_sysu
from rgbir.index.synthetic.drawing2.world import World
from rgbir.index.synthetic.folder import Split

OLD = "X86_V3 X86_V4 AVX512_ICL AVX512_SPR"
"""NumPy's names of what a processor without AVX2 lacks."""
PROGRAM = """
import sys
from rgbir.index.synthetic.drawing2.cameras import SYSU
from rgbir.index.synthetic.drawing2.frozen import digest
from rgbir.index.synthetic.drawing2.picture import sheet
from rgbir.index.synthetic.drawing2.world import World
first, last, images = map(int, sys.argv[1:])
print(digest(sheet(World(0), SYSU, range(first, last), images)))
"""


def elsewhere(people: range, images: int, switched_off: str) -> str:
    """The hash of a sheet that is drawn in a new process, whose NumPy doesn't use some of the processor."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(people.start), str(people.stop), str(images)],
        env={**os.environ, "NPY_DISABLE_CPU_FEATURES": switched_off},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_the_sheet_is_the_frozen_one() -> None:
    assert digest(sheet(World(0), SYSU, PEOPLE, IMAGES)) == SHEETS["sysu"]


@pytest.mark.slow
def test_the_sheets_of_the_other_layouts_are_the_frozen_ones() -> None:
    assert digest(pairs(World(0), PEOPLE, IMAGES)) == SHEETS["regdb"]
    assert digest(shots(World(0), PEOPLE, IMAGES)) == SHEETS["llcm"]


@pytest.mark.skipif("X86_V3" not in str(np.show_config("dicts")), reason="NumPy has no kernels for AVX2 here")
def test_a_processor_without_avx2_draws_the_same_pixels() -> None:
    people = range(5, 8)

    assert elsewhere(people, 1, OLD) == digest(sheet(World(0), SYSU, people, 1))


@pytest.mark.slow
@pytest.mark.parametrize("switched_off", ["", "AVX512_ICL AVX512_SPR X86_V4", OLD])
def test_the_whole_sheet_is_the_frozen_one_in_new_processes(switched_off: str) -> None:
    assert elsewhere(PEOPLE, IMAGES, switched_off) == SHEETS["sysu"]


def files(root: Path) -> dict[str, str]:
    every = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in every}


def test_workers_don_t_change_a_byte(tmp_path: Path) -> None:
    for workers in (1, 3):
        write_sysu(tmp_path / str(workers), World(4), Split(2, 0, 1), 2, workers=workers)

    assert files(tmp_path / "1") == files(tmp_path / "3")
    assert len(files(tmp_path / "1")) > 20


def test_pictures_are_counted_in_float32_throughout() -> None:
    from rgbir.index.synthetic.drawing2.light import lit
    from rgbir.index.synthetic.drawing2.scene import frame_of
    from rgbir.index.synthetic.drawing2.streams import Key

    for camera in SYSU:
        key = Key(0, 3, camera.number, 1)
        frame = frame_of(World(0), camera, key, 0, 0)
        assert frame.main.canvas.values.dtype == np.float32
        assert lit(frame, camera, 0, key, 0, 200).dtype == np.float32
