"""How whoever does something long tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int], None]
"""Told of so many steps that were just done."""


def silent(done: int) -> None:
    """Tells nobody."""
