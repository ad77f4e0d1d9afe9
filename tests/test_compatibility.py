"""The page that says what stays compatible: its numbers are the code's, and what it says of answers holds for every answer."""

from __future__ import annotations

import json
import re
from typing import get_args

from pydantic import BaseModel

from rgbir.client import wire
from rgbir.client.evidence.manifest import Manifest
from rgbir.index import sealed
from rgbir.index.bundle import Card
from rgbir.index.detection.bundle import DetectorCard
from rgbir.index.exchange.card import FORMAT as EXCHANGED
from rgbir.index.exchange.card import FileCard
from rgbir.index.gallery.folder import cache
from rgbir.index.gallery.folder.place import FILE as GALLERY
from rgbir.index.gallery.folder.schema import FORMAT, MOVED, readable
from rgbir.server.access.keys import _File as Keys
from rgbir.server.cases.schema import FILE as CASES
from rgbir.server.cases.schema import FORMAT as OF_CASES
from tests.conftest import ROOT

PAGE = (ROOT / "docs/compatibility.md").read_text(encoding="utf-8")


def numbers(model: type[BaseModel]) -> str:
    """What a field `format` may be."""
    return ", ".join(map(str, get_args(model.model_fields["format"].annotation)))


def test_the_formats_of_the_page_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| (.+) \| (.+) \| (.+) \|$", PAGE.partition("## The formats")[2], re.MULTILINE)
    told = {what: (written, read) for what, written, read in rows if what not in ("file", "---")}
    read = sorted(map(int, readable()))

    assert numbers(Card) == numbers(DetectorCard) == str(sealed.FORMAT)
    assert told == {
        f"gallery, `{GALLERY}`": (f"{FORMAT}, or {MOVED} where cameras moved", f"{read[0]} to {read[-1]}"),
        f"cache of a gallery, `{cache.FOLDER}/{cache.MANIFEST}`": (str(cache.FORMAT),) * 2,
        "cards of encoders and detectors, `card.json`": (str(sealed.FORMAT),) * 2,
        "keys, `keys.json`": (numbers(Keys),) * 2,
        f"cases, `{CASES}`": (OF_CASES,) * 2,
        "evidence, `manifest.json`": (numbers(Manifest),) * 2,
        "card of exported embeddings": (EXCHANGED, numbers(FileCard)),
    }


def test_a_client_passes_over_what_a_newer_server_adds() -> None:
    models = [model for model in vars(wire).values() if isinstance(model, type) and issubclass(model, BaseModel)]
    assert len(models) > 50
    assert [model for model in models if model.model_config.get("extra") == "forbid"] == []


def test_what_is_deprecated_is_told_in_both_places() -> None:
    """The page says that nothing is; then neither the document of the interface nor the changelog names anything."""
    document = json.dumps(json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8")))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert "Nothing is deprecated today." in PAGE
    assert '"deprecated": true' not in document
    assert "### Deprecated" not in changelog
