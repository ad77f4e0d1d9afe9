"""Which images a run trains on."""

from __future__ import annotations

import re

from rgbir.index import LLCM, Benchmark, ImageRecord, Market1501, Modality, RegDB, SysuMM01
from rgbir.training.recipe import Data


def training_records(data: Benchmark, settings: Data) -> list[ImageRecord]:
    """The training images of a data set: of SYSU-MM01's list, of RegDB's split, or all that there are.

    Raises:
        BadDataset: the folder breaks a promise of its layout.
    """
    match data:
        case SysuMM01():
            return list(data.records(settings.train_identities))
        case RegDB():
            return [record for modality in Modality for record in data.records(settings.split, "train", modality)]
        case LLCM():
            return [record for modality in Modality for record in data.training(modality)]
        case Market1501():
            return list(data.records("train"))


def name_of(data: Benchmark, settings: Data) -> str:
    """The data set's name in a bundle's: its folder's, in small letters and underscores; RegDB's with the split."""
    name = re.sub(r"[^a-z0-9]+", "_", data.root.resolve().name.lower()).strip("_") or "data"
    return f"{name}_split{settings.split}" if isinstance(data, RegDB) else name
