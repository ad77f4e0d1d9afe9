"""Other engines that happen to be installed, on the same rows in the same run.

Each is asked as its documentation shows, by Euclidean distance. None of them certifies an answer; how many of the right rows
it found is told beside its time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from rgbir.index.bench.clock import best, each
from rgbir.index.errors import UsageError
from rgbir.index.machine import cores
from rgbir.index.words import did_you_mean, listed

Rows = NDArray[np.float32]
Numbers = NDArray[np.int64]


class Ask(Protocol):
    def __call__(self, queries: Rows, top_k: int) -> Numbers:
        """Row numbers of the nearest rows of each query (m, d): int64 (m, top_k)."""
        ...


class Peer(NamedTuple):
    """An engine.

    Attributes:
        package: whose version is told, and which must be installed.
        module: by which it is imported.
        opened: gives a way to ask it, with these rows (n, d) in it.
        exact: whether it looks at every row.
    """

    package: str
    module: str
    opened: Callable[[Rows], Any]
    exact: bool = True


def installed() -> dict[str, Peer]:
    """Those that can be asked here, by name."""
    return {name: peer for name, peer in PEERS.items() if find_spec(peer.module)}


def named(names: Sequence[str]) -> dict[str, Peer]:
    """Those that are named, in the order of `PEERS`.

    Args:
        names: an engine's name, or its package's.

    Raises:
        UsageError: no engine has a name, or its package isn't installed.
    """
    known = {peer.package: name for name, peer in PEERS.items()} | {name: name for name in PEERS}
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"no engine {unknown[0]!r}; there are {listed(PEERS)}{did_you_mean(unknown[0], known)}")
    wanted = {known[name] for name in names}
    there = installed()
    if absent := [name for name in PEERS if name in wanted and name not in there]:
        raise UsageError(f"{absent[0]} isn't installed: pip install {PEERS[absent[0]].package}, or leave it out")
    return {name: peer for name, peer in there.items() if name in wanted}


@contextmanager
def faiss_tuned(rows: Rows) -> Iterator[Ask]:
    """FAISS's flat index as well as one can set it up by hand: a part of the rows a core, and matrix products from two queries on."""
    parts = [part for part in np.array_split(np.arange(len(rows)), cores()) if len(part)]
    shards_of: Any = faiss.IndexShards  # its types leave two arguments out
    whole = shards_of(rows.shape[1], True, True)
    shards: list[Any] = []  # which FAISS doesn't keep
    for part in parts:
        shards.append(faiss.IndexFlatL2(rows.shape[1]))
        shards[-1].add(rows[part])
        whole.add_shard(shards[-1])
    threshold, threads = faiss.cvar.distance_compute_blas_threshold, faiss.omp_get_max_threads()
    faiss.cvar.distance_compute_blas_threshold = 2
    faiss.omp_set_num_threads(1)
    try:
        yield lambda queries, top_k: whole.search(queries, top_k)[1]
    finally:
        faiss.cvar.distance_compute_blas_threshold = threshold
        faiss.omp_set_num_threads(threads)
        del shards


def usearch_exact(rows: Rows) -> Any:
    from usearch.index import MetricKind, search

    def ask(queries: Rows, top_k: int) -> Numbers:
        matches = search(rows, queries, top_k, MetricKind.L2sq, exact=True, threads=cores())
        return np.asarray(matches.keys, np.int64).reshape(len(queries), -1)

    return nullcontext(ask)


def hnswlib_graph(rows: Rows) -> Any:
    import hnswlib

    index = hnswlib.Index("l2", rows.shape[1])
    index.init_index(len(rows), ef_construction=200, M=16)
    index.add_items(rows, np.arange(len(rows)))
    index.set_ef(128)
    return nullcontext(lambda queries, top_k: np.asarray(index.knn_query(queries, top_k)[0], np.int64))


@contextmanager
def lancedb_table(rows: Rows) -> Iterator[Ask]:
    import lancedb
    import pyarrow as pa

    with tempfile.TemporaryDirectory() as folder:
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])
        columns = {"number": pa.array(np.arange(len(rows))), "vector": vectors}
        table = lancedb.connect(folder).create_table("rows", pa.table(columns))

        def one_by_one(queries: Rows, top_k: int) -> Numbers:
            lists = [
                table.search(query).limit(top_k).select(["number", "_distance"]).to_arrow()["number"]
                for query in queries
            ]
            return np.array([numbers.to_pylist() for numbers in lists], np.int64)

        yield one_by_one


@contextmanager
def qdrant_local(rows: Rows) -> Iterator[Ask]:
    from qdrant_client import QdrantClient
    from qdrant_client import models as m

    client = QdrantClient(":memory:")
    client.create_collection("rows", vectors_config=m.VectorParams(size=rows.shape[1], distance=m.Distance.EUCLID))
    client.upload_collection("rows", vectors=rows, ids=range(len(rows)))

    def ask(queries: Rows, top_k: int) -> Numbers:
        requests = [m.QueryRequest(query=query.tolist(), limit=top_k) for query in queries]
        answers = client.query_batch_points("rows", requests)
        return np.array([[point.id for point in answer.points] for answer in answers], np.int64)

    try:
        yield ask
    finally:
        client.close()


@contextmanager
def milvus_lite(rows: Rows) -> Iterator[Ask]:
    from pymilvus import DataType, MilvusClient

    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        client = MilvusClient(str(Path(folder) / "rows.db"))
        stack.callback(client.close)
        schema = client.create_schema()
        schema.add_field("number", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=rows.shape[1])
        index = client.prepare_index_params()
        index.add_index("vector", index_type="FLAT", metric_type="L2")
        client.create_collection("rows", schema=schema, index_params=index)
        for start in range(0, len(rows), 1_000):
            part = range(start, min(start + 1_000, len(rows)))
            client.insert("rows", [{"number": number, "vector": rows[number]} for number in part])

        def ask(queries: Rows, top_k: int) -> Numbers:
            answers = client.search("rows", list(queries), limit=top_k, consistency_level="Strong")
            return np.array([[hit["number"] for hit in answer] for answer in answers], np.int64)

        yield ask


PEERS = {
    "faiss tuned": Peer("faiss-cpu", "faiss", faiss_tuned),
    "usearch exact": Peer("usearch", "usearch", usearch_exact),
    "hnswlib": Peer("hnswlib", "hnswlib", hnswlib_graph, exact=False),
    "lancedb": Peer("lancedb", "lancedb", lancedb_table),
    "qdrant local": Peer("qdrant-client", "qdrant_client", qdrant_local),
    "milvus-lite": Peer("milvus-lite", "milvus_lite", milvus_lite),
}
"""By name. Lists of neighbours of hnswlib are a graph, which may miss."""


def compared(
    engines: Mapping[str, Peer], rows: Rows, asked: Rows, joined: int, top_k: int, ours: Numbers
) -> dict[str, Any]:
    """Milliseconds of each engine, for one query and for `joined` together, and its share of the right rows.

    Args:
        engines: by name.
        rows: float32 (n, d).
        asked: float32 (m, d).
        joined: how many of them are asked together.
        top_k: nearest rows.
        ours: their numbers, int64 (m, top_k), by an exact search.
    """
    figures: dict[str, Any] = {}
    for name, peer in engines.items():
        key = f"peer_{name.replace(' ', '_').replace('-', '_')}"
        try:
            with peer.opened(rows) as ask:
                single, together, answered = _measured(ask, asked, joined, top_k)
        except Exception as error:  # whatever another engine raises, the others are measured
            figures[key] = f"not measured: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
            continue
        right = [len({*row.tolist()} & {*wanted.tolist()}) / top_k for row, wanted in zip(answered, ours, strict=True)]
        figures |= {
            f"{key}_ms": 1000 * single, f"{key}_joined_ms": 1000 * together, f"{key}_recall": float(np.mean(right)),
        }  # fmt: skip
    return figures


def _measured(ask: Ask, asked: Rows, joined: int, top_k: int) -> tuple[float, float, Numbers]:
    """Seconds of one query and of some together, and all answers."""
    single = each(lambda query: ask(query[None], top_k), asked)
    together = best(lambda: ask(asked[:joined], top_k), 2)
    return single, together, np.concatenate([ask(query[None], top_k) for query in asked])
