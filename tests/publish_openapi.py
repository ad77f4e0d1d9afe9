"""Writes docs/openapi.json from the application; run it after a wanted change of the protocol."""

from __future__ import annotations

import json
from pathlib import Path

from rgbir.server import Settings, create_app

if __name__ == "__main__":
    document = create_app(Settings(Path("g"), Path("b"))).openapi()
    target = Path(__file__).parents[1] / "docs/openapi.json"
    target.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
