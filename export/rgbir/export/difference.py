"""How far two ways to one embedding lie apart, and what a bundle is proven on. No torch is needed for it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PROCESSOR = ("CPUExecutionProvider",)
"""What a bundle is proven on: a GPU rounds factors to 10 bits, unless it is told not to."""
MANY = 7
"""Images at once in a proof."""


def difference(embeddings: NDArray[np.floating[Any]], right: NDArray[np.floating[Any]]) -> float:
    """The largest difference of float (n, d) from what is right, relative to the largest value of that."""
    return float(np.abs(embeddings - right).max() / max(float(np.abs(right).max()), 1e-12))


def coincide(embeddings: NDArray[np.floating[Any]]) -> bool:
    """Whether all rows of float (n, d) are the same but for rounding."""
    return bool(np.abs(embeddings - embeddings[0]).max() <= 1e-9 * max(float(np.abs(embeddings).max()), 1e-30))
