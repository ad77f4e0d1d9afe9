"""The two distances, and the one arithmetic that decides an order.

A scan may be fast and rough; which of two sightings comes first is decided here, in float64, row by row, so an answer
doesn't depend on threads, batches, partitions or devices.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CHUNK_VALUES = 131_072  # a chunk's temporaries stay in the cache


class Metric(StrEnum):
    """How embeddings are compared. The training method decides, the card says it, the gallery obeys.

    EUCLIDEAN compares embeddings as they are. COSINE compares directions: embeddings are brought to length 1 once, when
    they enter (`prepare`), and 1 - cosine is their distance.
    """

    EUCLIDEAN = "euclidean"
    COSINE = "cosine"

    def prepare(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """The embeddings as this metric keeps them: float32 (n, d). A zero vector stays zero."""
        embeddings = np.ascontiguousarray(embeddings, np.float32)
        if self is Metric.EUCLIDEAN:
            return embeddings
        # Scaled by its largest entry first, so that neither huge nor tiny vectors overflow on the way.
        values = embeddings.astype(np.float64)
        values /= np.maximum(np.abs(values).max(axis=1, keepdims=True, initial=0), np.finfo(np.float64).tiny)
        lengths = np.sqrt((values * values).sum(axis=1, keepdims=True))
        scaled = (values / np.where(lengths > 0, lengths, 1)).astype(np.float32)
        # What is of length 1 already stays as it is, so that preparing twice changes nothing.
        wide = embeddings.astype(np.float64)
        ready = np.abs((wide * wide).sum(axis=1, keepdims=True) - 1) < 1e-6
        return np.where(ready, embeddings, scaled)

    def keys(self, query: NDArray[np.float32], rows: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """What decides the order: the squared Euclidean distance, or 1 - cosine. Both arguments are prepared.

        Args:
            query: float32 (d,), or (n, d) with one for each row.
            rows: float32 or float16 (n, d).

        Returns:
            float64 (n,), smaller is more alike. Each value depends on its own row and its query alone.
        """
        out = np.empty(len(rows), np.float64)
        wide = np.broadcast_to(query.astype(np.float64), rows.shape)
        step = max(1, _CHUNK_VALUES // max(1, rows.shape[1]))
        for start in range(0, len(rows), step):
            chunk = rows[start : start + step].astype(np.float64)
            if self is Metric.EUCLIDEAN:
                chunk -= wide[start : start + step]
                chunk *= chunk
                out[start : start + step] = chunk.sum(axis=1)
            else:
                chunk *= wide[start : start + step]
                out[start : start + step] = 1.0 - chunk.sum(axis=1)
        return out

    def distance(self, keys: NDArray[np.float64]) -> NDArray[np.float64]:
        """Keys, float64 of any shape, as people read them: the Euclidean distance itself, or 1 - cosine in 0..2."""
        return np.sqrt(keys) if self is Metric.EUCLIDEAN else np.clip(keys, 0.0, 2.0)
