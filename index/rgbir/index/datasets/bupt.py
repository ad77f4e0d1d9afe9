"""BUPTCampus: pairs of visible and infrared tracklets of people whom six cameras saw."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, cast, get_args

import numpy as np

from rgbir.index.cameras import Modality
from rgbir.index.datasets.dataset import PLAIN, Count, DataSet, Published, Setting, compared
from rgbir.index.datasets.passed import is_system
from rgbir.index.datasets.protocol import Protocol, Way
from rgbir.index.datasets.records import ImageRecord, Tracklet
from rgbir.index.datasets.task import Draw, Task
from rgbir.index.datasets.text import read_text
from rgbir.index.errors import BadDataset
from rgbir.index.words import why

Part = Literal["train", "train_auxiliary", "query", "gallery"]
CHOSEN = 10
NAMES = {Modality.RGB: "RGB", Modality.IR: "IR"}
WORDS = {Modality.RGB: "visible", Modality.IR: "infrared"}
_OWN = Protocol("bupt", data="BUPTCampus", selection="everything", cmc="image", hiding="nothing", trials=1)
_COLUMNS: tuple[tuple[Way, int], ...] = (
    ("visible->infrared", 1), ("visible->infrared", 10), ("infrared->visible", 1), ("infrared->visible", 10),
)  # fmt: skip
_TABLE = {
    "AlignGAN": "26.11/28.01 35.37/35.13 20.52/23.25 27.99/30.32",
    "LbA": "25.93/28.98 39.07/37.06 25.00/27.07 32.09/32.93",
    "DDAG": "33.15/33.85 46.30/43.05 29.29/32.03 -",  # the last one is printed with its columns shifted, and isn't usable
    "CAJ": "36.67/35.26 45.00/43.61 29.85/32.29 40.49/41.46",
    "AGW": "35.74/35.45 43.70/41.10 29.66/31.52 36.38/37.36",
    "MMN": "38.70/38.82 43.70/42.80 33.40/35.04 40.86/41.71",
    "DEEN": "40.19/40.70 53.70/50.43 35.63/38.67 49.81/48.59",
    "DART": "46.85/45.05 53.33/50.45 41.42/43.09 52.43/49.10",
}
"""Of methods that know images: rank-1 and mAP, with one frame of each tracklet and with ten."""
_OF_VIDEO = (
    Published("MITML (video)", "visible->infrared", 6, 50.19, 46.28),
    Published("MITML (video)", "infrared->visible", 6, 49.07, 47.50),
    Published("AuxNet (video, re-ranked)", "visible->infrared", 10, 65.23, 62.19),
    Published("AuxNet (video, re-ranked)", "infrared->visible", 10, 66.48, 64.11),
)
_PUBLISHED = {"identities": 3_080, "train identities": 1_074}


def _results() -> Iterator[Published]:
    for method, cells in _TABLE.items():
        for (way, frames), cell in zip(_COLUMNS, cells.split(), strict=True):
            if cell != "-":
                rank_1, mean_ap = map(float, cell.split("/"))
                yield Published(method, way, frames, rank_1, mean_ap)


class Key(NamedTuple):
    """Which tracklet is meant.

    Attributes:
        identity, camera, name: as the lists say them.
        modality: of its frames.
    """

    identity: str
    modality: Modality
    camera: str
    name: str

    def __str__(self) -> str:
        return f"{self.identity}/{NAMES[self.modality]}/{self.camera}/{self.name}"


class BUPTCampus(DataSet):
    """The data set in its published layout. It is given for academic use only.

    Reference:
        Du et al., "Video-based Visible-Infrared Person Re-Identification with Auxiliary Samples", IEEE Transactions on
        Information Forensics and Security, 2023.

    Layout on disk:
        `DATA/`, and beside it `data_paths.json` (identity → `RGB`, `IR` or `FakeIR` → camera → tracklet → paths below
        `DATA`), `train.txt`, `train_auxiliary.txt`, `query.txt` and `gallery.txt`, whose lines are
        `identity modality camera tracklet`; the training's modality is `RGB/IR`.

    Counts (published; `counts` computes them for any folder):
        3,080 identities, of them 1,074 to train on. Cameras LS3, G25, CQ1, W4, TSG1 and TSG2.

    Protocol:
        Ten frames of each tracklet are embedded, those at ⌊i·n/10⌋. Nothing is hidden, ranks count rows. The whole is
        measured, and each modality against each; papers print the two ways between the modalities. The authors compare by
        the Euclidean distance.

    Images that were made of others (`FakeIR`) and the auxiliary list, whose people were seen by one camera, aren't read.

    Raises:
        BadDataset: the root lacks its folder.
    """

    names: ClassVar = ("BUPTCampus",)
    layout: ClassVar = "bupt"
    signs: ClassVar = ("data_paths.json",)
    folders: ClassVar = ("DATA",)
    holds: ClassVar = "DATA, and data_paths.json and the lists beside it"
    protocols: ClassVar = (_OWN,)
    choices: ClassVar = frozenset({"direction", "pool"})
    published: ClassVar = tuple(_results()) + _OF_VIDEO

    @cached_property
    def paths(self) -> dict[str, dict[str, dict[str, dict[str, list[str]]]]]:
        """The paths below `DATA` of each tracklet's frames: by identity, modality, camera and tracklet.

        Raises:
            BadDataset: no such file, or not of that form.
        """
        file = self.root / "data_paths.json"
        if not file.is_file():
            raise BadDataset(f"{file} is not there; expected {self.name}'s root with {self.holds}")
        try:
            content = json.loads(read_text(file))
            for by_modality in content.values():
                for by_camera in by_modality.values():
                    for tracklets in by_camera.values():
                        _expect_paths(tracklets)
        except (ValueError, AttributeError, TypeError) as error:
            raise BadDataset(
                f"{file}: expected identity → modality → camera → tracklet → paths below DATA: {why(error)}"
            ) from error
        return cast(dict[str, dict[str, dict[str, dict[str, list[str]]]]], content)

    def keys(self, part: Part) -> list[Key]:
        """The tracklets of a list, in its order; a line of the training gives two, the visible one first.

        Raises:
            BadDataset: no list, a line that isn't as it should be, or a tracklet without paths.
        """
        file = self.root / f"{part}.txt"
        if not file.is_file():
            raise BadDataset(f"{file} is not there; expected {self.name}'s root with {self.holds}")
        both = part.startswith("train")
        light = {"RGB/IR": list(Modality)} if both else {name: [m] for m, name in NAMES.items()}
        keys = []
        for number, line in enumerate(read_text(file).splitlines(), start=1):
            words = line.split()
            if not words:
                continue
            if len(words) != 4 or not words[0].isdecimal() or words[1] not in light:
                raise BadDataset(
                    f"{file} line {number}: expected `identity {' or '.join(light)} camera tracklet`, not {line!r}"
                )
            if words[2] not in self.network:
                raise BadDataset(f"{file} line {number}: {self.name} has no camera {words[2]}")
            keys += [Key(words[0], modality, words[2], words[3]) for modality in light[words[1]]]
            for key in keys[-len(light[words[1]]) :]:
                if not self._paths_of(key):
                    raise BadDataset(f"{file} line {number}: data_paths.json has no frames of {key}")
        return keys

    def of(self, key: Key) -> list[ImageRecord]:
        """The frames of a tracklet, in their order."""
        sources = (f"DATA/{path}" for path in self._paths_of(key))
        person, track = int(key.identity), str(key)
        return [ImageRecord(self.root / name, name, key.camera, key.modality, person, track=track) for name in sources]

    def training(self, setting: Setting = PLAIN) -> Iterator[ImageRecord]:
        """Every frame of every tracklet of `train.txt`, in its order; of each pair the visible one first."""
        for key in self.keys("train"):
            yield from self.of(key)

    def test(self, modality: Modality, setting: Setting = PLAIN) -> Iterator[ImageRecord]:
        """The frames that are embedded of the queries' and the gallery's tracklets, each once."""
        keys = dict.fromkeys([*self.keys("query"), *self.keys("gallery")])
        return iter(dict.fromkeys(f for key in keys if key.modality is modality for f in self._tracklet(key).frames))

    def task(self, protocol: Protocol, setting: Setting = PLAIN) -> Task:
        """Every query against the whole gallery, and each modality against each; or one direction alone."""
        queries = [self._tracklet(key) for key in self.keys("query")]
        gallery = [self._tracklet(key) for key in self.keys("gallery")]
        pool = setting.pool or "mean"
        chosen = {"frames": str(CHOSEN), "pool": pool, "direction": setting.direction or "both"}
        if setting.direction is not None:
            asked = Modality.RGB if setting.direction == "visible->infrared" else Modality.IR
            queries = [tracklet for tracklet in queries if tracklet.modality is asked]
            gallery = [tracklet for tracklet in gallery if tracklet.modality is asked.other]
            return Task.of_everything(self.network, chosen, queries, gallery, pool)
        rows = {
            modality: [np.flatnonzero([t.modality is modality for t in side]) for side in (queries, gallery)]
            for modality in Modality
        }
        ways = {
            cast(Way, f"{WORDS[asked]}->{WORDS[shown]}"): Draw(rows[asked][0], rows[shown][1])
            for asked in Modality
            for shown in Modality
        }
        there = {way: draw for way, draw in ways.items() if len(draw.queries) and len(draw.gallery)}
        return replace(Task.of_everything(self.network, chosen, queries, gallery, pool), ways=there)

    def counts(self) -> list[Count]:
        keys = {part: self.keys(part) for part in get_args(Part)}
        listed = {key for part in keys.values() for key in part}
        counts = {
            "identities": len(self.paths),
            **{f"{part} identities": len({key.identity for key in of}) for part, of in keys.items()},
            **{f"{part} tracklets": len(of) for part, of in keys.items()},
            "frames that are not there": sum(
                not (self.root / "DATA" / path).is_file() for key in listed for path in self._paths_of(key)
            ),
        }
        return compared(counts, _PUBLISHED | {"frames that are not there": 0})

    def passed_over(self) -> Counter[str]:
        """Files in `DATA` that `data_paths.json` doesn't name, by reason."""
        named = {
            path
            for by_modality in self.paths.values()
            for by_camera in by_modality.values()
            for tracklets in by_camera.values()
            for paths in tracklets.values()
            for path in paths
        }
        reasons: Counter[str] = Counter()
        for folder, _, files in os.walk(self.root / "DATA"):
            below = Path(folder).relative_to(self.root / "DATA").as_posix()
            made = "FakeIR" in Path(below).parts  # which lists may leave out
            for name in files:
                if not (is_system(name) or made or f"{below}/{name}".removeprefix("./") in named):
                    reasons["in no list"] += 1
        return reasons

    def _paths_of(self, key: Key) -> list[str]:
        of_person: dict[str, Any] = self.paths.get(key.identity, {})
        paths: list[str] = of_person.get(NAMES[key.modality], {}).get(key.camera, {}).get(key.name, [])
        return paths

    def _tracklet(self, key: Key) -> Tracklet:
        frames = self.of(key)
        return Tracklet.of(str(key), [frames[i * len(frames) // CHOSEN] for i in range(CHOSEN)])


def _expect_paths(tracklets: dict[str, Any]) -> None:
    """
    Raises:
        TypeError: not lists of paths that stay below the folder.
    """
    for name, paths in tracklets.items():
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise TypeError(f"tracklet {name} has no list of paths")
        if odd := [path for path in paths if path.startswith("/") or ".." in path.split("/")]:
            raise TypeError(f"{odd[0]!r} leads out of DATA")
