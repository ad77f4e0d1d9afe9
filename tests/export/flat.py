"""A stand-in whose every number is known: images of one colour, a method that embeds the colour, and a slow loop over colours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field
from scipy.io import loadmat, savemat
from torch import Tensor, nn

from rgbir.index import Modality
from rgbir.training.data.batch import MixedBatch
from rgbir.training.method import Losses, Method
from rgbir.training.methods import METHODS, Entry, published
from rgbir.training.recipe import Augmentation, MixedRecipe
from rgbir.training.schedules import WarmupStep

CAMERAS, VISIBLE, INFRARED = (1, 2, 3, 4, 5, 6), (1, 2, 4, 5), (3, 6)
TRAIN, VAL, TEST = (1, 2, 3), (4,), tuple(range(5, 30))
SHADES = {"even": (1.0, 1.0, 1.0), "red": (3.0, 1.0, 0.25)}
"""How much of each channel counts, by row."""
DEVIATION = (0.229, 0.224, 0.225)
"""By which images are normalised."""


class FlatRecipe(MixedRecipe):
    shade: Literal["even", "red"] = Field("even", description="which channels count")


class Flat(Method):
    """Embeds an image's mean colour; what it learns isn't asked for."""

    one_stream = True

    def __init__(self, recipe: FlatRecipe, identities: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.learns = nn.Parameter(torch.zeros(1))
        self.counts: Tensor
        self.register_buffer("counts", torch.tensor(SHADES[recipe.shade]))

    @property
    def dimension(self) -> int:
        return 3

    def embed(self, images: Tensor, modality: Modality) -> Tensor:
        return images.mean(3).mean(2) * self.counts

    def losses(self, batch: MixedBatch) -> Losses:
        return {"nothing": ((self.learns - 1) ** 2).sum()}


RECIPE = FlatRecipe(
    backbone="none",
    height=32,
    width=16,
    people=2,
    images=2,
    validate_every=0,
    checkpoint_every=1,
    augment=Augmentation(padcrop=0),
    schedule=WarmupStep(updates=3, warmup=0, milestones=()),
)
PRINTED = {
    "t.even": {"all-single": "20.0 - 90.12 30.5", "indoor-multi": "41.20 80.0 90.00 -"},
    "t.red": {"all-single": "10.00 50.00 70.00 20.00", "visible-to-thermal": "1 2 3 4"},
    "t.plot": {"why": "only a plot, which has no numbers"},
    "other.even": {"all-single": "1 2 3 4"},
    "regdb.even": {"thermal-to-visible": "5 6 7 8.00", "visible-to-thermal": "50 - - 60.5"},
}
ROWS: dict[str, dict[str, Any]] = {name: {"shade": "red"} if "red" in name else {} for name in PRINTED}
PROTOCOLS = {"page": "fidelity.md", "SYSU-MM01": "sysu-imagecmc", "indoor-multi": "sysu-indoor3"}


def known(patched: pytest.MonkeyPatch) -> None:
    """Makes the method one of those that there are."""
    listed = Entry(Flat, RECIPE, "Nobody, A stand-in", "the mean colour", {"paper": {}, "again": {}}, ROWS, ())
    patched.setitem(METHODS, "flat", listed)
    patched.setitem(published._content(), "flat", PRINTED)
    patched.setitem(published._protocols(), "flat", PROTOCOLS)


def sysu(root: Path) -> Path:
    """SYSU-MM01's layout. People of even numbers are in no indoor camera; a dozen images by each visible camera."""
    rng = np.random.default_rng(5)
    for camera in CAMERAS:
        for person in (*TRAIN, *VAL, *TEST):
            there = camera not in (1, 2) or person % 2 == 1 or person in TRAIN
            images = (12 if camera in VISIBLE and person in TEST else 2) if there else 0
            for number in range(1, images + 1):
                _paint(root / f"cam{camera}/{person:04d}/{number:04d}.jpg", _colour(person, rng))
        (root / f"cam{camera}").mkdir(exist_ok=True)
    (root / "exp").mkdir()
    permutations(root, seed=5)
    for name, people in (("train", TRAIN), ("val", VAL), ("test", TEST)):
        (root / f"exp/{name}_id.txt").write_text(",".join(map(str, people)))
    return root


def permutations(root: Path, seed: int) -> None:
    """Writes SYSU-MM01's file of what each trial draws."""
    rng, tables = np.random.default_rng(seed), np.empty((6, 1), object)
    for camera in CAMERAS:
        of_camera = np.empty((max(TEST), 1), object)
        for person in range(1, max(TEST) + 1):
            images = len(list((root / f"cam{camera}/{person:04d}").glob("*.jpg")))
            rows = [rng.permutation(images) + 1 for _ in range(10)]
            of_camera[person - 1, 0] = np.array(rows, np.uint8) if images else np.empty((0, 0))
        tables[camera - 1, 0] = of_camera
    savemat(root / "exp/rand_perm_cam.mat", {"rand_perm_cam": tables})


def regdb(root: Path, people: int = 24) -> Path:
    """RegDB's layout: two images of each person in each modality, and ten splits into halves."""
    rng = np.random.default_rng(6)
    for person in range(1, people + 1):
        for kind in ("Visible", "Thermal"):
            for number in (1, 2):
                _paint(root / f"{kind}/{person}/{number}.bmp", _colour(person, rng))
    (root / "idx").mkdir()
    for split in range(1, 11):
        mixed = rng.permutation(people) + 1
        for part, members in (("train", mixed[: people // 2]), ("test", mixed[people // 2 :])):
            for kind in ("Visible", "Thermal"):
                lines = [f"{kind}/{m}/{n}.bmp {label}" for label, m in enumerate(sorted(members)) for n in (1, 2)]
                (root / f"idx/{part}_{kind.lower()}_{split}.txt").write_text("\n".join(lines) + "\n")
    return root


def _colour(person: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Of a person, and of an image of theirs."""
    own = np.random.default_rng(person).uniform(50, 205, 3)
    return np.clip(own + rng.normal(0, 22, 3), 0, 255).astype(np.uint8)


def _paint(file: Path, colour: NDArray[np.uint8]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((16, 8, 3), colour, np.uint8)).save(file, quality=95)


Vector = tuple[float, ...]


def vector(file: Path, shade: str) -> Vector:
    """What the network must make of an image, but for a constant."""
    pixels = np.asarray(Image.open(file).convert("RGB"))
    assert (pixels == pixels[0, 0]).all()
    scale = zip(pixels[0, 0], SHADES[shade], DEVIATION, strict=True)
    return tuple(int(value) / 255 / deviation * counts for value, counts, deviation in scale)


Seen = tuple[int, int, Vector]
"""Who, by which camera, and what the network makes of it."""


def by_hand(queries: list[Seen], gallery: list[Seen], of_images: bool, places: bool) -> dict[str, float]:
    """R1, R10, R20 and mAP of a trial in percent, query by query and row by row."""
    ranks, precisions = [], []
    for person, camera, asked in queries:
        rows = []
        for other, at, shown in gallery:
            if not (places and camera == 3 and at == 2):
                rows.append((sum((a - b) ** 2 for a, b in zip(asked, shown, strict=True)), other))
        rows.sort()
        if all(other != person for _, other in rows):
            continue
        hits, before, seen = [], 0, set[int]()
        for position, (_, other) in enumerate(rows, start=1):
            if other == person:
                hits.append(position)
            elif not hits:
                seen.add(other)
                before += 1
        ranks.append(before if of_images else len(seen))
        precisions.append(fmean((number + 1) / position for number, position in enumerate(hits)))
    shares = {f"R{k}": 100 * fmean(rank < k for rank in ranks) for k in (1, 10, 20)}
    return {**shares, "mAP": 100 * fmean(precisions)}


def sysu_by_hand(root: Path, shade: str, setting: str) -> Iterator[dict[str, float]]:
    """The ten trials, as the stand-in's protocols have them: ranks count images in all-search, and identities indoors."""
    tables = loadmat(root / "exp/rand_perm_cam.mat")["rand_perm_cam"]
    indoor, shots = setting.startswith("indoor"), 10 if setting.endswith("multi") else 1
    queries = list(_seen(root, shade, (3,) if indoor else INFRARED))
    for trial in range(10):
        gallery: list[Seen] = []
        for camera in (1, 2) if indoor else VISIBLE:
            for person in TEST:
                files = sorted((root / f"cam{camera}/{person:04d}").glob("*.jpg"))
                drawn = tables[camera - 1, 0][person - 1, 0][trial][:shots] if files else ()
                gallery += [(person, camera, vector(files[number - 1], shade)) for number in drawn]
        yield by_hand(queries, gallery, of_images=not indoor, places=True)


def _seen(root: Path, shade: str, cameras: tuple[int, ...]) -> Iterator[Seen]:
    for camera in cameras:
        for person in TEST:
            for file in sorted((root / f"cam{camera}/{person:04d}").glob("*.jpg")):
                yield person, camera, vector(file, shade)


def regdb_by_hand(root: Path, shade: str, setting: str) -> Iterator[dict[str, float]]:
    """The ten splits; ranks count images."""
    asked, shown = ("thermal", "visible") if setting == "thermal-to-visible" else ("visible", "thermal")
    for split in range(1, 11):
        sides: Mapping[str, list[Seen]] = {
            side: [
                (int(line.split("/")[1]), 0, vector(root / line.split()[0], shade))
                for line in (root / f"idx/test_{side}_{split}.txt").read_text().splitlines()
            ]
            for side in (asked, shown)
        }
        yield by_hand(sides[asked], sides[shown], of_images=True, places=False)
