"""HITSZ-VCM: tracklets of people whom twelve cameras saw in visible and in infrared light."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal, get_args

from rgbir.index.cameras import Modality
from rgbir.index.datasets.dataset import PLAIN, Count, DataSet, Setting, compared
from rgbir.index.datasets.passed import is_system
from rgbir.index.datasets.protocol import Protocol
from rgbir.index.datasets.records import ImageRecord, Tracklet
from rgbir.index.datasets.task import Task
from rgbir.index.datasets.text import read_text
from rgbir.index.errors import BadDataset

Part = Literal["train", "test"]
SHORTEST, CHOSEN = 12, 6
_OWN = Protocol("vcm", data="HITSZ-VCM", selection="everything", cmc="image", hiding="identity and camera", trials=1)
_EXCHANGED = replace(_OWN, name="vcm-rgb-to-ir")
_PUBLISHED = {"identities": 927, "frames": 463_259, "tracklets": 21_863}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a track file.

    Attributes:
        number: of the line, from 1.
        modality: of its frames.
        first, last: lines of the names file, from 1, both included.
        identity, camera: whom it shows, and who took it.
    """

    number: int
    modality: Modality
    first: int
    last: int
    identity: int
    camera: str

    @property
    def frames(self) -> int:
        return self.last - self.first + 1


class HitszVcm(DataSet):
    """The data set in its published layout. It is given for academic use only.

    Reference:
        Lin et al., "Learning Modal-Invariant and Temporal-Memory for Video-based Visible-Infrared Person
        Re-Identification", CVPR 2022.

    Layout on disk:
        `0001/ir|rgb/D<n>/<frame>.jpg`, and in `info/`, or beside the people's folders, `train_name.txt`,
        `track_train_info.txt`, `test_name.txt`, `track_test_info.txt` and `query_IDX.txt`. A line of a track file is
        `modality first last identity camera`: 1 is infrared, anything else visible, and `first` to `last` are lines of the
        names file, from 1, both included. In a name such as `0001M1D3T0001F012.jpg` the first four letters are the
        person, the sixth is the modality, the folder goes from `D` to before `T`, and what follows `F` is the file.
        `query_IDX.txt` has one line with lines of `track_test_info.txt`, from 1.

    Counts (published; `counts` computes them for any folder):
        927 identities, 463,259 frames, 21,863 tracklets, 12 cameras.

    Protocol:
        `vcm`: the tracklets of `query_IDX.txt`, which are infrared, ask all other test tracklets. `vcm-rgb-to-ir`: the two
        are exchanged. Tracklets of fewer than 12 frames are left out. Six frames of each are embedded: it is cut into six
        runs of ⌈n/6⌉ frames, and each gives its first; the last frame is repeated where they run out. Rows of the query's
        own identity and camera are hidden, ranks count rows. The authors compare by the cosine.

    Raises:
        BadDataset: the root is no folder.
    """

    names: ClassVar = ("HITSZ-VCM",)
    layout: ClassVar = "vcm"
    signs: ClassVar = ("info/track_test_info.txt", "track_test_info.txt")
    holds: ClassVar = (
        "people's folders such as 0001, and track_test_info.txt and the other lists in info or beside them"
    )
    protocols: ClassVar = (_OWN, _EXCHANGED)
    choices: ClassVar = frozenset({"pool"})

    @cached_property
    def rows(self) -> dict[Part, list[Row]]:
        """The track files' lines, those of short tracklets too.

        Raises:
            BadDataset: a list is missing, or a line isn't as it should be.
        """
        return {part: self._rows(part) for part in get_args(Part)}

    @cached_property
    def frames(self) -> dict[Part, list[str]]:
        """Each part's frames as paths below the root, in the order of the names file.

        Raises:
            BadDataset: a list is missing, or a name isn't as it should be.
        """
        return {part: self._frames(part) for part in get_args(Part)}

    @cached_property
    def queries(self) -> list[int]:
        """Lines of the test's track file, from 1, whose tracklets ask.

        Raises:
            BadDataset: no list, or numbers that are no lines.
        """
        file = self._list("query_IDX.txt")
        words = read_text(file).split()
        lines = len(self.rows["test"])
        if not words or not all(word.isdecimal() and 1 <= int(word) <= lines for word in words):
            raise BadDataset(f"{file}: expected numbers from 1 to {lines}, which are lines of track_test_info.txt")
        return [int(word) for word in words]

    def of(self, part: Part, row: Row) -> list[ImageRecord]:
        """The frames of a tracklet, in their order."""
        track = f"{part}-{row.number}"
        return [
            ImageRecord(self.root / name, name, row.camera, row.modality, row.identity, track=track)
            for name in self.frames[part][row.first - 1 : row.last]
        ]

    def training(self, setting: Setting = PLAIN) -> Iterator[ImageRecord]:
        """Every frame of every tracklet that is long enough, in the order of the track file."""
        for row in self.rows["train"]:
            if row.frames >= SHORTEST:
                yield from self.of("train", row)

    def test(self, modality: Modality, setting: Setting = PLAIN) -> Iterator[ImageRecord]:
        """The frames that are embedded of each tracklet, each once."""
        for tracklet in self._tracklets().values():
            if tracklet.modality is modality:
                yield from dict.fromkeys(tracklet.frames)

    def task(self, protocol: Protocol, setting: Setting = PLAIN) -> Task:
        """The listed tracklets against all others, or the other way round."""
        tracklets = self._tracklets()
        listed = set(self.queries)
        queries = [tracklets[number] for number in self.queries if number in tracklets]
        gallery = [tracklet for number, tracklet in tracklets.items() if number not in listed]
        if protocol.name == _EXCHANGED.name:
            queries, gallery = gallery, queries
        pool = setting.pool or "mean"
        return Task.of_everything(self.network, {"frames": str(CHOSEN), "pool": pool}, queries, gallery, pool)

    def remarks(self) -> list[str]:
        short = sum(row.frames < SHORTEST for rows in self.rows.values() for row in rows)
        if not short:
            return []
        return [f"{short:,} tracklets have fewer than {SHORTEST} frames, and are not used; the authors leave them out"]

    def counts(self) -> list[Count]:
        rows = [row for part in self.rows.values() for row in part]
        names = [name for part in self.frames.values() for name in part]
        counts = {
            "identities": len({row.identity for row in rows}),
            "frames": len(names),
            "tracklets": len(rows),
            **{f"{part} identities": len({row.identity for row in of}) for part, of in self.rows.items()},
            **{f"{part} tracklets": len(of) for part, of in self.rows.items()},
            "query tracklets": len(self.queries),
            "frames that are not there": sum(not (self.root / name).is_file() for name in names),
        }
        return compared(counts, _PUBLISHED | {"frames that are not there": 0})

    def passed_over(self) -> Counter[str]:
        """Files in the people's folders that no list names, by reason."""
        listed = {name for part in self.frames.values() for name in part}
        reasons: Counter[str] = Counter()
        for person in os.scandir(self.root):
            if not (person.is_dir() and len(person.name) == 4 and person.name.isdecimal()):
                continue
            for folder, _, files in os.walk(person.path):
                below = Path(folder).relative_to(self.root).as_posix()
                reasons["in no list"] += sum(f"{below}/{name}" not in listed for name in files if not is_system(name))
        return +reasons

    def _tracklets(self) -> dict[int, Tracklet]:
        """The test's tracklets that are long enough, by their lines' numbers."""
        return {
            row.number: Tracklet.of(f"test-{row.number}", _chosen(self.of("test", row)))
            for row in self.rows["test"]
            if row.frames >= SHORTEST
        }

    def _list(self, name: str) -> Path:
        for file in (self.root / "info" / name, self.root / name):
            if file.is_file():
                return file
        raise BadDataset(f"{self.root}: no {name} in info or beside it; expected {self.name}'s root with {self.holds}")

    def _frames(self, part: Part) -> list[str]:
        file = self._list(f"{part}_name.txt")
        return [
            _path(name.strip(), f"{file} line {number}")
            for number, name in enumerate(read_text(file).rstrip().splitlines(), start=1)
        ]

    def _rows(self, part: Part) -> list[Row]:
        file = self._list(f"track_{part}_info.txt")
        names = len(self.frames[part])
        rows = []
        for number, line in enumerate(read_text(file).splitlines(), start=1):
            words = line.split()
            if not words:
                continue
            if len(words) != 5 or not all(word.isdecimal() for word in words):
                raise BadDataset(f"{file} line {number}: expected `modality first last identity camera`, not {line!r}")
            modality, first, last, identity, camera = map(int, words)
            if not 1 <= first <= last <= names:
                raise BadDataset(
                    f"{file} line {number}: frames {first} to {last}; {part}_name.txt has lines 1 to {names}"
                )
            if str(camera) not in self.network:
                raise BadDataset(
                    f"{file} line {number}: camera {camera}; {self.name} has cameras 1 to {len(self.network)}"
                )
            light = Modality.IR if modality == 1 else Modality.RGB
            rows.append(Row(number, light, first, last, identity, str(camera)))
        return rows


def _chosen(frames: list[ImageRecord]) -> list[ImageRecord]:
    """The first frame of each of six runs of equal length; the last frame where they run out."""
    step = -(-len(frames) // CHOSEN)
    return [frames[min(run * step, len(frames) - 1)] for run in range(CHOSEN)]


def _path(name: str, where: str) -> str:
    """A frame's path below the root."""
    d, t, f = (name.find(letter) for letter in "DTF")
    if not 6 <= d < t < f < len(name) - 1 or "/" in name or not name[:4].isdecimal():
        raise BadDataset(f"{where}: expected a name such as 0001M1D3T0001F012.jpg, not {name!r}")
    return f"{name[:4]}/{'ir' if name[5] == '1' else 'rgb'}/{name[d:t]}/{name[f + 1 :]}"
