"""The data sets that are known, and which of them a folder holds."""

from __future__ import annotations

from pathlib import Path

from rgbir.index.cameras import CameraNetwork
from rgbir.index.datasets.bupt import BUPTCampus
from rgbir.index.datasets.cuhk_sysu import CuhkSysu
from rgbir.index.datasets.dataset import DataSet
from rgbir.index.datasets.footage import SyntheticFootage
from rgbir.index.datasets.frames import FrameSet
from rgbir.index.datasets.llcm import LLCM
from rgbir.index.datasets.market import Market1501
from rgbir.index.datasets.own import OwnPictures
from rgbir.index.datasets.people import PeopleLists
from rgbir.index.datasets.protocol import Protocol
from rgbir.index.datasets.prw import Prw
from rgbir.index.datasets.regdb import RegDB
from rgbir.index.datasets.sysu_mm01 import SysuMM01
from rgbir.index.datasets.vcm import HitszVcm
from rgbir.index.errors import BadDataset, UsageError
from rgbir.index.words import listed

DATA_SETS: tuple[type[DataSet], ...] = (
    SysuMM01,
    RegDB,
    LLCM,
    Market1501,
    HitszVcm,
    BUPTCampus,
)
LAYOUTS: dict[str, type[DataSet]] = {kind.layout: kind for kind in DATA_SETS}
FRAME_SETS: tuple[type[FrameSet], ...] = (
    CuhkSysu,
    Prw,
    SyntheticFootage,
)
SEARCHES = tuple(dict.fromkeys(protocol for kind in FRAME_SETS for protocol in kind.protocols))
"""Protocols of full frames, where people have to be found first."""
MEASURED: tuple[type[DataSet], ...] = (*DATA_SETS, OwnPictures)
PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for kind in MEASURED for protocol in kind.protocols}
ROOT = (
    f"The root of {listed([name for kind in DATA_SETS for name in kind.names], 'or')}; with --network your own pictures: a"
    " folder <camera>/<identity>/…, or a table."
)
"""For the help of options."""
FRAMES_ROOT = f"Full frames: the root of {listed([kind.name for kind in FRAME_SETS], 'or')}."
"""For the help of commands that take them, too."""


def frame_set(root: Path) -> FrameSet | None:
    """The data set of full frames in that folder, known by the files inside; None if there is none."""
    kinds = (kind for kind in FRAME_SETS for sign in kind.signs if (root / sign).is_file())
    return next((kind(root) for kind in kinds), None)


def recognised(root: Path) -> type[DataSet] | None:
    """The kind of the data set whose folders lie there, if any."""
    return next((kind for kind in DATA_SETS for sign in kind.signs if (root / sign).exists()), None)


def is_known(root: Path) -> bool:
    """Whether all folders of a known data set's root lie there; a site may have a camera called cam1, too."""
    kind = recognised(root)
    return kind is not None and all((root / name).is_dir() for name in kind.folders)


def open_data_set(root: Path, network: str | Path | None = None, people: Path | PeopleLists | None = None) -> DataSet:
    """The data set in that folder, known by the folders inside; or a site's own pictures, in a folder or a table.

    Args:
        root: a data set's root; of own pictures the folder of cameras' folders, or the table.
        network: of own pictures: their cameras, as `CameraNetwork.read` takes them.
        people: of own pictures: who is trained on and who is tested, or where that is written down.

    Raises:
        BadDataset: none of them, or its layout is broken.
        UsageError: own pictures without a network, or a known data set with one.
    """
    kind = recognised(root)
    if network is not None:
        if kind is not None and is_known(root):
            raise UsageError(
                f"{root} holds {kind.names[0]}, which says its cameras and lists itself: --network has no effect; leave it out"
            )
        lists = PeopleLists.read(people) if isinstance(people, Path) else people
        return OwnPictures(root, CameraNetwork.read(network), lists)
    if people is not None:
        raise UsageError("--people names lists of your own pictures; give their --network too, or leave it out")
    if kind is not None:
        return kind(root)
    if (frames := frame_set(root)) is not None:
        raise BadDataset(
            f"{root} holds {frames.name}, full frames in which people have to be found first; `rgbir evaluate --protocol"
            f" {frames.protocols[0]}` measures a model and a detector on it"
        )
    alternative = "with --network FILE your own pictures are read, <camera>/<identity>/…/image.jpg or a table"
    if root.is_file():
        raise BadDataset(f"{root} is a file; expected the root of a data set, or {alternative}")
    if not root.is_dir():
        raise BadDataset(f"{root} is not a folder; expected the root of a data set")
    known = [f"{kind.holds} ({', '.join(kind.names)})" for kind in DATA_SETS]
    raise BadDataset(f"{root} holds no data set that is known here; expected {listed(known, 'or')}; {alternative}")
