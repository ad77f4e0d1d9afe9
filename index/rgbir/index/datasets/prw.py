"""PRW: people to be found in full frames of six cameras on a campus."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import Modality
from rgbir.index.datasets.frames import Frame, FrameSet, Searched, Wanted, corners, matlab, text
from rgbir.index.datasets.text import read_text
from rgbir.index.errors import BadDataset

_CAMERA = re.compile(r"c(\d)")


class Prw(FrameSet):
    """The data set in its published layout.

    Reference:
        Zheng et al., "Person Re-identification in the Wild", CVPR 2017. What is right is as in the release of SeqNet: Li,
        Miao, "Sequential End-to-end Network for Efficient Person Search", AAAI 2021.

    Layout on disk:
        `frames/<name>.jpg`, `annotations/<name>.jpg.mat` (`box_new`, else `anno_file`, else `anno_previous`: rows of
        identity, left, top, width, height; identity -2 is unknown), `frame_train.mat`, `frame_test.mat`, `query_info.txt`
        (identity, left, top, width, height, frame on each line). Negative numbers of a box count as 0.

    Counts (as `counts` computes them for any folder):
        None are compared.

    Protocol:
        `person-search`: the gallery is every test frame but the query's own, as authors do it. `prw-cross`, a rule of this
        project, leaves out all frames of the query's camera.

    Raises:
        BadDataset: the folder isn't its root.
    """

    name: ClassVar = "PRW"
    signs: ClassVar = ("frame_test.mat",)
    holds: ClassVar = "frames, annotations, frame_test.mat and query_info.txt"
    protocols: ClassVar = ("person-search", "prw-cross")
    published: ClassVar = (Searched("SeqNet", 47.6, 87.6),)

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        cells = np.ravel(matlab(self.root / "frame_test.mat", "img_index_test"))
        return tuple(self._frame(f"{text(cell)}.jpg") for cell in cells)

    def wanted(self, protocol: str, size: int | None = None) -> list[Wanted]:
        file = self.root / "query_info.txt"
        if not file.is_file():
            raise BadDataset(f"{file} is not there; expected {self.name}'s root with {self.holds}")
        cameras = np.array([frame.camera for frame in self.frames])
        queries = []
        for number, line in enumerate(read_text(file).splitlines(), start=1):
            if not line.strip():
                continue
            identity, box, name = _query(line, f"{file} line {number}")
            if name not in self.numbers:
                raise BadDataset(f"{file} line {number}: {name} is no frame of frame_test.mat")
            asked = self.numbers[name]
            others = np.arange(len(self.frames)) != asked
            if protocol == "prw-cross":
                others &= cameras != cameras[asked]
            gallery = np.flatnonzero(others)
            shown = {
                frame: self.frames[frame].boxes[places[0]]
                for frame, places in self._places.get(identity, {}).items()
                if others[frame]
            }
            queries.append(Wanted(asked, box, gallery, shown))
        return queries

    @cached_property
    def _places(self) -> dict[int, dict[int, list[int]]]:
        """By identity, and by the frames that show them, which of the frame's boxes are theirs."""
        places: dict[int, dict[int, list[int]]] = {}
        for number, frame in enumerate(self.frames):
            for box, identity in enumerate(frame.identities.tolist()):
                places.setdefault(identity, {}).setdefault(number, []).append(box)
        return places

    def _frame(self, name: str) -> Frame:
        file = self.root / "annotations" / f"{name}.mat"
        rows = matlab(file, "box_new", "anno_file", "anno_previous").astype(np.float64).reshape(-1, 5)
        # As in SeqNet's release: all four numbers are made 0 or more, and then right and bottom are computed.
        boxes = np.trunc(corners(np.maximum(rows[:, 1:], 0)))
        identities = rows[:, 0].astype(np.int64)
        identities[identities == -2] = -1
        return Frame(self.root / "frames" / name, name, _camera(name, file), Modality.RGB, boxes, identities)


def _query(line: str, where: str) -> tuple[int, NDArray[np.float64], str]:
    words = line.split()
    try:
        identity, *numbers = int(words[0]), *map(float, words[1:5])
        if len(words) != 6 or len(numbers) != 4:
            raise ValueError
    except (ValueError, IndexError):
        raise BadDataset(f"{where}: expected `identity left top width height frame`, not {line!r}") from None
    # Here the release computes right and bottom first, and then makes them 0 or more.
    box = np.maximum(np.trunc(corners(np.array([numbers]))), 0)[0]
    return identity, box, f"{words[5].removesuffix('.jpg')}.jpg"


def _camera(name: str, file: Path) -> str:
    match = _CAMERA.search(name)
    if match is None:
        raise BadDataset(f"{file}: expected a name such as c1s1_000151.jpg, whose first number is the camera")
    return match[1]
