"""Small data sets in the true layouts, made of synthetic people's pictures."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

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


TREES: dict[str, Callable[[Path, SysuMM01], Path]] = {
    "sysu": sysu,
    "regdb": regdb,
    "llcm": llcm,
    "market": market,
}
"""A small tree of every data set, by its layout."""
