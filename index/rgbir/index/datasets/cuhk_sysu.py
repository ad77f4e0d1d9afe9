"""CUHK-SYSU: people to be found in full frames of streets and films."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import Modality
from rgbir.index.datasets.frames import Frame, FrameSet, Searched, Wanted, corners, matlab, text
from rgbir.index.errors import BadDataset

SIZES = (100, 50, 500, 1000, 2000, 4000)


class CuhkSysu(FrameSet):
    """The data set in its published layout.

    Reference:
        Xiao et al., "Joint Detection and Identification Feature Learning for Person Search", CVPR 2017. What is right is as
        in the release of SeqNet: Li, Miao, "Sequential End-to-end Network for Efficient Person Search", AAAI 2021.

    Layout on disk:
        `Image/SSM/<name>.jpg`; `annotation/Images.mat` (each picture with its boxes as left, top, width, height),
        `annotation/pool.mat` (the test's pictures), `annotation/test/train_test/TestG{50,100,500,1000,2000,4000}.mat` (each
        query with its gallery, and the person's box where a picture shows them).

    Counts (as `counts` computes them for any folder):
        None are compared; boxes without width or height aren't read.

    Protocol:
        `person-search`: each query has a gallery of its own, of 100 pictures unless `--gallery-size` says otherwise. The
        query's picture is never in it.

    Raises:
        BadDataset: the folder isn't its root.
    """

    name: ClassVar = "CUHK-SYSU"
    signs: ClassVar = ("annotation/Images.mat",)
    holds: ClassVar = "Image/SSM and annotation"
    sizes: ClassVar = SIZES
    published: ClassVar = (Searched("SeqNet", 94.8, 95.7),)

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        boxes: dict[str, NDArray[np.float64]] = {}
        for picture in np.ravel(matlab(self.root / "annotation" / "Images.mat", "Img")):
            rows = [np.ravel(box[0]) for box in np.ravel(picture[2])]
            all_of_it = np.trunc(np.array(rows, np.float64).reshape(-1, 4))
            boxes[text(picture[0])] = all_of_it[(all_of_it[:, 2:] > 0).all(axis=1)]
        names = [text(cell) for cell in np.ravel(matlab(self.root / "annotation" / "pool.mat", "pool"))]
        if unknown := [name for name in names if name not in boxes]:
            raise BadDataset(f"{self.root}: pool.mat names {unknown[0]}, which Images.mat doesn't have")
        return tuple(
            Frame(
                self.root / "Image" / "SSM" / name, name, "", Modality.RGB,
                corners(boxes[name]), np.full(len(boxes[name]), -1, np.int64),
            )
            for name in names
        )  # fmt: skip

    def wanted(self, protocol: str, size: int | None = None) -> list[Wanted]:
        name = f"TestG{size or SIZES[0]}"
        file = self.root / "annotation" / "test" / "train_test" / f"{name}.mat"
        return [self._wanted(entry, str(file)) for entry in np.ravel(matlab(file, name))]

    def _wanted(self, entry: Any, where: str) -> Wanted:
        query = np.ravel(entry["Query"])[0]
        asked = self._number(text(query["imname"]), where)
        box = corners(_whole(query["idlocate"])[None])[0]
        gallery, shown = list[int](), dict[int, NDArray[np.float64]]()
        for picture in np.ravel(entry["Gallery"]):
            number, place = self._number(text(picture[0]), where), _whole(picture[1])
            if number == asked:
                continue
            gallery.append(number)
            if place.size:
                shown.setdefault(number, corners(place[None])[0])
        return Wanted(asked, box, np.array(list(dict.fromkeys(gallery)), np.int64), shown)

    def _number(self, name: str, where: str) -> int:
        if name not in self.numbers:
            raise BadDataset(f"{where}: names {name}, which pool.mat doesn't have")
        return self.numbers[name]


def _whole(cell: Any) -> NDArray[np.float64]:
    """Left, top, width and height, float64 (4,), without fractions; or nothing, (0,)."""
    return np.trunc(np.ravel(cell).astype(np.float64))
