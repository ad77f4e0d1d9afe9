"""Which data set a folder holds."""

from __future__ import annotations

from pathlib import Path

from rgbir.index.datasets.llcm import LLCM
from rgbir.index.datasets.market import Market1501
from rgbir.index.datasets.regdb import RegDB
from rgbir.index.datasets.sysu_mm01 import SysuMM01
from rgbir.index.errors import BadDataset

Benchmark = SysuMM01 | RegDB | LLCM | Market1501
_SIGNS: tuple[tuple[str, type[SysuMM01] | type[RegDB] | type[LLCM] | type[Market1501]], ...] = (
    ("cam1", SysuMM01),
    ("Visible", RegDB),
    ("test_vis", LLCM),
    ("bounding_box_test", Market1501),
    ("Market-1501-v15.09.15", Market1501),
    ("DukeMTMC-reID", Market1501),
)


def open_benchmark(root: Path) -> Benchmark:
    """The data set in that folder, known by the folders inside.

    Raises:
        BadDataset: none of them, or its layout is broken.
    """
    for sign, reader in _SIGNS:
        if (root / sign).is_dir():
            return reader(root)
    if not root.is_dir():
        raise BadDataset(f"{root} is not a folder; expected the root of a data set")
    known = "cam1 … cam6 and exp (SYSU-MM01), Visible, Thermal and idx (RegDB), test_vis, test_nir and idx (LLCM),"
    raise BadDataset(
        f"{root} holds no data set that is known here; expected {known} or bounding_box_train, bounding_box_test and query"
        " (Market-1501, DukeMTMC-reID)"
    )
