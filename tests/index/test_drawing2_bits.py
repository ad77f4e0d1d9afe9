"""Drawing 2: the same pixels in every process, on every processor, whatever the number of workers."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.conftest import ROOT

from rgbir.index.synthetic.drawing2.cameras import SYSU
from rgbir.index.synthetic.drawing2.frozen import IMAGES, PEOPLE, SHEETS, digest
from rgbir.index.synthetic.drawing2.light import lit
from rgbir.index.synthetic.drawing2.llcm import POSTS, shots
from rgbir.index.synthetic.drawing2.picture import sheet
from rgbir.index.synthetic.drawing2.regdb import Pair, pairs
from rgbir.index.synthetic.drawing2.scene import frame_of
from rgbir.index.synthetic.drawing2.sensor import Motion, sensed
from rgbir.index.synthetic.drawing2.streams import Key
from rgbir.index.synthetic.drawing2.sysu import write_sysu
from rgbir.index.synthetic.drawing2.thermal import thermal_sensed, warmth
from rgbir.index.synthetic.drawing2.world import World
from rgbir.index.synthetic.folder import Split

NEWEST = "AVX512_ICL AVX512_SPR"
"""Features of processors that NumPy's kernels may use, by NumPy's names, which were others before NumPy 2.4."""
WITHOUT = {
    "AVX-512": f"X86_V4 {NEWEST} AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL",
    "AVX2": f"X86_V3 X86_V4 {NEWEST} AVX2 FMA3 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL",
}
LAYOUTS: dict[str, Callable[[range, int], list[NDArray[np.uint8]]]] = {
    "sysu": lambda people, images: sheet(World(0), SYSU, people, images),
    "regdb": lambda people, images: pairs(World(0), people, images),
    "llcm": lambda people, images: shots(World(0), people, images),
}


def unrounded(people: range, images: int) -> list[NDArray[np.uint8]]:
    """The bytes of light on the sensor, by day, at dusk and under lamps, and of degrees, before anything is rounded to 8 bits."""
    arrays = []
    for number in people:
        for camera in (*SYSU, POSTS[0].colour):
            key = Key(0, number, camera.number, 1)
            frame = frame_of(World(0), camera, key, 0, 0)
            light = lit(frame, camera, 0, key, 0, 200)
            arrays += [light, sensed(light, frame.box, 200, camera, Motion(0.03, frame.pixels_m), key.stream("noise"))]
        pair = Pair(World(0), number)
        scene = pair._scene(0, thermal=True)
        degrees = warmth(scene, pair.under, pair.key, 0, 200, True)
        arrays += [degrees, thermal_sensed(degrees, scene, 100, pair.key, pair.key.stream("noise"))]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
    return [np.ascontiguousarray(array).view(np.uint8) for array in arrays]


DRAWN = LAYOUTS | {"unrounded": unrounded}
PROGRAM = """
import sys
from numpy._core._multiarray_umath import __cpu_features__ as has
from tests.index.test_drawing2_bits import DRAWN, digest
layout, first, last, images, *off = sys.argv[1:]
used = [name for name in off if has[name]]
assert not used, f"NumPy still uses {used}"
print(digest(DRAWN[layout](range(int(first), int(last)), int(images))))
"""


def dispatched(names: str) -> list[str]:
    """Those of the features that this NumPy chooses its kernels by, and that this processor has."""
    return [name for name in names.split() if name in np.show_config("dicts")["SIMD Extensions"].get("found", ())]


def elsewhere(layout: str, people: range, images: int, lacking: str) -> str:
    """The hash of a sheet that is drawn in a new process, whose NumPy doesn't use some of the processor."""
    off = dispatched(lacking)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, layout, str(people.start), str(people.stop), str(images), *off],
        env={**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(off)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.slow
def test_the_sheet_is_the_frozen_one() -> None:
    assert digest(LAYOUTS["sysu"](PEOPLE, IMAGES)) == SHEETS["sysu"]


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["regdb", "llcm"])
def test_the_sheets_of_the_other_layouts_are_the_frozen_ones(layout: str) -> None:
    assert digest(LAYOUTS[layout](PEOPLE, IMAGES)) == SHEETS[layout]


@pytest.mark.skipif(not dispatched(WITHOUT["AVX2"]), reason="this NumPy has no kernels here that can be switched off")
@pytest.mark.parametrize("drawn", ["unrounded", "regdb"])
@pytest.mark.slow
def test_a_processor_without_avx2_draws_the_same_pixels(drawn: str) -> None:
    people = range(5, 7)

    assert elsewhere(drawn, people, 1, WITHOUT["AVX2"]) == digest(DRAWN[drawn](people, 1))


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("lacking", ["", *WITHOUT.values()], ids=["nothing", *WITHOUT])
def test_the_whole_sheet_is_the_frozen_one_in_new_processes(layout: str, lacking: str) -> None:
    assert elsewhere(layout, PEOPLE, IMAGES, lacking) == SHEETS[layout]


def files(root: Path) -> dict[str, str]:
    every = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in every}


@pytest.mark.slow
def test_workers_don_t_change_a_byte(tmp_path: Path) -> None:
    for workers in (1, 3):
        write_sysu(tmp_path / str(workers), World(4), Split(2, 0, 1), 2, workers=workers)

    assert files(tmp_path / "1") == files(tmp_path / "3")
    assert len(files(tmp_path / "1")) > 20
