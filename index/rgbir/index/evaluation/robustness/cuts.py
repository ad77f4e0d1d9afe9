"""How values are divided into slices that a reader can name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Cut = tuple[str, NDArray[np.bool_]]
"""A slice's name, and which values are in it."""


def thirds(values: NDArray[np.float64], unit: str = "") -> list[Cut]:
    """The least, the middle and the largest third of values (n,); fewer where values are alike. Unknown ones (NaN) apart."""
    known = values[~np.isnan(values)]
    if not len(known):
        return []
    a, b = (float(edge) for edge in np.quantile(known, [1 / 3, 2 / 3], method="lower"))
    tail = f" {unit}" if unit else ""
    parts = [
        (f"up to {a:.4g}{tail}", values <= a),
        (f"over {a:.4g} to {b:.4g}{tail}", (values > a) & (values <= b)),
        (f"over {b:.4g}{tail}", values > b),
    ]
    return with_unknown(parts, values)


def between(values: NDArray[np.float64], edges: Sequence[float], names: Sequence[str]) -> list[Cut]:
    """Values (n,) below the first edge, from each edge on, and from the last one on; one name more than edges."""
    place = np.searchsorted(np.asarray(edges), values, side="right")
    return with_unknown([(name, (place == n) & ~np.isnan(values)) for n, name in enumerate(names)], values)


def with_unknown(parts: list[Cut], values: NDArray[np.float64]) -> list[Cut]:
    """Slices of values (n,), without empty ones, and with one of what isn't known."""
    return [(name, mask) for name, mask in [*parts, ("not known", np.isnan(values))] if mask.any()]
