"""Small data sets in the true layouts, made of synthetic people's pictures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rgbir.index import ImageRecord, Modality, SysuMM01
from rgbir.index.images import decode, read_bytes

VISIBLE, INFRARED = (1, 2, 4, 5), (3, 6)


def pictures(people: SysuMM01, identity: int, cameras: Sequence[int], of: str = "available") -> list[ImageRecord]:
    return [record for record in people.records(of, cameras) if record.identity == identity]  # type: ignore[arg-type]


def regdb(root: Path, people: SysuMM01, images: int = 4) -> Path:
    """Ten splits of the people into halves; split k's training people are those from number k on, around."""
    everyone = people.identities("available")
    sources: dict[Modality, dict[int, list[str]]] = {Modality.RGB: {}, Modality.IR: {}}
    for folder, letter, modality, cameras in (
        ("Visible", "v", Modality.RGB, VISIBLE),
        ("Thermal", "t", Modality.IR, INFRARED),
    ):
        for identity in everyone:
            (root / folder / str(identity)).mkdir(parents=True)
            for number, record in enumerate(pictures(people, identity, cameras)[:images], start=1):
                name = f"{folder}/{identity}/male_front_{letter}_{number:05d}_{identity}.bmp"
                decode(read_bytes(record.path)).save(root / name)
                sources[modality].setdefault(identity, []).append(name)
    (root / "idx").mkdir()
    half = len(everyone) // 2
    for split in range(1, 11):
        turned = [*everyone[split % len(everyone) :], *everyone[: split % len(everyone)]]
        for part, chosen in (("train", turned[:half]), ("test", turned[half : 2 * half])):
            for word, modality in (("visible", Modality.RGB), ("thermal", Modality.IR)):
                lines = [
                    f"{source} {label}"
                    for label, identity in enumerate(sorted(chosen))
                    for source in sources[modality][identity]
                ]
                (root / "idx" / f"{part}_{word}_{split}.txt").write_text("\n".join(lines) + "\n" * (split % 2))
    return root


def llcm(root: Path, people: SysuMM01) -> Path:
    """The training people's images in lists, the test people's in camera folders; no near-infrared camera 3."""
    (root / "idx").mkdir(parents=True)
    kinds = (("vis", VISIBLE, (1, 2, 3, 4)), ("nir", INFRARED, (1, 2)))
    for kind, cameras, renamed in kinds:
        lines = []
        for label, identity in enumerate(people.identities("train")):
            for camera, new in zip(cameras, renamed, strict=True):
                for record in pictures(people, identity, (camera,), "train"):
                    name = f"{kind}/{identity:04d}/{identity:04d}_c{new:02d}_s185535_f{record.number:04d}_{kind}.jpg"
                    (root / name).parent.mkdir(parents=True, exist_ok=True)
                    (root / name).write_bytes(record.path.read_bytes())
                    lines.append(f"{name} {label}")
        (root / "idx" / f"train_{kind}.txt").write_text("\r\n".join(lines))
        for camera, new in zip(cameras, renamed, strict=True):
            for record in people.records("test", (camera,)):
                place = root / f"test_{kind}" / f"cam{new}" / f"{record.identity:04d}"
                place.mkdir(parents=True, exist_ok=True)
                name = f"{record.identity:04d}_c{new:02d}_s185734_f{record.number:04d}_{kind}.jpg"
                (place / name).write_bytes(record.path.read_bytes())
    (root / "test_nir" / "cam3").mkdir()
    (root / "idx" / "test_id.txt").write_text(",".join(map(str, people.identities("test"))))
    return root


def market(root: Path, people: SysuMM01, inner: str = "") -> Path:
    """Colour images only; the first of each person by each camera is a query; one junk image and one distractor."""
    base = root / inner
    parts = {name: base / name for name in ("bounding_box_train", "bounding_box_test", "query")}
    for folder in parts.values():
        folder.mkdir(parents=True)
    for record in people.records("train", VISIBLE):
        _copy(record, parts["bounding_box_train"])
    for record in people.records("test", VISIBLE):
        _copy(record, parts["query" if record.number == 1 else "bounding_box_test"])
    first = next(people.records("val", VISIBLE))
    (parts["bounding_box_test"] / "-1_c1s1_000401_03.jpg").write_bytes(first.path.read_bytes())
    (parts["bounding_box_test"] / "0000_c4s2_000001_01.jpg").write_bytes(first.path.read_bytes())
    (parts["query"] / "Thumbs.db").write_bytes(b"x")
    return root


def _copy(record: ImageRecord, folder: Path) -> None:
    name = f"{record.identity:04d}_c{record.camera}s1_{record.number:06d}_00.jpg"
    (folder / name).write_bytes(record.path.read_bytes())


def sysu(root: Path, people: SysuMM01) -> Path:
    """The people's own folder, copied."""
    return Path(shutil.copytree(people.root, root))


def vcm(root: Path, people: SysuMM01, frames: int = 13, lists: str = "info") -> Path:
    """A tracklet of each person by each camera, of `frames` frames; the first one of the test is too short."""
    (root / lists).mkdir(parents=True, exist_ok=True)
    for part in ("train", "test"):
        names, rows, queries = list[str](), list[str](), list[int]()
        for identity in people.identities(part):
            for camera in (*VISIBLE, *INFRARED):
                images = pictures(people, identity, (camera,), part)
                infrared = camera in INFRARED
                count = 11 if part == "test" and not rows else frames
                rows.append(f"{1 if infrared else 2} {len(names) + 1} {len(names) + count} {identity} {camera}")
                if part == "test" and infrared:
                    queries.append(len(rows))
                folder = root / f"{identity:04d}" / ("ir" if infrared else "rgb") / f"D{camera}"
                folder.mkdir(parents=True)
                for number in range(1, count + 1):
                    names.append(f"{identity:04d}M{1 if infrared else 2}D{camera}T0001F{number:03d}.jpg")
                    (folder / f"{number:03d}.jpg").write_bytes(images[number % len(images)].path.read_bytes())
        (root / lists / f"{part}_name.txt").write_text("\n".join(names) + "\n")
        (root / lists / f"track_{part}_info.txt").write_text("\n".join(rows) + "\n")
        if part == "test":
            (root / lists / "query_IDX.txt").write_text(" ".join(map(str, queries)))
    return root


def bupt(root: Path, people: SysuMM01, frames: int = 12) -> Path:
    """Two cameras' pairs of tracklets of each person; by the first one the queries, by the second the gallery."""
    paths: dict[str, Any] = {}
    lists: dict[str, list[str]] = {name: [] for name in ("train", "train_auxiliary", "query", "gallery")}
    for part in ("train", "test"):
        for identity in people.identities(part):
            for name, visible, infrared in (("LS3", 1, 3), ("TSG2", 4, 6)):
                for light, camera in (("RGB", visible), ("IR", infrared)):
                    images = pictures(people, identity, (camera,), part)
                    below = f"{identity}/{light}/{name}/1"
                    (root / "DATA" / below).mkdir(parents=True)
                    files = [f"{below}/{number:04d}.jpg" for number in range(frames)]
                    for number, file in enumerate(files):
                        (root / "DATA" / file).write_bytes(images[number % len(images)].path.read_bytes())
                    paths.setdefault(str(identity), {}).setdefault(light, {})[name] = {"1": files}
                    if part == "test":
                        lists["query" if name == "LS3" else "gallery"].append(f"{identity} {light} {name} 1")
                if part == "train":
                    lists["train"].append(f"{identity} RGB/IR {name} 1")
    (root / "data_paths.json").write_text(json.dumps(paths))
    for name, lines in lists.items():
        (root / f"{name}.txt").write_text("\n".join(lines))
    return root


TREES: dict[str, Callable[[Path, SysuMM01], Path]] = {
    "sysu": sysu,
    "regdb": regdb,
    "llcm": llcm,
    "market": market,
    "vcm": vcm,
    "bupt": bupt,
}
"""A small tree of every data set, by its layout."""
