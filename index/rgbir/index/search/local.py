"""A search without a server: what `rgbir search --gallery` does, and what a script may do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rgbir.index.bundle import Bundle
from rgbir.index.encoder import Encoder
from rgbir.index.gallery.addresses import open_gallery
from rgbir.index.gallery.options import SearchOptions
from rgbir.index.gallery.query import Answer
from rgbir.index.images import decode, read_bytes
from rgbir.index.search.searcher import Searcher


def search(
    images: Sequence[Path],
    *,
    gallery: str,
    bundle: Path,
    like: str | None = None,
    runner: str = "onnxruntime",
    **options: Any,
) -> Answer:
    """Opens gallery and bundle, searches once, closes them. Several images are several shots of one person.

    Args:
        like: a sighting's id, in place of images.
        runner: what computes the model, see `Encoder`.
        options: the fields of `SearchOptions`, as `SearchOptions.read` takes them.

    Raises:
        IndexFailure: whatever stands in the way; its text says what to do.
    """
    started = time.perf_counter()
    shots = [decode(read_bytes(path), str(path)) for path in images]
    decoding = (time.perf_counter() - started) * 1000
    wanted = SearchOptions.read(options)
    with open_gallery(gallery) as opened:
        searcher = Searcher(Encoder(Bundle(bundle), runner=runner), opened)
        return searcher.like(like, wanted) if like else searcher.search(shots, wanted, decoding)
