"""A gallery's searches, beside bare FAISS on the same rows and the memory's bandwidth, in the same run."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from rgbir.index.bench.clock import best, each, seconds
from rgbir.index.bench.peers import Peer, compared, named
from rgbir.index.cameras import Camera, CameraNetwork, Modality
from rgbir.index.gallery.folder.gallery import Gallery
from rgbir.index.gallery.model import Model, Storage
from rgbir.index.gallery.query import Query
from rgbir.index.gallery.sightings import NewSighting
from rgbir.index.metric import Metric
from rgbir.index.nearest.devices import DeviceName, Gpus, device_named

CAMERAS, JOINED, _BLOCK = 4, 32, 4_000
_MOST_FLAT = 6 * 2**30  # bytes of a flat index beside the gallery; past that FAISS searches the gallery's own memory


def bench_search(
    sightings: int = 20_000,
    dimension: int = 512,
    queries: int = 50,
    top_k: int = 10,
    noise: bool = False,
    storage: Storage = Storage.FLOAT32,
    device: DeviceName = "cpu",
    scratch: Path | None = None,
    peers: Sequence[str] = (),
) -> dict[str, Any]:
    """Adds, opens, searches, removes: a gallery on disk against flat FAISS in memory.

    Rows lie as a trained model's do: around a centre for each person, twenty of them. `noise` has no people in it, the worst
    there is for a bound. On GPUs, bare FAISS searches the same rows there as well.

    Args:
        device: where the gallery's rows are searched once they were asked often enough.
        scratch: where the gallery is made; it takes about twice the embeddings' bytes there.
        peers: names of other engines that are asked the same, see `rgbir.index.bench.peers.PEERS`.

    Raises:
        UsageError: no engine has such a name, or it isn't installed.
    """
    engines = named(peers)
    people = People(sightings, dimension, noise)
    asked = people.rows(max(queries, JOINED), seed=1)
    network = CameraNetwork("bench", tuple(Camera(str(c), frozenset({Modality.RGB}), str(c)) for c in range(CAMERAS)))
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        with Gallery.create(folder, Model("bench", "bench", Metric.EUCLIDEAN, dimension), network, storage) as gallery:
            add_s = sum(seconds(lambda new=new: gallery.add(new)) for new in enrolments(people, sightings))  # type: ignore[misc]
        gallery, open_s = _opened(folder)
        with gallery:
            cache_s = seconds(gallery.save_cache)
        placed = device_named(device)
        gallery, mapped_s = _opened(folder, placed)
        with gallery:
            first_s = seconds(lambda: gallery.search(Query(asked[0], top_k=top_k)))
            for query in asked[:10]:
                gallery.search(Query(query, top_k=top_k))
            gallery.approximate.wait()
            time.sleep(0.5)  # where there are no codes yet, they are made beside the searches that ask for them
            gallery.search_many([Query(query, top_k=top_k) for query in asked[:JOINED]])
            before = gallery.view().widenings
            single = each(lambda q: gallery.search(Query(q, top_k=top_k)), asked)
            camera = each(lambda q: gallery.search(Query(q, top_k=top_k, cameras=["0"])), asked)
            widened, coded, size = gallery.view().widenings - before, gallery.view().coded, gallery.view().bytes
            joined = best(lambda: gallery.search_many([Query(query, top_k=top_k) for query in asked[:JOINED]]), 3)
            search, flat_size = _flat(gallery, dimension)
            bare_one = each(lambda q: search(q[None], top_k), asked)
            bare_joined = best(lambda: search(asked[:JOINED], top_k), 2)
            on_device = {} if placed is None else _on_gpu(gallery, placed, asked, top_k)
            beside = _peers(engines, gallery, people, sightings, asked, top_k) if engines else {}
            bandwidth = _bandwidth()
            gone = [hit.id for hit in gallery.search(Query(asked[1], top_k=1)).hits]
            remove_s = seconds(lambda: gallery.remove(ids=gone))
            after_s = seconds(lambda: gallery.search(Query(asked[1], top_k=top_k)))
    return {
        "add_per_s": sightings / add_s, "open_from_sqlite_s": open_s, "write_cache_s": cache_s, "open_from_cache_s": mapped_s,
        "first_search_ms": first_s * 1000, "remove_one_ms": remove_s * 1000, "search_after_removal_ms": after_s * 1000,
        "gallery_mib": size / 2**20, "bare_faiss_mib": flat_size / 2**20, "coded_rows": coded, "widenings": widened,
        "search_ms": single * 1000, "bare_faiss_ms": bare_one * 1000,
        "one_camera_ms": camera * 1000, "one_camera_share_of_rows": 1 / CAMERAS,
        "joined": JOINED, "joined_ms": joined * 1000, "bare_faiss_joined_ms": bare_joined * 1000,
        "memory_gb_per_s": bandwidth, "floats_read_at_gb_per_s": 4 * sightings * dimension / single / 1e9,
        **on_device, **beside,
    }  # fmt: skip


def ratios(figures: dict[str, Any]) -> dict[str, float]:
    """How many times as fast as each other engine, for one query and for joined ones; what is read, of the memory's bandwidth."""
    others = [name.removesuffix("_joined_ms") for name in figures if name.endswith("_joined_ms")]
    named = {name: name.replace("bare_", "flat_").removeprefix("peer_") for name in others}
    return {
        "floats_passed_against_memory": figures["floats_read_at_gb_per_s"] / figures["memory_gb_per_s"],
        "one_camera_against_all": figures["search_ms"] / figures["one_camera_ms"],
        **{f"against_{short}": figures[f"{name}_ms"] / figures["search_ms"] for name, short in named.items()},
        **{
            f"joined_against_{short}": figures[f"{name}_joined_ms"] / figures["joined_ms"]
            for name, short in named.items()
        },
    }


class People:
    """Rows around a centre a person."""

    def __init__(self, sightings: int, dimension: int, noise: bool) -> None:
        rng = np.random.default_rng(0)
        self.centres = np.float32(not noise) * rng.standard_normal((max(1, sightings // 20), dimension), np.float32)

    def rows(self, count: int, seed: int) -> NDArray[np.float32]:
        """float32 (count, d)."""
        rng = np.random.default_rng(seed)
        centres = self.centres[rng.integers(0, len(self.centres), count)]
        return centres + np.float32(0.6) * rng.standard_normal(centres.shape, np.float32)


def enrolments(people: People, sightings: int) -> Iterator[list[NewSighting]]:
    for start in range(0, sightings, _BLOCK):
        rows = people.rows(min(_BLOCK, sightings - start), seed=2 + start)
        numbered = [(f"{start + i}", row) for i, row in enumerate(rows)]
        yield [NewSighting(str(int(name) % CAMERAS), row, digest=name, source=name) for name, row in numbered]


def _opened(folder: str, device: Gpus | None = None) -> tuple[Gallery, float]:
    started = time.perf_counter()
    gallery = Gallery(folder, device)
    return gallery, time.perf_counter() - started


Flat = Callable[[NDArray[np.float32], int], Any]


def _flat(gallery: Gallery, dimension: int) -> tuple[Flat, int]:
    """FAISS's flat search of the gallery's rows as it comes, and the bytes that it takes beside them."""
    slabs = gallery.view().slabs(gallery.view().cameras)
    size = 4 * sum(map(len, slabs)) * dimension
    if size <= _MOST_FLAT:
        index = faiss.IndexFlatL2(dimension)
        for slab in slabs:
            index.add(np.ascontiguousarray(slab.vectors, np.float32))
        return index.search, size
    pieces: Sequence[NDArray[np.float32]] = [np.asarray(slab.vectors, np.float32) for slab in slabs]
    return lambda asked, top_k: [faiss.knn(asked, piece, top_k) for piece in pieces], 0


def _peers(
    engines: Mapping[str, Peer],
    gallery: Gallery,
    people: People,
    sightings: int,
    asked: NDArray[np.float32],
    top_k: int,
) -> dict[str, Any]:
    """What other engines take for the same rows, and which of the gallery's answers they give."""
    rows = np.concatenate([[new.embedding for new in block] for block in enrolments(people, sightings)])
    answers = gallery.search_many([Query(query, top_k=top_k) for query in asked])
    ours = np.array([[int(hit.source) for hit in answer.hits] for answer in answers], np.int64)
    return compared(engines, rows, asked, JOINED, top_k, ours)


def _on_gpu(gallery: Gallery, device: Gpus, asked: NDArray[np.float32], top_k: int) -> dict[str, Any]:
    """How many cameras were on GPUs, and what FAISS's flat search of all rows takes there, milliseconds."""
    view = gallery.view()
    slabs = view.slabs(view.cameras)
    flat = faiss.IndexFlatL2(slabs[0].vectors.shape[1])
    for slab in slabs:
        flat.add(np.ascontiguousarray(slab.vectors, np.float32))
    index = faiss.index_cpu_to_all_gpus(flat)
    return {
        "cameras_on_gpu": len(gallery.approximate.at_hand(view, list(view.cameras))),
        "bare_faiss_gpu_ms": each(lambda q: index.search(q[None], top_k), asked) * 1000,
        "bare_faiss_gpu_joined_ms": best(lambda: index.search(asked[:JOINED], top_k), 3) * 1000,
    }


def _bandwidth() -> float:
    """Gigabytes a second that all cores read together."""
    cores = len(os.sched_getaffinity(0))
    blocks = [np.ones(2**27, np.float32) for _ in range(cores)]
    with ThreadPoolExecutor(cores) as pool:
        taken = best(lambda: list(pool.map(np.max, blocks)))
    return sum(block.nbytes for block in blocks) / taken / 1e9
