"""What commands say of images that are there and not used."""

from __future__ import annotations

import sys

from rgbir.index.cameras import Modality
from rgbir.index.datasets.cross import alone, remark_on
from rgbir.index.datasets.dataset import DataSet, Setting
from rgbir.index.datasets.passed import passed_over_words


def tell(data: DataSet, asked: Setting | None = None) -> bool:
    """Says what isn't used of a data set; whether some of it can't be.

    Args:
        asked: whose images asked each other across the modalities; None where they didn't.
    """
    remarks = data.remarks()
    if asked is not None:
        remarks += remark_on(alone(record for modality in Modality for record in data.test(modality, asked)))
    if over := data.passed_over():
        remarks.append(passed_over_words(over))
    for remark in remarks:
        print(remark, file=sys.stderr)
    return bool(over)
