"""Small data sets of full frames in the true layouts: synthetic people's pictures pasted on black."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat

from rgbir.index import SysuMM01
from tests.layouts import INFRARED, VISIBLE, pictures

WIDTH, HEIGHT = 160, 96
PLACES = {"left": (20, 10, 50, 85), "right": (110, 12, 138, 84)}
"""Where people stand: left, top, right, bottom."""


class Scene(NamedTuple):
    """A frame of a small set.

    Attributes:
        camera: of SYSU-MM01, from 1.
        left, right: who stands there; None is nobody.
    """

    camera: int
    left: int | None
    right: int | None

    @property
    def people(self) -> list[tuple[int, tuple[int, int, int, int]]]:
        places = zip((self.left, self.right), PLACES.values(), strict=True)
        return [(who, box) for who, box in places if who is not None]


def scenes(people: SysuMM01, cameras: Sequence[int] = VISIBLE) -> list[Scene]:
    """Each camera sees each test person once on the left, with the next one, or nobody, on the right."""
    known = people.identities("test")
    return [
        Scene(camera, who, None if number % 3 == 2 else known[(number + 1) % len(known)])
        for camera in cameras
        for number, who in enumerate(known)
    ]


def drawn(scene: Scene, people: SysuMM01) -> Image.Image:
    image = Image.new("RGB", (WIDTH, HEIGHT))
    for who, box in scene.people:
        person = pictures(people, who, (scene.camera,), "test")[0].decoded()
        image.paste(person.resize((box[2] - box[0], box[3] - box[1])), box[:2])
    return image


def saved(scene: Scene, people: SysuMM01, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    drawn(scene, people).save(file, quality=95)


def cuhk_sysu(root: Path, people: SysuMM01) -> Path:
    """A query for each of the first camera's people on the left; its gallery is every other frame."""
    shown = scenes(people)
    names = [f"s{number}.jpg" for number in range(1, len(shown) + 1)]
    for name, scene in zip(names, shown, strict=True):
        saved(scene, people, root / "Image" / "SSM" / name)
    images = _records(("imname", "nAppear", "box"), [
        (name, len(scene.people), _records(("idlocate", "ishard"), [(_wide(box), 0) for _, box in scene.people] + [([[5, 5, 0, 0]], 0)]))
        for name, scene in zip(names, shown, strict=True)
    ])  # fmt: skip
    folder = root / "annotation" / "test" / "train_test"
    folder.mkdir(parents=True)
    savemat(root / "annotation" / "Images.mat", {"Img": images})
    savemat(root / "annotation" / "pool.mat", {"pool": _cells(names)})
    entries = []
    for name, scene in zip(names, shown, strict=True):
        if scene.camera != VISIBLE[0]:
            continue
        asked = _records(("imname", "idlocate", "ishard"), [(name, _wide(PLACES["left"]), 0)])
        gallery = []
        for other, place in zip(names, shown, strict=True):
            where = [_wide(box) for who, box in place.people if who == scene.left]
            if other != name:
                gallery.append((other, where[0] if where else np.zeros((1, 0)), 0))
        gallery.sort(key=lambda row: np.size(row[1]) == 0)
        entries.append((asked, _records(("imname", "idlocate", "ishard"), gallery)))
    for size in (100, 50):
        savemat(folder / f"TestG{size}.mat", {f"TestG{size}": _records(("Query", "Gallery"), entries)})
    return root


def prw(root: Path, people: SysuMM01) -> Path:
    """Names such as c1s1_000001.jpg; who stands right of the first camera's first person isn't known."""
    shown = scenes(people)
    names = [f"c{scene.camera}s1_{number:06d}" for number, scene in enumerate(shown, start=1)]
    (root / "annotations").mkdir(parents=True)
    lines = []
    for number, (name, scene) in enumerate(zip(names, shown, strict=True)):
        saved(scene, people, root / "frames" / f"{name}.jpg")
        rows = [
            (-2 if (number, side) == (0, 1) else who, *_wide(box)[0]) for side, (who, box) in enumerate(scene.people)
        ]
        variable = ("box_new", "anno_file", "anno_previous")[number % 3]
        savemat(root / "annotations" / f"{name}.jpg.mat", {variable: np.array(rows, np.float64)})
        if scene.camera in VISIBLE[:2]:
            lines.append(f"{scene.left} {' '.join(map(str, _wide(PLACES['left'])[0]))} {name}\r\n")
    for part, of in (("train", names[:1]), ("test", names)):
        savemat(root / f"frame_{part}.mat", {f"img_index_{part}": _cells(of)})
    (root / "query_info.txt").write_bytes("".join(lines).encode())
    return root


def footage(root: Path, people: SysuMM01) -> Path:
    """Two cameras in infrared, two in colour, and one that is first the one and then the other."""
    cameras = {"hall": VISIBLE[:1], "yard": INFRARED[:1], "gate": (VISIBLE[1], INFRARED[1])}
    truth, frames = list[Any](), list[Any]()
    for camera, of in cameras.items():
        for number, scene in enumerate(scenes(people, of), start=1):
            saved(scene, people, root / camera / f"{number:06d}.jpg")
            frames.append(
                (camera, number, "ir" if scene.camera in INFRARED else "rgb", "2026-11-02T16:20:00.000+00:00")
            )
            truth += [(camera, number, who, *box, 0.9) for who, box in scene.people]
    _table(root / "truth.csv", ("camera", "frame", "identity", "left", "top", "right", "bottom", "visible"), truth)
    _table(root / "frames.csv", ("camera", "frame", "modality", "taken_at"), frames)
    return root


FRAME_TREES: dict[str, Callable[[Path, SysuMM01], Path]] = {
    "CUHK-SYSU": cuhk_sysu,
    "PRW": prw,
    "synthetic footage": footage,
}
"""A small tree of every data set of full frames, by its name."""


def _table(file: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    with file.open("w", newline="") as lines:
        csv.writer(lines).writerows([header, *rows])


def _wide(box: tuple[int, int, int, int]) -> list[list[int]]:
    """As left, top, width, height, in a row."""
    left, top, right, bottom = box
    return [[left, top, right - left, bottom - top]]


def _records(fields: Sequence[str], rows: Sequence[Sequence[Any]]) -> NDArray[Any]:
    """MATLAB's array of structures, (1, n)."""
    array = np.zeros((1, len(rows)), [(name, object) for name in fields])
    for number, row in enumerate(rows):
        array[0, number] = tuple(np.array(cell) if isinstance(cell, list) else cell for cell in row)
    return array


def _cells(names: Sequence[str]) -> NDArray[Any]:
    """MATLAB's cell array of strings, (n, 1)."""
    cells = np.empty((len(names), 1), object)
    cells[:, 0] = names
    return cells
