"""FAISS's exact search on the device: rows in float16, and how near it comes to the memory's bandwidth."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch  # first: it loads CUDA's libraries, which FAISS needs
from torch import Tensor

from rgbir.export.bench.settings import Figures, NotMeasured, Settings, Steps, typical

NEAREST = 10
_CHUNK_BYTES = 2**30
_SPARE = 3 * 2**30
"""Bytes for FAISS's own work and the queries' scores."""
Ask = Callable[[Any], tuple[Any, Any]]


def steps(settings: Settings) -> Steps:
    """The ten nearest of random rows by inner product, milliseconds of one query and of `queries` together.

    `index` is FAISS's flat index, whose rows are a copy in float16; `direct` the same search of a float16 tensor where it
    lies, without a copy; `cuvs` that search by cuVS's kernels. `…_gb_per_s` is what one query reads, rows x dimension x 2
    bytes, in its time (x 4 on the processor, where FAISS keeps float32). A copy reads half of the bytes that it moves, so `…_of_copy_reads` may be up to 2: a search writes
    next to nothing and has the whole bandwidth for reading. `…_of_copy_traffic` is its share of all that a copy moves.
    """
    kinds: dict[str, Callable[[Settings, int], Ask]] = {"direct": _direct, "index": _index, "cuvs": _cuvs}
    return {
        f"search_{kind}_{rows}": partial(_searched, settings, f"search_{kind}_{rows}", rows, make)
        for kind, make in kinds.items()
        for rows in settings.rows
    }


def _searched(settings: Settings, name: str, rows: int, make: Callable[[Settings, int], Ask]) -> Figures:
    try:
        ask = make(settings, rows)
        asked = _moved(settings, rows)
        nearest = torch.as_tensor(ask(asked)[1]).cpu()[:, 0]
        if not torch.equal(nearest, _places(settings, rows)):
            right = int((nearest == _places(settings, rows)).sum())
            raise NotMeasured(f"{right} of {len(asked)} rows that were moved a little are their queries' nearest")
        repeats = max(3, settings.repeats // 2)
        single = typical(lambda: _waited(settings, ask, asked[:1]), repeats, 2)
        joined = typical(lambda: _waited(settings, ask, asked), repeats, 2)
    finally:
        ask = None  # type: ignore[assignment]
        gc.collect()
        if settings.on_gpu:
            torch.cuda.empty_cache()
    return {
        f"{name}_ms": 1000 * single,
        f"{name}_joined_ms": 1000 * joined,
        f"{name}_gb_per_s": (2 if settings.on_gpu else 4) * rows * settings.dimension / single / 1e9,
    }


def _waited(settings: Settings, ask: Ask, asked: Tensor) -> None:
    ask(asked)
    if settings.on_gpu:
        torch.cuda.synchronize()


def _expect_memory(settings: Settings, rows: int, copies: float) -> None:
    """Raises NotMeasured where the device has less free than rows in float16 and work beside them take."""
    if settings.on_gpu:
        free = torch.cuda.mem_get_info()[0]
        needed = copies * 2 * rows * settings.dimension + 3 * _CHUNK_BYTES + _SPARE
        if needed > free:
            raise NotMeasured(
                f"it needs {needed / 2**30:.0f} GiB of the device's memory and {free / 2**30:.0f} are free"
            )


def _direct(settings: Settings, rows: int, use_cuvs: bool = False) -> Ask:
    import faiss

    _expect_memory(settings, rows, 1)
    if not settings.on_gpu:
        kept = torch.cat([chunk for _, chunk in _chunks(settings, rows)]).numpy()
        return lambda asked: faiss.knn(asked.numpy(), kept, NEAREST, metric=faiss.METRIC_INNER_PRODUCT)
    import faiss.contrib.torch_utils

    halves = torch.empty((rows, settings.dimension), dtype=torch.float16, device=settings.device)
    for start, chunk in _chunks(settings, rows):
        halves[start : start + len(chunk)] = chunk
    del chunk
    torch.cuda.empty_cache()
    resources = faiss.StandardGpuResources()
    options: dict[str, Any] = {
        "metric": faiss.METRIC_INNER_PRODUCT,
        "device": torch.cuda.current_device(),
        "use_cuvs": use_cuvs,
    }
    return lambda asked: faiss.knn_gpu(resources, asked.half(), halves, NEAREST, **options)


def _cuvs(settings: Settings, rows: int) -> Ask:
    settings.expect_gpu()
    return _direct(settings, rows, use_cuvs=True)


def _index(settings: Settings, rows: int) -> Ask:
    """A flat index of all rows; it needs twice their memory, since it grows by copying."""
    import faiss

    index: Any
    _expect_memory(settings, rows, 2)
    if settings.on_gpu:
        resources = faiss.StandardGpuResources()
        config = faiss.GpuIndexFlatConfig()
        config.device, config.useFloat16 = torch.cuda.current_device(), True
        if hasattr(config, "use_cuvs"):
            config.use_cuvs = False
        index = faiss.GpuIndexFlatIP(resources, settings.dimension, config)
    else:
        index = faiss.IndexFlatIP(settings.dimension)
    given = _taken_by(index)
    for _, chunk in _chunks(settings, rows):
        index.add(given(chunk))
    return lambda asked: index.search(given(asked), NEAREST)


def _taken_by(index: Any) -> Callable[[Tensor], Any]:
    """How an index takes a tensor: as it is, or as an array where FAISS doesn't work with torch here."""
    try:
        import faiss.contrib.torch_utils  # noqa: F401  lets indexes take tensors

        index.add(torch.ones((2, index.d), device="cuda" if hasattr(index, "getDevice") else "cpu"))
        index.reset()
    except Exception:  # whatever it was: arrays work with every FAISS
        return lambda rows: rows.cpu().numpy()
    return lambda rows: rows


def _chunks(settings: Settings, rows: int) -> Iterator[tuple[int, Tensor]]:
    """Where a chunk begins, and its random rows, float32 (n, dimension) on the device; the same each time."""
    most = max(1, _CHUNK_BYTES // (4 * settings.dimension))
    for start in range(0, rows, most):
        yield start, _chunk(settings, start, min(most, rows - start))


def _chunk(settings: Settings, start: int, count: int) -> Tensor:
    generator = torch.Generator(settings.device).manual_seed(start)
    return torch.randn((count, settings.dimension), device=settings.device, generator=generator)


def _places(settings: Settings, rows: int) -> Tensor:
    """Rows that are looked for: int64 (queries,), from the first to the last."""
    return torch.linspace(0, rows - 1, settings.queries, dtype=torch.float64).long()


def _moved(settings: Settings, rows: int) -> Tensor:
    """These rows, moved by a tenth of their length: float32 (queries, dimension) on the device."""
    places = _places(settings, rows)
    asked = torch.empty((len(places), settings.dimension), device=settings.device)
    for start, chunk in _chunks(settings, rows):
        for number, place in enumerate(places.tolist()):
            if start <= place < start + len(chunk):
                asked[number] = chunk[place - start]
    return asked + 0.1 * torch.randn(asked.shape, device=settings.device)
