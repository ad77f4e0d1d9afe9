"""Sites, galleries and sightings for tests that need rows and no story."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rgbir.index import Camera, CameraNetwork, Crop, Gallery, Metric, Modality, Model, NewSighting, Storage
from rgbir.index.cameras import Passage


def network(
    rgb: Iterable[str], ir: Iterable[str] = (), both: Iterable[str] = (), passages: tuple[Passage, ...] = ()
) -> CameraNetwork:
    """Cameras for colour, for infrared, and for both; a mapping gives each its place, else each looks at its own."""
    kinds = {(Modality.RGB,): rgb, (Modality.IR,): ir, tuple(Modality): both}
    cameras = [
        Camera(name, frozenset(modalities), names[name] if isinstance(names, Mapping) else name)
        for modalities, names in kinds.items()
        for name in names
    ]
    return CameraNetwork("yard", tuple(cameras), passages)


YARD = network("ab")


def model(dimension: int = 16, metric: Metric = Metric.EUCLIDEAN, fingerprint: str = "f" * 16) -> Model:
    """A model that nobody has."""
    return Model("m", fingerprint, metric, dimension)


def random_rows(n: int, dimension: int = 16, seed: int = 0) -> NDArray[np.float32]:
    """(n, dimension), of a normal distribution."""
    return np.random.default_rng(seed).standard_normal((n, dimension)).astype(np.float32)


def sightings(
    rows: int | NDArray[np.float32],
    first: int = 0,
    cameras: Sequence[str] = "ab",
    *,
    taken_at: datetime | None = None,
    people: int | None = None,
    tracks: int | None = None,
    crop_bytes: int = 0,
) -> list[NewSighting]:
    """Numbered from `first`, which draws so many rows too if none are given. Cameras, people and tracks come in turn.

    Args:
        people: how many identities there are, from 0 on; None if nobody is known.
        tracks: how many there are, from t0 on; None for none.
        crop_bytes: how long each crop is; 0 for none.
    """
    rows = random_rows(rows, seed=first) if isinstance(rows, int) else rows
    return [
        NewSighting(
            cameras[number % len(cameras)],
            row,
            f"digest-{number}",
            f"{number}.jpg",
            taken_at,
            None if people is None else number % people,
            None if tracks is None else f"t{number % tracks}",
            Crop("image/png", bytes([number % 256]) * crop_bytes) if crop_bytes else None,
        )
        for number, row in enumerate(rows, first)
    ]


def filled(
    folder: Path,
    new: Sequence[NewSighting],
    network: CameraNetwork = YARD,
    metric: Metric = Metric.EUCLIDEAN,
    storage: Storage = Storage.FLOAT32,
) -> Gallery:
    """A gallery of these sightings, one at least, in a folder."""
    gallery = Gallery.create(folder, model(len(new[0].embedding), metric), network, storage)
    gallery.add(new)
    return gallery
