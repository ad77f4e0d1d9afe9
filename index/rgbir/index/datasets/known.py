"""The data sets that are known, and which of them a folder holds."""

from __future__ import annotations

from pathlib import Path

from rgbir.index.datasets.dataset import DataSet
from rgbir.index.datasets.llcm import LLCM
from rgbir.index.datasets.market import Market1501
from rgbir.index.datasets.protocol import Protocol
from rgbir.index.datasets.regdb import RegDB
from rgbir.index.datasets.sysu_mm01 import SysuMM01
from rgbir.index.errors import BadDataset
from rgbir.index.words import listed

DATA_SETS: tuple[type[DataSet], ...] = (
    SysuMM01,
    RegDB,
    LLCM,
    Market1501,
)
LAYOUTS: dict[str, type[DataSet]] = {kind.layout: kind for kind in DATA_SETS}
PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for kind in DATA_SETS for protocol in kind.protocols}
ROOT = f"The root of {listed([name for kind in DATA_SETS for name in kind.names], 'or')}."
"""For the help of options."""


def recognised(root: Path) -> type[DataSet] | None:
    """The kind of the data set whose folders lie there, if any."""
    return next((kind for kind in DATA_SETS for sign in kind.signs if (root / sign).is_dir()), None)


def open_data_set(root: Path) -> DataSet:
    """The data set in that folder, known by the folders inside.

    Raises:
        BadDataset: none of them, or its layout is broken.
    """
    if (kind := recognised(root)) is not None:
        return kind(root)
    if not root.is_dir():
        raise BadDataset(f"{root} is not a folder; expected the root of a data set")
    known = [f"{kind.holds} ({', '.join(kind.names)})" for kind in DATA_SETS]
    raise BadDataset(f"{root} holds no data set that is known here; expected {listed(known, 'or')}")
