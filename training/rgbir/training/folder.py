"""The files of a run's folder, as far as they are read without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

RECIPE, VERSIONS, DATA, NETWORK = "recipe.json", "versions.json", "data.json", "network.json"
LOG, LOCK = "log.jsonl", "lock"
CHECKPOINT, WEIGHTS = "checkpoint.pt", "weights.safetensors"


def parsed(line: str) -> dict[str, Any]:
    """A line of the log; empty if it was cut off."""
    try:
        content = json.loads(line)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def saved_updates(folder: Path, name: str = WEIGHTS) -> int | None:
    """How many updates made the weights of that name; None without weights, or where they don't tell."""
    try:
        with safe_open(folder / name, framework="np") as opened:
            return int((opened.metadata() or {}).get("updates", ""))
    except (OSError, SafetensorError, ValueError):
        return None
