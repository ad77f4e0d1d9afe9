"""Files that lie where a reader looks and that it doesn't read: counted by reason, so that no set is half read in silence."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rgbir.index.words import listed

SYSTEM = frozenset({"thumbs.db", "desktop.ini", "__macosx", "readme.txt", "readme.md"})
"""What systems leave in folders, and what tells people about them. Dot files are of the same kind."""


def is_system(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM


def passed_over(folders: Iterable[Path], suffixes: Iterable[str], deeper: bool = False) -> Counter[str]:
    """How many entries of these folders aren't taken, by reason.

    Args:
        suffixes: what is taken, in small letters.
        deeper: whether folders in them are people's, of four digits, which are looked into by themselves.
    """
    taken, reasons = tuple(suffixes), Counter[str]()
    for folder in folders:
        if not folder.is_dir():
            continue
        for entry in os.scandir(folder):
            if is_system(entry.name):
                continue
            if entry.is_dir():
                reason = "in a folder too deep" if not deeper else "in a folder that is no identity of four digits"
                if not (deeper and len(entry.name) == 4 and entry.name.isascii() and entry.name.isdecimal()):
                    reasons[reason] += sum(not is_system(file) for _, _, files in os.walk(entry.path) for file in files)
            elif deeper:
                reasons["outside the people's folders"] += 1
            elif not entry.name.lower().endswith(taken):
                reasons[f"suffix {Path(entry.name).suffix.lower() or 'none'}"] += 1
    return +reasons


def passed_over_words(passed: Counter[str]) -> str:
    """In words."""
    reasons = listed(f"{count:,} {reason}" for reason, count in passed.most_common())
    return f"{passed.total():,} files of the data set are passed over: {reasons}"
