"""What this machine does: each figure beside the bare library's, on the same data in the same run."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from rgbir.index.bundle import Bundle
from rgbir.index.cameras import Camera, CameraNetwork, Modality
from rgbir.index.datasets import SysuMM01
from rgbir.index.datasets.sysu_mm01 import VISIBLE
from rgbir.index.encoder import Encoder
from rgbir.index.gallery import Gallery
from rgbir.index.ingest import enrol
from rgbir.index.metric import Metric
from rgbir.index.model import Model
from rgbir.index.search import Query
from rgbir.index.sightings import NewSighting
from rgbir.index.synthetic import Split, synthesize

CAMERAS = 4


def bench_search(
    sightings: int = 20_000, dimension: int = 512, queries: int = 100, top_k: int = 10, noise: bool = False
) -> dict[str, Any]:
    """One query at a time, exact: the gallery against a bare flat FAISS index of the same rows.

    Rows lie as a trained model's do: around a centre for each person, twenty of them. `noise` has no people in it, the worst
    there is for a bound.
    """
    rng = np.random.default_rng(0)
    centres = np.float32(not noise) * rng.standard_normal((max(1, sightings // 20), dimension), dtype=np.float32)
    rows, asked = (
        centres[rng.integers(0, len(centres), n)]
        + np.float32(0.6) * rng.standard_normal((n, dimension), dtype=np.float32)
        for n in (sightings, queries)
    )
    network = CameraNetwork("bench", tuple(Camera(str(c), frozenset({Modality.RGB}), str(c)) for c in range(CAMERAS)))
    with tempfile.TemporaryDirectory() as folder:
        with Gallery.create(folder, Model("bench", "bench", Metric.EUCLIDEAN, dimension), network) as gallery:
            new = [NewSighting(str(i % CAMERAS), row, f"{i}") for i, row in enumerate(rows)]
            add_s = _seconds(lambda: [gallery.add(new[i : i + 1000]) for i in range(0, sightings, 1000)])
            gallery.view()
        open_s = _seconds(lambda: Gallery(folder).close())
        with Gallery(folder) as gallery:
            for query in asked[:20]:
                gallery.search(Query(query, top_k=top_k))
            time.sleep(0.5)  # codes are made beside the searches that ask for them
            before = gallery.view().widenings
            ours = _each(lambda q: gallery.search(Query(q, top_k=top_k)), asked)
            widened, coded = gallery.view().widenings - before, gallery.view().coded
    flat = faiss.IndexFlatL2(dimension)
    flat.add(rows)
    bare = _each(lambda q: flat.search(q[None], top_k), asked)
    return {
        "sightings": sightings, "dimension": dimension, "threads": faiss.omp_get_max_threads(), "faiss": faiss.__version__,
        "add_per_s": sightings / add_s, "open_s": open_s,
        "coded_rows": coded, "widenings": widened,
        "search_ms": ours * 1000, "bare_faiss_ms": bare * 1000, "ratio": ours / bare,
    }  # fmt: skip


def bench_encode(bundle: Path, identities: int = 20, images: int = 6, batch: int = 32) -> dict[str, Any]:
    """Images a second of bulk enrolment, decoding and writing included, against the bare session on ready pixels."""
    with tempfile.TemporaryDirectory() as folder:
        people = Path(folder) / "people"
        synthesize(people, Split(0, 0, identities), images)
        records = list(SysuMM01(people).records("test", VISIBLE))
        encoder = Encoder(Bundle(bundle), batch=batch)
        pixels = np.random.default_rng(0).integers(
            0, 256, (len(records), encoder.card.height, encoder.card.width, 3), np.uint8
        )
        encoder.encode(pixels[:batch], Modality.RGB)
        bare = _seconds(lambda: encoder.encode(pixels, Modality.RGB))
        with Gallery.create(
            Path(folder) / "gallery", Model.of(encoder.card), CameraNetwork.read("sysu-mm01")
        ) as gallery:
            ours = _seconds(lambda: enrol(records, encoder, gallery, batch=batch))
    return {
        "images": len(records), "threads": encoder.threads, "providers": encoder.providers,
        "index_add_per_s": len(records) / ours, "bare_session_per_s": len(records) / bare, "ratio": bare / ours,
    }  # fmt: skip


def _each(ask: Callable[[np.typing.NDArray[np.float32]], Any], queries: np.typing.NDArray[np.float32]) -> float:
    """Median seconds of a call, after a warm-up."""
    for query in queries[:5]:
        ask(query)
    return float(np.median([_seconds(lambda q=query: ask(q)) for query in queries]))  # type: ignore[misc]


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
