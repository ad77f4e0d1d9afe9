"""A search without a server: what `rgbir search --gallery` does, and what a script may do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rgbir.index.addresses import open_gallery
from rgbir.index.bundle import Bundle
from rgbir.index.cameras import Modality
from rgbir.index.encoder import Encoder
from rgbir.index.images import decode, read_bytes
from rgbir.index.search import Answer
from rgbir.index.searcher import Searcher, SearchOptions


def search(
    images: Sequence[Path],
    *,
    gallery: str,
    bundle: Path,
    camera: str | None = None,
    modality: str | None = None,
    cameras: Sequence[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    identity: int | None = None,
    track: str | None = None,
    top_k: int = 10,
) -> Answer:
    """Opens gallery and bundle, searches once, closes them. Several images are several shots of one person.

    Raises:
        IndexFailure: whatever stands in the way; its text says what to do.
    """
    started = time.perf_counter()
    shots = [decode(read_bytes(path), str(path)) for path in images]
    decoding = (time.perf_counter() - started) * 1000
    named = None if modality is None else Modality(modality)
    options = SearchOptions(
        camera, named, None if cameras is None else tuple(cameras), since, until, identity, top_k, track
    )
    with open_gallery(gallery) as opened:
        return Searcher(Encoder(Bundle(bundle)), opened).search(shots, options, decoding)
