"""The proof that a bundle computes what its method computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rgbir.export.errors import ParityFailure
from rgbir.export.graph import Served
from rgbir.index import Bundle, Encoder, Modality, Parity
from rgbir.training import Method

TOLERANCE = 1e-4
MANY = 7


def prove(
    method: Method,
    bundle: Bundle,
    images: Mapping[Modality, Sequence[NDArray[np.uint8]]] | None = None,
    tolerance: float = TOLERANCE,
) -> Parity:
    """Compares torch and ONNX Runtime on random and on the given images, one and many at a time, in each modality.

    The network computes in float64, so that what differs is the bundle's rounding and its errors, not torch's rounding.

    Args:
        images: uint8 (height, width, 3) each, by modality; real ones where there are any.
        tolerance: largest difference allowed, relative to the largest value of the embedding.

    Raises:
        ParityFailure: they differ more, or the network's embeddings aren't finite, or are the same for different images.
    """
    rng = np.random.default_rng(0)
    shape = (bundle.card.height, bundle.card.width, 3)
    inputs = [rng.integers(0, 256, (n, *shape), np.uint8) for n in (1, MANY)]
    inputs += [np.full((1, *shape), value, np.uint8) for value in (0, 255)]
    encoder = Encoder(bundle, batch=1024)
    worst, cases = 0.0, 0
    exact = deepcopy(method).double()
    for modality in Modality:
        served = Served(exact, modality)
        real = list((images or {}).get(modality, ()))
        for batch in [*inputs, *([np.stack(real[:1]), np.stack(real)] if real else [])]:
            with torch.inference_mode():
                expected = served(torch.from_numpy(batch)).numpy()
            if not np.isfinite(expected).all():
                raise ParityFailure(
                    f"the network's {modality.value} embeddings aren't finite: its weights are damaged; no bundle was written"
                )
            if len(batch) == MANY and _coincide(expected):
                raise ParityFailure(
                    f"the network gives different {modality.value} images one embedding: nobody could be told apart; no bundle"
                    " was written. Did the training fail?"
                )
            difference = np.abs(encoder.encode(batch, modality) - expected).max() / max(np.abs(expected).max(), 1e-12)
            worst, cases = max(worst, float(difference)), cases + 1
    if not worst <= tolerance:  # nor NaN
        raise ParityFailure(
            f"ONNX Runtime and torch differ by {worst:.2e} relative to the largest value, at most {tolerance:.0e} is allowed;"
            " no bundle was written"
        )
    return Parity(largest_relative_difference=worst, tolerance=tolerance, cases=cases)


def _coincide(embeddings: NDArray[np.floating[Any]]) -> bool:
    """Whether all rows are the same but for rounding."""
    return bool(np.abs(embeddings - embeddings[0]).max() <= 1e-9 * max(float(np.abs(embeddings).max()), 1e-30))
