"""A file that a recorder is still writing, read like one that is whole."""

from __future__ import annotations

import os
import time
from typing import BinaryIO

LOOK_S = 0.25


class Growing:
    """At the end of what is there it waits for more; when nothing came for so many seconds, that was the end.

    Args:
        patience: seconds without growth after which the file counts as closed.
    """

    def __init__(self, file: BinaryIO, patience: float) -> None:
        self.file, self.patience = file, patience

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; none only where the file doesn't grow any more."""
        waited = 0.0
        while not (data := self.file.read(size)) and waited < self.patience:
            time.sleep(LOOK_S)
            waited += LOOK_S
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()
