"""What the data sets should hold, as published, and what a folder does hold."""

from __future__ import annotations

from dataclasses import dataclass

from rgbir.index.datasets.detect import Benchmark
from rgbir.index.datasets.llcm import LLCM
from rgbir.index.datasets.market import Market1501
from rgbir.index.datasets.regdb import SPLITS, RegDB
from rgbir.index.datasets.sysu_mm01 import CAMERAS, SysuMM01

_SYSU = {
    "train": (296, (4721, 5753, 5929, 4821, 4989, 4000)),
    "val": (99, (0, 0, 1980, 990, 984, 0)),
    "test": (96, (1374, 1565, 1883, 1918, 1918, 1920)),
}
SYSU_MM01 = {f"{of} identities": people for of, (people, _) in _SYSU.items()} | {
    f"{of} cam{camera} images": images
    for of, (_, by_camera) in _SYSU.items()
    for camera, images in zip(CAMERAS, by_camera, strict=True)
}
REGDB_SPLIT = {
    **{f"{part} {kind} images": 2060 for part in ("train", "test") for kind in ("visible", "thermal")},
    "train identities": 206,
    "test identities": 206,
}
LLCM_COUNTS = {
    "train vis images": 16946, "train nir images": 13975, "train identities": 713,
    "test vis images": 8680, "test nir images": 7166, "test identities": 351,
}  # fmt: skip
MARKET_1501 = {
    "train files": 12936, "train identities": 751, "query files": 3368, "query identities": 750,
    "gallery files": 19732, "gallery identities": 750, "junk": 3819, "distractors": 2798,
}  # fmt: skip
DUKEMTMC_REID = {
    "train files": 16522, "train identities": 702, "query files": 2228, "query identities": 702,
    "gallery files": 17661, "junk": 0, "distractors": 0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Count:
    """Something that is counted: found, and published if it was."""

    what: str
    found: int
    published: int | None

    @property
    def differs(self) -> bool:
        return self.published is not None and self.found != self.published


def counted(data: Benchmark) -> list[Count]:
    """Counts a folder, all of RegDB's splits included.

    Raises:
        BadDataset: the folder breaks a promise of its layout.
    """
    match data:
        case SysuMM01():
            found = {f"{of} identities": len(data.identities(of)) for of in ("train", "val", "test")}
            for of in ("train", "val", "test"):
                found |= {f"{of} cam{camera} images": n for camera, n in data.count(of).items()}
            expected = SYSU_MM01
        case RegDB():
            found = {f"split {s}: {what}": n for s in SPLITS for what, n in data.count(s).items()}
            expected = {f"split {s}: {what}": n for s in SPLITS for what, n in REGDB_SPLIT.items()}
        case LLCM():
            found, expected = data.count(), LLCM_COUNTS
        case Market1501():
            found = data.count()
            expected = DUKEMTMC_REID if data.network.name == "dukemtmc-reid" else MARKET_1501
    return [Count(what, n, expected.get(what)) for what, n in found.items()]
