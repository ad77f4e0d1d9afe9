"""The images of a folder by name."""

from __future__ import annotations

import os
from pathlib import Path


def jpegs(folder: Path) -> tuple[str, ...]:
    """Names that end in .jpg, whatever the case, ascending as bytes; none if there is no folder. Dot files are passed over."""
    if not folder.is_dir():
        return ()
    names = [name for name in os.listdir(folder) if name.lower().endswith(".jpg") and not name.startswith(".")]
    return tuple(sorted(names, key=os.fsencode))
