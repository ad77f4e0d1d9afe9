"""Synthetic footage as a data set of full frames: infrared queries, and frames of cameras in colour."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import Modality
from rgbir.index.datasets.frames import Frame, FrameSet, Wanted
from rgbir.index.datasets.text import opened
from rgbir.index.errors import BadDataset
from rgbir.index.words import listed

LEAST_VISIBLE, LEAST_HEIGHT = 0.5, 60
"""Who is to be found in a frame: of whom half is seen at least, in a box of so many pixels."""
TRUTH = ("camera", "frame", "identity", "left", "top", "right", "bottom", "visible")
FRAMES = ("camera", "frame", "modality")


class SyntheticFootage(FrameSet):
    """What `rgbir synthesize --layout footage` draws: no real person, and numbers that say nothing about real footage.

    No data set with full frames in both modalities is known to us, so this is the only test of finding and recognising
    people at once across modalities.

    Layout on disk:
        `<camera>/<number, 6 digits>.jpg`, `frames.csv` (camera, frame, modality, of each picture) and `truth.csv` (camera,
        frame, identity, left, top, right, bottom, visible, of each person in each picture).

    Counts (as `counts` computes them for any folder):
        Those of the seed that it was drawn with.

    Protocol:
        `person-search`: a query for each person and camera that films in infrared, the box of which most is seen; of equal
        ones the largest, then the first. The gallery is every frame in colour, of other cameras. A frame shows a person
        whose box is 60 pixels high and of whom half is seen; frames that show less of them than that are left out of their
        gallery, since finding them there is neither right nor wrong.

    Raises:
        BadDataset: the folder isn't its root.
    """

    name: ClassVar = "synthetic footage"
    signs: ClassVar = ("truth.csv",)
    holds: ClassVar = "truth.csv, frames.csv and a folder of numbered frames for each camera"

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        return tuple(frame for frame, _ in self._read)

    @property
    def gallery(self) -> NDArray[np.int64]:
        """Numbers of the frames in colour, int64 (n,), ascending."""
        return np.flatnonzero([frame.modality is Modality.RGB for frame in self.frames])

    def wanted(self, protocol: str, size: int | None = None) -> list[Wanted]:
        best: dict[tuple[int, str], tuple[float, float, int, int]] = {}
        everywhere: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for number, (frame, visible) in enumerate(self._read):
            for box, identity in enumerate(frame.identities.tolist()):
                if not visible[box]:
                    continue
                everywhere[identity].append((number, box))
                if frame.modality is Modality.IR and _clear(frame.boxes[box], visible[box]):
                    seen = (float(visible[box]), _area(frame.boxes[box]), -number, -box)
                    best[identity, frame.camera] = max(best.get((identity, frame.camera), seen), seen)
        in_colour = self.gallery
        queries = []
        for (identity, camera), (_, _, number, box) in sorted(best.items()):
            shown, unsure = dict[int, NDArray[np.float64]](), set[int]()
            for other, place in everywhere[identity]:
                frame, visible = self._read[other]
                if _clear(frame.boxes[place], visible[place]):
                    shown[other] = frame.boxes[place]
                else:
                    unsure.add(other)
            searched = [n for n in in_colour.tolist() if self.frames[n].camera != camera and n not in unsure]
            there = {other: shown[other] for other in searched if other in shown}
            query = self.frames[-number].boxes[-box]
            queries.append(Wanted(-number, query, np.array(searched, np.int64), there))
        if not queries:
            raise BadDataset(f"{self.root}: nobody is seen clearly in infrared, so there is nobody to search for")
        return queries

    def remarks(self) -> list[str]:
        return ["this footage is synthetic: its numbers say nothing about real footage"]

    @cached_property
    def _read(self) -> list[tuple[Frame, NDArray[np.float64]]]:
        """The frames, and how much of each of their people is seen."""
        people: dict[tuple[str, int], list[list[float]]] = defaultdict(list)
        for row in _rows(self.root / "truth.csv", TRUTH):
            people[row[0], int(row[1])].append([float(cell) for cell in row[2:]])
        frames = []
        for camera, number, modality in _rows(self.root / "frames.csv", FRAMES):
            if modality not in list(Modality):
                raise BadDataset(f"{self.root / 'frames.csv'}: modality is rgb or ir, not {modality!r}")
            rows = np.array(people.pop((camera, int(number)), []), np.float64).reshape(-1, 6)
            source = f"{camera}/{int(number):06d}.jpg"
            frame = Frame(
                self.root / source, source, camera, Modality(modality), rows[:, 1:5], rows[:, 0].astype(np.int64)
            )
            frames.append((frame, rows[:, 5]))
        if people:
            camera, nowhere = next(iter(people))
            raise BadDataset(f"{self.root}: truth.csv has frame {nowhere} of {camera}, and frames.csv hasn't")
        return frames


def _clear(box: NDArray[np.float64], visible: float) -> bool:
    return bool(visible >= LEAST_VISIBLE and box[3] - box[1] >= LEAST_HEIGHT)


def _area(box: NDArray[np.float64]) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def _rows(file: Path, columns: Sequence[str]) -> Iterator[list[str]]:
    """These columns of a table; all but camera and modality are numbers.

    Raises:
        BadDataset: no such file, a column is missing, or a cell isn't a number.
    """
    if not file.is_file():
        raise BadDataset(f"{file} is not there; expected synthetic footage with {SyntheticFootage.holds}")
    with opened(file, newline="") as lines:
        table = csv.DictReader(lines)
        if missing := [name for name in columns if name not in (table.fieldnames or ())]:
            raise BadDataset(f"{file}: the header misses {listed(missing)}; expected {listed(columns)}")
        for row in table:
            cells = [(row[name] or "").strip() for name in columns]
            for name, cell in zip(columns, cells, strict=True):
                if name not in ("camera", "modality") and not _is_number(cell, whole=name in ("frame", "identity")):
                    raise BadDataset(f"{file} line {table.line_num}: {name} is a number, not {cell!r}")
            yield cells


def _is_number(cell: str, *, whole: bool) -> bool:
    try:
        number = int(cell) if whole else float(cell)
    except ValueError:
        return False
    return bool(np.isfinite(number) and number >= 0)
