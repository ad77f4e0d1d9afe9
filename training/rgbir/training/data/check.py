"""Whether all images of a run can be read, before it spends hours on those that can."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from rgbir.index import BadDataset, BadImage, ImageRecord, check_header, cores

Check = Literal["headers", "full", "none"]
"""How each file begins; all of its pixels, too; nothing."""

SHOWN = 5
"""How many damaged files a message names."""


def check_images(records: Iterable[ImageRecord], check: Check) -> None:
    """Looks at each file once, many at a time.

    Raises:
        BadDataset: some can't be read; how many, and the first of them.
    """
    if check == "none":
        return
    images = records if check == "full" else {record.path: record for record in records}.values()
    files = list({(record.path, record.box): record for record in images}.values())
    look = _header if check == "headers" else ImageRecord.decoded
    pool = ThreadPoolExecutor(4 * cores())  # disks and networks answer many at once
    try:
        faults = [fault for fault in pool.map(lambda record: _fault(look, record), files) if fault]
    finally:
        pool.shutdown(cancel_futures=True)
    if faults:
        more = f"; and {len(faults) - SHOWN:,} more" if len(faults) > SHOWN else ""
        raise BadDataset(
            f"{len(faults):,} of {len(files):,} images to train and validate on can't be read: {'; '.join(faults[:SHOWN])}{more}."
            " Mend them, or take them out of the folder"
        )


def _fault(look: Callable[[ImageRecord], object], record: ImageRecord) -> str | None:
    try:
        look(record)
    except BadImage as error:
        return str(error)
    return None


def _header(record: ImageRecord) -> None:
    check_header(record.path)
