"""What several files about the server begin with."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import BUNDLE
from tests.index.yard import network

from rgbir.index import Encoder, Gallery
from rgbir.server import Settings
from rgbir.server.access.keys import Keyring


@pytest.fixture
def empty(tmp_path: Path, encoder: Encoder) -> Path:
    """A gallery of two cameras, door and yard, that holds nothing."""
    Gallery.open_or_create(tmp_path / "gallery", encoder.card, network(["door", "yard"])).close()
    return tmp_path / "gallery"


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    """Keys that a server will ask for; none yet."""
    return Keyring(tmp_path / "keys.json")


@pytest.fixture
def settings(gallery: Gallery, ring: Keyring, tmp_path: Path) -> Settings:
    """Of a server with keys and an audit log."""
    return Settings(gallery.folder, BUNDLE, threads=1, keys=ring.file, audit=tmp_path / "audit.jsonl")
