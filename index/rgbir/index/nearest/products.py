"""Products of bytes, many rows with many queries at once: a quarter of the memory's traffic, and the processor's own instructions.

ONNX Runtime multiplies bytes quicker than any BLAS multiplies floats. Some processors do so with sums of 16 bits, which
overflow in silence. So it is tried here once with the largest values there are, and isn't used where one sum is wrong.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint8]
LONGEST = 2**31 // (128 * 128)
"""Values of a row whose products with bytes can't overflow 32 bits: fewer than this."""
_log = logging.getLogger(__name__)


def products(codes: Codes, queries: NDArray[np.int8]) -> NDArray[np.int32]:
    """What each row's product with each query is: int32 (n, m).

    Args:
        codes: uint8 (n, d), each value plus 128; d is below `LONGEST`.
        queries: int8 (d, m).
    """
    result: NDArray[np.int32] = _session().run(None, {"codes": codes, "queries": queries})[0]
    return result


@lru_cache(maxsize=1)
def are_exact() -> bool:
    """Whether this processor's products are those of whole numbers; found out once, in a millisecond."""
    random = np.random.default_rng(0)
    codes = np.concatenate([np.full((16, 256), 255, np.uint8), np.zeros((16, 256), np.uint8)])
    codes = np.concatenate([codes, random.choice(np.array([0, 1, 128, 255], np.uint8), (32, 256))])
    queries = np.concatenate([np.full((256, 2), 127, np.int8), np.full((256, 2), -127, np.int8)], axis=1)
    queries = np.concatenate([queries, random.choice(np.array([-127, 127], np.int8), (256, 28))], axis=1)
    right = bool((products(codes, queries) == (codes.astype(np.int64) - 128) @ queries.astype(np.int64)).all())
    if not right:
        _log.info("products of bytes overflow on this processor; joined searches multiply floats")
    return right


@lru_cache(maxsize=1)
def _session() -> Any:
    """One thread: whoever asks has threads already."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    graph = files("rgbir.index.nearest").joinpath("products.onnx").read_bytes()
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
