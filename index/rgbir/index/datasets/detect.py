"""Which data set a folder holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from rgbir.index.cameras import Modality
from rgbir.index.datasets.llcm import LLCM
from rgbir.index.datasets.market import Market1501
from rgbir.index.datasets.records import ImageRecord
from rgbir.index.datasets.regdb import RegDB
from rgbir.index.datasets.sysu_mm01 import INFRARED, VISIBLE, List, SysuMM01
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


def benchmark_images(
    data: Benchmark, modality: Literal["rgb", "ir", "both"] = "both", of: List = "test", split: int = 1
) -> Iterator[ImageRecord]:
    """The images that a protocol asks for or shows, of these modalities.

    Args:
        of: SYSU-MM01's list of identities.
        split: RegDB's.
    """
    wanted = {"rgb": [Modality.RGB], "ir": [Modality.IR], "both": list(Modality)}[modality]
    for one in wanted:
        match data:
            case SysuMM01():
                yield from data.records(of, VISIBLE if one is Modality.RGB else INFRARED)
            case RegDB():
                yield from data.records(split, "test", one)
            case LLCM():
                yield from data.test(one)
            case Market1501():
                yield from data.records("gallery") if one is Modality.RGB else ()


def recognised(root: Path) -> type[Benchmark] | None:
    """The reader of the data set whose folders lie there, if any."""
    return next((reader for sign, reader in _SIGNS if (root / sign).is_dir()), None)


def open_benchmark(root: Path) -> Benchmark:
    """The data set in that folder, known by the folders inside.

    Raises:
        BadDataset: none of them, or its layout is broken.
    """
    if (reader := recognised(root)) is not None:
        return reader(root)
    if not root.is_dir():
        raise BadDataset(f"{root} is not a folder; expected the root of a data set")
    known = "cam1 … cam6 and exp (SYSU-MM01), Visible, Thermal and idx (RegDB), test_vis, test_nir and idx (LLCM),"
    raise BadDataset(
        f"{root} holds no data set that is known here; expected {known} or bounding_box_train, bounding_box_test and query"
        " (Market-1501, DukeMTMC-reID)"
    )
