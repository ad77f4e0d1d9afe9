"""Searches that are re-ranked by affinity, beside plain ones of the same gallery."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rgbir.index.bench.clock import WARMED, each, seconds
from rgbir.index.bench.search import CAMERAS, People, enrolments
from rgbir.index.cameras import Camera, CameraNetwork, Modality
from rgbir.index.errors import UsageError
from rgbir.index.gallery.folder.gallery import Gallery
from rgbir.index.gallery.model import Model
from rgbir.index.gallery.query import Query
from rgbir.index.metric import Metric
from rgbir.index.nearest.affinity import Affinity
from rgbir.index.nearest.neighbours import MOST_KEPT
from rgbir.index.nearest.rerank import reranker


def bench_rerank(
    sightings: int = 20_000,
    dimension: int = 512,
    queries: int = 20,
    rerank: str = "aim",
    scratch: Path | None = None,
) -> dict[str, Any]:
    """Searches among the first candidates alone, and then with all lists of neighbours, where they are kept.

    What the processors worked, all together, stands beside the time of what takes long: other work on the machine doesn't change it.
    Rows lie around a centre for each person, twenty of them, in four cameras of which a query sees three in `three_cameras_ms`.

    Raises:
        UsageError: a re-ranking without lists.
    """
    by = reranker(rerank)
    if not isinstance(by, Affinity):
        raise UsageError(
            f"{rerank} keeps no lists of neighbours, so there is nothing to measure; say aim, or aim:k1,k2"
        )
    people = People(sightings, dimension, False)
    asked = [Query(row, top_k=10) for row in people.rows(queries, seed=1)]
    network = CameraNetwork("bench", tuple(Camera(str(c), frozenset({Modality.RGB}), str(c)) for c in range(CAMERAS)))
    with (
        tempfile.TemporaryDirectory(dir=scratch) as folder,
        Gallery.create(folder, Model("bench", "bench", Metric.COSINE, dimension), network) as gallery,
    ):
        for new in enrolments(people, sightings):
            gallery.add(new)
        plain = each(lambda query: gallery.search(query), asked)
        begun = time.process_time()
        first = seconds(lambda: gallery.search_affine(asked[0], by, candidates=1000))
        worked = time.process_time() - begun
        again = each(lambda query: gallery.search_affine(query, by, candidates=1000), [asked[0]] * 3)
        figures = {
            "plain_ms": 1000 * plain, "first_1000_ms": 1000 * first, "first_1000_processor_ms": 1000 * worked,
            "first_1000_again_ms": 1000 * again,
        }  # fmt: skip
        if sightings <= MOST_KEPT:
            figures |= _kept(gallery, asked, by)
        else:
            figures["others_first_1000_ms"] = 1000 * float(
                np.median([seconds(lambda q=query: gallery.search_affine(q, by)) for query in asked[1:]])  # type: ignore[misc]
            )
        return figures | {"lists": len(gallery.neighbours), "lists_mib": gallery.neighbours.bytes / 2**20}


def ratios(figures: dict[str, Any]) -> dict[str, float]:
    """A plain search's time against a re-ranked one's, among the first candidates and with all lists."""
    pairs = {"first_1000_again": "first_1000_again_ms", "reranked": "reranked_ms"}
    return {
        f"plain_against_{name}": figures["plain_ms"] / figures[key] for name, key in pairs.items() if key in figures
    }


def _kept(gallery: Gallery, asked: list[Query], by: Affinity) -> dict[str, float]:
    def finished() -> None:
        gallery.search_affine(asked[0], by)
        gallery.finish_lists()

    begun = time.process_time()
    made = seconds(finished)
    worked = time.process_time() - begun
    three = tuple(str(camera) for camera in range(1, CAMERAS))
    begun = time.process_time()
    whole = each(lambda query: gallery.search_affine(query, by), asked)
    of_one = (time.process_time() - begun) / (len(asked) + WARMED)
    some = each(lambda query: gallery.search_affine(replace(query, cameras=three), by), asked)
    gone = gallery.search(asked[1]).hits[0]
    removed = seconds(lambda: gallery.remove(ids=[gone.id]))
    after = seconds(lambda: gallery.search_affine(asked[1], by))
    return {
        "make_lists_s": made, "make_lists_processor_s": worked,
        "reranked_ms": 1000 * whole, "reranked_processor_ms": 1000 * of_one, "three_cameras_ms": 1000 * some,
        "remove_one_ms": 1000 * removed, "search_after_removal_ms": 1000 * after,
    }  # fmt: skip
