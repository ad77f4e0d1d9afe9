"""The proof that a bundle computes what its method computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rgbir.export.difference import MANY, PROCESSOR, coincide, difference
from rgbir.export.errors import ParityFailure
from rgbir.export.graph import Served
from rgbir.index import Bundle, Encoder, Modality, Parity
from rgbir.training import Method

ROUNDING = 1e-5
"""What any network may lose by rounding to float32."""
TIMES = 8
"""How often what torch loses by rounding ONNX Runtime may lose: it adds in another order."""
UNSTEADY = 1e-3
"""Where rounding alone takes more than this of an embedding, two machines would not agree on it."""


def prove(
    method: Method, bundle: Bundle, images: Mapping[Modality, Sequence[NDArray[np.uint8]]] | None = None
) -> Parity:
    """As `prove_networks`, of a method; images are uint8 (height, width, 3) each.

    Raises:
        ParityFailure: see there.
    """
    return prove_networks({modality: Served(method, modality) for modality in Modality}, bundle, images)


def prove_networks(
    networks: Mapping[Modality, nn.Module],
    bundle: Bundle,
    images: Mapping[Modality, Sequence[NDArray[np.uint8]]] | None = None,
) -> Parity:
    """Compares torch and ONNX Runtime on random and on the given images, one and many at a time, in each modality.

    The right answer is torch's in float64. ONNX Runtime may be a little further from it than torch in float32 is, and
    no more: some networks lose a hundred times as much by rounding as others. Differences are relative to the largest
    value of a batch's embeddings.

    Args:
        networks: in evaluation mode, from uint8 (n, height, width, 3) to float (n, d) in their own precision.
        bundle: their graphs in float32.
        images: uint8 (height, width, 3) each, by modality; real ones where there are any.

    Raises:
        ParityFailure: they differ more, or the networks' embeddings aren't finite, lose too much by rounding, or are
            the same for different images.
    """
    rng = np.random.default_rng(0)
    shape = (bundle.card.height, bundle.card.width, 3)
    inputs = [rng.integers(0, 256, (n, *shape), np.uint8) for n in (1, MANY)]
    inputs += [np.full((1, *shape), value, np.uint8) for value in (0, 255)]
    encoder = Encoder(bundle, batch=1024, providers=PROCESSOR)
    served, rounded, cases = 0.0, 0.0, 0
    exact = {modality: network.double() for modality, network in deepcopy(dict(networks)).items()}
    for modality in Modality:
        real = list((images or {}).get(modality, ()))
        for batch in [*inputs, *([np.stack(real[:1]), np.stack(real)] if real else [])]:
            right, single = (_embedded(either[modality], batch) for either in (exact, networks))
            if not np.isfinite(right).all():
                raise ParityFailure(
                    f"the network's {modality.value} embeddings aren't finite: its weights are damaged; no bundle was written"
                )
            if len(batch) == MANY and coincide(right):
                raise ParityFailure(
                    f"the network gives different {modality.value} images one embedding: nobody could be told apart; no bundle"
                    " was written. Did the training fail?"
                )
            served = max(served, difference(encoder.encode(batch, modality), right))
            rounded = max(rounded, difference(single, right))
            cases += 1
    if not rounded <= UNSTEADY:  # nor NaN
        raise ParityFailure(
            f"rounding to float32 alone changes the network's embeddings by {rounded:.2e} relative to the largest value, at"
            f" most {UNSTEADY:.0e} is allowed: two machines would not agree on them; no bundle was written. Did the training"
            " fail?"
        )
    tolerance = max(ROUNDING, TIMES * rounded)
    if not served <= tolerance:
        raise ParityFailure(
            f"ONNX Runtime and torch differ by {served:.2e} relative to the largest value, at most {tolerance:.0e} is allowed"
            f" where torch's float32 loses {rounded:.0e}; no bundle was written"
        )
    return Parity(largest_relative_difference=served, tolerance=tolerance, cases=cases, float32_difference=rounded)


def _embedded(network: nn.Module, images: NDArray[np.uint8]) -> NDArray[np.floating[Any]]:
    """Of uint8 (n, height, width, 3) to float (n, d), in the network's precision."""
    with torch.inference_mode():
        return network(torch.from_numpy(images)).numpy()
