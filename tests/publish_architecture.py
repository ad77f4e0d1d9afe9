"""Draws docs/images/architecture.svg from architecture.dot: `python -m tests.publish_architecture`.

It needs Graphviz (`apt-get install graphviz`). The picture keeps the sum of its text, so that a test without Graphviz
knows whether it was drawn again after a change.
"""

from __future__ import annotations

import hashlib
import subprocess

from tests.conftest import ROOT

TEXT = ROOT / "docs/images/architecture.dot"
PICTURE = TEXT.with_suffix(".svg")


def sum_of_text() -> str:
    return hashlib.sha256(TEXT.read_bytes()).hexdigest()


def drawn() -> str:
    svg = subprocess.run(["dot", "-Tsvg", TEXT], capture_output=True, check=True, text=True).stdout
    return f"{svg.rstrip()}\n<!-- {TEXT.name}, sha256 {sum_of_text()} -->\n"


if __name__ == "__main__":
    PICTURE.write_text(drawn(), encoding="utf-8")
