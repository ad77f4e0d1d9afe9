"""SYSU-MM01: people seen by four visible and two infrared cameras."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, get_args

import numpy as np
from numpy.typing import NDArray

from rgbir.index.cameras import Modality
from rgbir.index.datasets.dataset import PLAIN, Count, DataSet, List, Setting, compared
from rgbir.index.datasets.draws import Permutations, official, seeded
from rgbir.index.datasets.lists import jpegs, read_identities
from rgbir.index.datasets.passed import passed_over
from rgbir.index.datasets.protocol import Mode, Protocol, Shots
from rgbir.index.datasets.records import ImageRecord
from rgbir.index.datasets.task import Draw, Task, rows_drawn
from rgbir.index.errors import BadDataset
from rgbir.index.words import listed

CAMERAS = (1, 2, 3, 4, 5, 6)
VISIBLE, INFRARED = (1, 2, 4, 5), (3, 6)
GALLERY_CAMERAS: dict[Mode, tuple[int, ...]] = {"all": VISIBLE, "indoor": (1, 2)}
SHOTS: dict[Shots, int] = {"single": 1, "multi": 10}
_OWN = Protocol("sysu")
_PUBLISHED: dict[List, tuple[int, tuple[int, ...]]] = {
    "train": (296, (4721, 5753, 5929, 4821, 4989, 4000)),
    "val": (99, (0, 0, 1980, 990, 984, 0)),
    "test": (96, (1374, 1565, 1883, 1918, 1918, 1920)),
}


class SysuMM01(DataSet):
    """The data set in its published layout.

    Reference:
        Wu et al., "RGB-Infrared Cross-Modality Person Re-Identification", ICCV 2017.

    Layout on disk:
        `cam1 … cam6/<identity, 4 digits>/<number, 4 digits>.jpg`; `exp/{train,val,test,available}_id.txt` or `.mat`;
        `rand_perm_cam.mat` in `exp/` or beside it (not part of the data set; from the authors' repository).

    Counts (published; `count` computes them for any folder):
        491 identities: 296 train, 99 val, 96 test. Visible + infrared images: train 20,284 + 9,929; train and val
        22,258 + 11,909; test 6,775 + 3,803.

    Protocol:
        Probes are all infrared test images, against drawn visible images; cameras 2 and 3 share a room.

    Images are reached by the id lists only: folders of people outside of them exist, and are not read.

    Raises:
        BadDataset: the root is no folder, or lacks one of its folders.
    """

    names: ClassVar = ("SYSU-MM01",)
    layout: ClassVar = "sysu"
    signs: ClassVar = ("cam1",)
    folders: ClassVar = (*(f"cam{camera}" for camera in CAMERAS), "exp")
    holds: ClassVar = "cam1 … cam6 and exp"
    protocols: ClassVar = (
        _OWN,
        replace(_OWN, name="sysu-seeded", selection="seeded"),
        replace(_OWN, name="sysu-imagecmc", cmc="image"),
        replace(_OWN, name="sysu-indoor3", indoor_probes=(3,)),
    )
    choices: ClassVar = frozenset({"identities", "mode", "shots", "permutations"})

    def identities(self, of: List) -> tuple[int, ...]:
        """The identity numbers of a list, ascending.

        Raises:
            BadDataset: no list, text and MATLAB form differ, not numbers, lists overlap.
        """
        if of not in get_args(List):
            raise BadDataset(f"no list {of!r} in SYSU-MM01; there are {listed(get_args(List))}")
        if of == "trainval":
            return tuple(sorted({*self.identities("train"), *self.identities("val")}))
        return self._lists[of]

    @cached_property
    def _lists(self) -> dict[str, tuple[int, ...]]:
        lists = {name: _id_list(self.root / "exp", name) for name in ("train", "val", "test")}
        for a, b in (("train", "val"), ("train", "test"), ("val", "test")):
            if both := set(lists[a]) & set(lists[b]):
                raise BadDataset(
                    f"{self.root / 'exp'}: identities in {a} and in {b}: {sorted(both)[:5]}; lists must not overlap"
                )
        available = {identity for numbers in lists.values() for identity in numbers}
        return {**lists, "available": tuple(sorted(available))}

    def files(self, camera: int, identity: int) -> list[str]:
        """The image names of one person by one camera, ascending as bytes; an absent or empty folder gives none."""
        return list(jpegs(self.root / f"cam{camera}" / f"{identity:04d}"))

    def records(self, of: List, cameras: Sequence[int] = CAMERAS) -> Iterator[ImageRecord]:
        """Camera by camera, identity by identity, image by image, each ascending.

        Raises:
            BadDataset: an identity of the list has no image in any camera.
        """
        identities = self.identities(of)
        for identity in identities:
            if not any(self.files(camera, identity) for camera in CAMERAS):
                raise BadDataset(
                    f"{self.root}: identity {identity} of exp/{of}_id has no image in any camera (expected cam*/{identity:04d}/*.jpg)"
                )
        for camera in cameras:
            modality = Modality.IR if camera in INFRARED else Modality.RGB
            for identity in identities:
                for number, name in enumerate(self.files(camera, identity), start=1):
                    source = f"cam{camera}/{identity:04d}/{name}"
                    yield ImageRecord(self.root / source, source, str(camera), modality, identity, number=number)

    def training(self, setting: Setting = PLAIN) -> Iterator[ImageRecord]:
        return self.records(setting.identities or "train")

    def test(self, modality: Modality, setting: Setting = PLAIN) -> Iterator[ImageRecord]:
        return self.records(setting.identities or "test", VISIBLE if modality is Modality.RGB else INFRARED)

    def task(self, protocol: Protocol, setting: Setting = PLAIN) -> Task:
        """Infrared probes against drawn visible images."""
        of = setting.identities or "test"
        identities, cameras = self.identities(of), GALLERY_CAMERAS[setting.mode]
        sizes = {(camera, identity): len(self.files(camera, identity)) for camera in cameras for identity in identities}
        official_tables = protocol.selection == "official"
        draw = partial(official, self.permutations(setting.permutations)) if official_tables else seeded
        probe_cameras = protocol.indoor_probes if setting.mode == "indoor" else INFRARED
        queries = list(self.records(of, probe_cameras))
        gallery = list(self.records(of, cameras))
        everyone, shots = np.arange(len(queries)), SHOTS[setting.shots]
        picks = (draw(sizes, identities, cameras, shots, trial) for trial in range(protocol.trials))
        draws = [Draw(everyone, rows) for rows in rows_drawn(gallery, picks)]
        chosen: dict[str, str] = {"mode": setting.mode, "shots": setting.shots, "identities": of}
        return Task(self.network, chosen, queries, gallery, draws).trimmed()

    def held_back(self) -> tuple[Protocol, Task] | None:
        """The people of the val list, galleries drawn by seed; None if there is nobody in it."""
        if not self.identities("val"):
            return None
        protocol = next(protocol for protocol in self.protocols if protocol.name == "sysu-seeded")
        return protocol, self.task(protocol, Setting(identities="val"))

    def count(self, of: List) -> dict[int, int]:
        """Images by camera."""
        return {camera: sum(len(self.files(camera, i)) for i in self.identities(of)) for camera in CAMERAS}

    def counts(self) -> list[Count]:
        counts = {f"{of} identities": len(self.identities(of)) for of in _PUBLISHED}
        published = {f"{of} identities": people for of, (people, _) in _PUBLISHED.items()}
        for of, (_, images) in _PUBLISHED.items():
            counts |= {f"{of} cam{camera} images": n for camera, n in self.count(of).items()}
            published |= {f"{of} cam{camera} images": n for camera, n in zip(CAMERAS, images, strict=True)}
        return compared(counts, published)

    def passed_over(self) -> Counter[str]:
        """Files in the cameras' and people's folders that aren't read, by reason. People in no list aren't looked at."""
        cameras = [self.root / f"cam{camera}" for camera in CAMERAS]
        people = (folder / f"{identity:04d}" for folder in cameras for identity in self.identities("available"))
        return passed_over(cameras, (), deeper=True) + passed_over(people, (".jpg",))

    def permutations(self, file: Path | None = None) -> Permutations:
        """The authors' permutation tables.

        Raises:
            BadDataset: no file, or not of the published form.
        """
        candidates = [file] if file else [self.root / "exp" / "rand_perm_cam.mat", self.root / "rand_perm_cam.mat"]
        for candidate in candidates:
            if candidate.is_file():
                return read_permutations(candidate)
        raise BadDataset(
            f"no rand_perm_cam.mat in {self.root / 'exp'}; it is published apart from the data set, in the authors' evaluation"
            " code: put it there, give its path with --permutations, or use protocol sysu-seeded"
        )


def _id_list(folder: Path, name: str) -> tuple[int, ...]:
    text, matlab = folder / f"{name}_id.txt", folder / f"{name}_id.mat"
    lists: list[tuple[int, ...]] = []
    if text.is_file():
        lists.append(tuple(sorted(read_identities(text))))
    if matlab.is_file():
        lists.append(tuple(sorted(int(number) for number in np.ravel(_load(matlab, "id")))))
    if not lists:
        raise BadDataset(f"{folder}: neither {name}_id.txt nor {name}_id.mat; the data set's exp folder holds them")
    if len(set(lists)) > 1:
        raise BadDataset(f"{text} and {matlab.name} hold different identities; one of them is not the published list")
    if len(set(lists[0])) < len(lists[0]):
        raise BadDataset(f"{folder}/{name}_id: an identity is listed twice")
    return lists[0]


def read_permutations(file: Path) -> Permutations:
    """Reads `rand_perm_cam.mat`: MATLAB level 5, a 6 x 1 cell of cells of 10 x n tables; empty where nobody is.

    Raises:
        BadDataset: another form, or a row that is no permutation of 1..n.
    """
    cells = _load(file, "rand_perm_cam")
    if cells.shape != (len(CAMERAS), 1):
        raise BadDataset(f"{file}: rand_perm_cam must be a 6 x 1 cell, not {cells.shape}")
    tables: Permutations = {}
    for camera in CAMERAS:
        for index, table in enumerate(cells[camera - 1, 0].ravel(), start=1):
            if table.size == 0:
                continue
            rows = np.asarray(table, np.int64)
            if rows.ndim != 2 or not (np.sort(rows, axis=1) == np.arange(1, rows.shape[1] + 1)).all():
                raise BadDataset(
                    f"{file}: camera {camera}, identity {index}: a row is no permutation of 1..{rows.shape[-1]}"
                )
            tables[camera, index] = rows
    return tables


def _load(file: Path, variable: str) -> NDArray[Any]:
    from scipy.io import loadmat

    try:
        content = loadmat(file)
    except Exception as error:  # scipy raises many kinds on a damaged file
        raise BadDataset(f"{file}: not a MATLAB level 5 file: {error}") from error
    if variable not in content:
        raise BadDataset(
            f"{file}: no variable {variable!r}; it has {sorted(k for k in content if not k.startswith('__'))}"
        )
    value: NDArray[Any] = content[variable]
    return value
