"""What commands say of images that are there and not used."""

from __future__ import annotations

from collections.abc import Sequence

from rgbir.index.cameras import Modality
from rgbir.index.cli.output import Skip, remark
from rgbir.index.datasets.cross import alone, remark_on
from rgbir.index.datasets.dataset import DataSet, Setting
from rgbir.index.datasets.frames import FrameSet
from rgbir.index.datasets.passed import passed_over_words
from rgbir.index.datasets.records import Skipped

_SHOWN = 20


def tell(data: DataSet | FrameSet, asked: Setting | None = None) -> bool:
    """Says what isn't used of a data set; whether some of it can't be.

    Args:
        asked: whose images asked each other across the modalities; None where they didn't.
    """
    remarks = data.remarks()
    if asked is not None and isinstance(data, DataSet):
        remarks += remark_on(alone(record for modality in Modality for record in data.test(modality, asked)))
    if over := data.passed_over():
        remarks.append(passed_over_words(over))
    for text in remarks:
        remark(text)
    return bool(over)


def list_skipped(skipped: Sequence[Skipped], all_by: str = "--json lists them all") -> None:
    """Names the first of what was left out, and why."""
    for item in skipped[:_SHOWN]:
        remark(f"skipped {item.source}: {item.reason}")
    if len(skipped) > _SHOWN:
        remark(f"… and {len(skipped) - _SHOWN} more; {all_by}")


def skips(skipped: Sequence[Skipped]) -> list[Skip]:
    """As JSON has them."""
    return [Skip(source=str(item.source), reason=item.reason) for item in skipped]
