"""The shape of the project: what holds it together."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = ("client", "index", "training", "export", "server")


def test_the_namespace_stays_open() -> None:
    assert not [part for part in PARTS if (ROOT / part / "rgbir" / "__init__.py").exists()]
