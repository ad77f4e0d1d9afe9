"""A small tree of the toy, as it goes into `tests/layouts.py`."""

from __future__ import annotations

from pathlib import Path

from tests.layouts import INFRARED, VISIBLE

from rgbir.index import SysuMM01


def toy(root: Path, people: SysuMM01) -> Path:
    """Eight people, of whom those of even numbers train."""
    for folder, cameras in (("toy_rgb", VISIBLE), ("toy_ir", INFRARED)):
        (root / folder).mkdir(parents=True)
        for record in people.records("available", cameras):
            name = f"{record.identity:04d}_{record.camera}{record.number:04d}.jpg"
            (root / folder / name).write_bytes(record.path.read_bytes())
    return root
