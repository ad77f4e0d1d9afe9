"""Files that outlive a power cut."""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(file: Path, content: str, mode: int = 0o644) -> None:
    """Writes a small file in one step: after a crash it is the old one or the new one, and once this returns it is the new one."""
    new = file.with_name(file.name + ".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as written:
        written.write(content)
        written.flush()
        os.fsync(written.fileno())
    new.replace(file)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """A new name in a folder outlives a power cut only once the folder itself is written."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
