"""What this machine does: each figure beside the bare library's, on the same data in the same run."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.index.bench.clock import best, seconds
from rgbir.index.bulk import bulk_callers, in_order
from rgbir.index.bundle import Bundle
from rgbir.index.cameras import CameraNetwork, Modality
from rgbir.index.datasets.records import ImageRecord
from rgbir.index.datasets.sysu_mm01 import VISIBLE, SysuMM01
from rgbir.index.encoder import Encoder
from rgbir.index.enrolment.enrol import enrol
from rgbir.index.gallery.folder.gallery import Gallery
from rgbir.index.gallery.model import Model
from rgbir.index.machine import cores
from rgbir.index.runner import Runner
from rgbir.index.synthetic import Split, synthesize


def bench_encode(
    bundle: Path,
    identities: int = 20,
    images: int = 6,
    batch: int = 32,
    runner: str = "onnxruntime",
    threads: int | None = None,
) -> dict[str, Any]:
    """Images a second of bulk enrolment, decoding and writing included, against the bare session on ready pixels.

    The bare session takes one batch after the other with all threads. In lanes, threads take batches of their own. The quicker
    of both, and Pillow, both take all cores. So their times added are what a program could reach that does nothing else. Of each
    the least of three times counts.

    For another runner than ONNX Runtime with its usual memory, its bare session is measured against that, too.
    """
    encoder = Encoder(Bundle(bundle), batch=batch, runner=runner, threads=threads)
    of_bulk = Encoder(Bundle(bundle), batch=batch, runner=runner, threads=threads, callers=bulk_callers())
    with tempfile.TemporaryDirectory() as folder:
        people = Path(folder) / "people"
        synthesize(people, Split(0, 0, identities), images)
        records = list(SysuMM01(people).records("test", VISIBLE))
        pixels = np.random.default_rng(0).integers(
            0, 256, (len(records), encoder.card.height, encoder.card.width, 3), np.uint8
        )
        bare, in_lanes, ready = _bare(encoder, pixels), _in_lanes(of_bulk, pixels), _pillow(records, encoder)
        ours = min(_enrolled(records, of_bulk, Path(folder) / f"gallery-{time}", batch) for time in range(3))
    figures = {
        "images": len(records), "threads": encoder.threads, "lanes": of_bulk.lanes,
        "providers": encoder.providers, "runner": str(encoder.runner),
        "index_add_per_s": len(records) / ours, "bare_session_per_s": len(records) / bare, "ratio": bare / ours,
        "bare_lanes_per_s": len(records) / in_lanes, "bare_pillow_per_s": len(records) / ready,
        "libraries_together_per_s": len(records) / (min(bare, in_lanes) + ready),
    }  # fmt: skip
    if encoder.runner != Runner():
        usual = _bare(Encoder(Bundle(bundle), batch=batch, threads=threads), pixels)
        figures |= {"bare_onnxruntime_per_s": len(records) / usual, "runner_against_onnxruntime": usual / bare}
    return figures


def ratios(figures: dict[str, Any]) -> dict[str, float]:
    """Enrolment against the bare session, and against session and Pillow together; another runner's against ONNX Runtime's."""
    names = {"index_add_against_bare_session": "ratio", "runner_against_onnxruntime": "runner_against_onnxruntime"}
    return {name: figures[key] for name, key in names.items() if key in figures} | {
        "index_add_against_libraries": figures["index_add_per_s"] / figures["libraries_together_per_s"]
    }


def _enrolled(records: list[ImageRecord], encoder: Encoder, folder: Path, batch: int) -> float:
    """Seconds of enrolling them in a new gallery."""
    with Gallery.create(folder, Model.of(encoder.card), CameraNetwork.read("sysu-mm01")) as gallery:
        return seconds(lambda: enrol(records, encoder, gallery, batch=batch))


def _pillow(records: list[ImageRecord], encoder: Encoder) -> float:
    """Seconds of reading, decoding and resizing them by Pillow alone, on all cores, the least of three."""
    size = (encoder.card.width, encoder.card.height)

    def decoded(record: ImageRecord) -> Image.Image:
        return Image.open(record.path).convert("RGB").resize(size, Image.Resampling.BILINEAR)

    with ThreadPoolExecutor(cores()) as pool:
        return best(lambda: list(pool.map(decoded, records)), 3)


def _in_lanes(encoder: Encoder, pixels: NDArray[np.uint8]) -> float:
    """Seconds of encoding them in the encoder's lanes, the least of three."""
    size = -(-encoder.batch // encoder.lanes)
    parts = [pixels[start : start + size] for start in range(0, len(pixels), size)]
    return best(
        lambda: list(in_order(lambda part: encoder.encode(part, Modality.RGB), parts, encoder.lanes)),
        3,
    )


def _bare(encoder: Encoder, pixels: NDArray[np.uint8]) -> float:
    """Seconds of encoding them, the least of three."""
    return best(lambda: encoder.encode(pixels, Modality.RGB), 3)
