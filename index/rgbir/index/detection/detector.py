"""A detector's bundle at work: from a picture to the people in it, with ONNX Runtime."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.index.camera import Modality
from rgbir.index.detection.bundle import DetectorBundle, DetectorCard
from rgbir.index.detection.detections import Detections, Thresholds
from rgbir.index.detection.suppression import suppressed
from rgbir.index.errors import BadBundle, UsageError
from rgbir.index.machine import cores
from rgbir.index.sessions import chosen, started, warn_without_gpu

_log = logging.getLogger(__name__)
ROUNDING = 1e-3
"""By which a score may leave 0..1."""


class ModelDetector:
    """Finds people with a detector's bundle. Thread-safe: it may be asked from several threads.

    Args:
        bundle: what to load.
        threads: of its session; as many as the process may use if None.
        providers: ONNX Runtime's execution providers, best first; CUDA where it is there, else the processor, if None.

    Raises:
        BadBundle: ONNX Runtime can't load the graph, or it isn't of the promised form.
        UsageError: a provider that this ONNX Runtime doesn't have.
    """

    def __init__(
        self, bundle: DetectorBundle, *, threads: int | None = None, providers: Sequence[str] | None = None
    ) -> None:
        self.bundle, self.card = bundle, bundle.card
        self.threads = threads or cores()
        asked = chosen(providers)
        beside = {name: bundle.read(name) for name in bundle.card.files if name != bundle.card.graph}
        self._session: Any = started(bundle, bundle.card.graph, beside, self.threads, asked)
        _expect_form(self._session, self.card)
        warn_without_gpu(asked, self.providers)
        _log.info(
            "detector %s, %s, on %s with %d threads", bundle.folder, self.card.name, self.providers[0], self.threads
        )

    @property
    def providers(self) -> list[str]:
        """What the graph really runs on."""
        return list(self._session.get_providers())

    @property
    def found_by(self) -> str:
        """The bundle's fingerprint."""
        return self.card.fingerprint

    def thresholds(self, modality: Modality) -> Thresholds:
        """How sure it must be in pictures of that modality, as its card says."""
        return self.card.thresholds[modality]

    def find(self, image: NDArray[np.uint8], modality: Modality) -> Detections:
        """The people in a picture, overlapping boxes of one person suppressed, from `doubtful` on.

        Args:
            image: uint8 (height, width, 3), RGB, of any size.

        Raises:
            UsageError: a picture of another form.
            BadBundle: the graph gives boxes or scores that aren't finite, or scores that aren't in 0..1.
        """
        pixels, scale = in_input(image, self.card)
        boxes, scores = self.candidates(pixels[None])
        doubtful = scores[0] >= np.float32(self.thresholds(modality).doubtful)
        boxes, scores = boxes[0][doubtful], scores[0][doubtful]
        kept = suppressed(boxes, scores, self.card.nms)
        height, width = image.shape[:2]
        inside = np.clip(boxes[kept] / scale, 0, np.array([width, height, width, height], np.float32))
        real = (inside[:, 2] > inside[:, 0]) & (inside[:, 3] > inside[:, 1])
        return Detections(np.asarray(inside[real], np.float32), np.asarray(scores[kept][real], np.float32))

    def candidates(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What the graph says: every box that it considers, in pixels of its input, and how sure it is.

        Args:
            images: uint8 (n, height, width, 3), RGB, of the input's size, as `in_input` makes them.

        Returns:
            boxes float32 (n, K, 4): left, top, right, bottom; scores float32 (n, K), in 0..1.

        Raises:
            BadBundle: they aren't finite, or scores aren't in 0..1.
        """
        boxes, scores = self._session.run(["boxes", "scores"], {"images": images})
        if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
            raise BadBundle(f"detector {self.card.name} gave boxes or scores that are not finite; the model is damaged")
        if scores.size and not (scores.min() >= -ROUNDING and scores.max() <= 1 + ROUNDING):
            raise BadBundle(
                f"detector {self.card.name} gave scores from {scores.min():.3g} to {scores.max():.3g}; they are in 0..1: adopt it"
                " again as the family that it is"
            )
        return np.asarray(boxes, np.float32), np.clip(scores, 0, 1, dtype=np.float32)


def in_input(image: NDArray[np.uint8], card: DetectorCard) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A picture as a detector takes it, and how much larger it became.

    Args:
        image: uint8 (height, width, 3), RGB.

    Returns:
        uint8 (card.height, card.width, 3); and float32 (4,), by which a box in the picture is multiplied to lie in the input.

    Raises:
        UsageError: a picture of another form.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise UsageError(f"a detector takes pictures as uint8 (height, width, 3), not {image.dtype} {image.shape}")
    height, width = image.shape[:2]
    across, down = card.width / width, card.height / height
    if card.fit == "letterbox":
        across = down = min(across, down)
    new = max(1, round(width * across)), max(1, round(height * down))
    scale = np.array([new[0] / width, new[1] / height] * 2, np.float32)
    resized = image if new == (width, height) else _resized(image, new)
    if new == (card.width, card.height):
        return resized, scale
    whole = np.full((card.height, card.width, 3), card.fill, np.uint8)
    whole[: new[1], : new[0]] = resized
    return whole, scale


def _resized(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR), np.uint8)


def _expect_form(session: Any, card: DetectorCard) -> None:
    """
    Raises:
        BadBundle: the graph isn't of the form that every detector's has.
    """
    inputs = {given.name: given for given in session.get_inputs()}
    outputs = {given.name for given in session.get_outputs()}
    images = inputs.get("images")
    expected = [card.height, card.width, 3]
    if images is None or len(inputs) != 1 or images.type != "tensor(uint8)" or images.shape[1:] != expected:
        came = [f"{name} {given.type} {given.shape}" for name, given in inputs.items()]
        raise BadBundle(
            f"{card.graph}: input must be images, uint8 (N, {', '.join(map(str, expected))}), not {', '.join(came)}"
        )
    if not {"boxes", "scores"} <= outputs:
        raise BadBundle(f"{card.graph}: outputs must be boxes and scores, not {', '.join(sorted(outputs))}")
