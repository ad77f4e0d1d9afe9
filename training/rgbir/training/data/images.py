"""Which images a run trains on."""

from __future__ import annotations

import re

from rgbir.index import DataSet, ImageRecord, Setting
from rgbir.training.recipe import Data


def training_records(data: DataSet, settings: Data) -> list[ImageRecord]:
    """The training images of a data set: of SYSU-MM01's list, of RegDB's split, or all that there are.

    Raises:
        BadDataset: the folder breaks a promise of its layout.
    """
    return list(data.training(Setting(settings.train_identities, split=settings.split)))


def name_of(data: DataSet, settings: Data) -> str:
    """The data set's name in a bundle's: its folder's or table's, in small letters and underscores; with the split, where it has splits."""
    root = data.root.resolve()
    name = re.sub(r"[^a-z0-9]+", "_", (root.name if root.is_dir() else root.stem).lower()).strip("_") or "data"
    return f"{name}_split{settings.split}" if "split" in data.choices else name
