"""What answers a search: an encoder, a gallery of its embeddings, and the queues to the model. One object, so that it can be
exchanged as one."""

from __future__ import annotations

import logging
from concurrent.futures import Executor
from pathlib import Path

import numpy as np

from rgbir.index import Bundle, Encoder, Modality, Searcher, device_named, open_gallery
from rgbir.server.engine.batching import Batcher
from rgbir.server.settings import Settings

_log = logging.getLogger(__name__)


class Retrieval:
    """A bundle and a gallery of its embeddings, opened.

    Args:
        model: where the graphs run, one batch at a time.

    Raises:
        BadBundle, GalleryError: they can't be opened, or don't belong together.
    """

    def __init__(self, bundle: Path, gallery: Path | str, settings: Settings, model: Executor) -> None:
        self.name = bundle.name
        self.encoder = Encoder(Bundle(bundle), threads=settings.threads, runner=settings.runner)
        self.device = device_named(settings.device, half=settings.gpu_half, most_bytes=settings.gpu_bytes)
        self.gallery = open_gallery(gallery, self.device)
        try:
            self.searcher = Searcher(self.encoder, self.gallery)
        except BaseException:
            self.gallery.close()
            raise
        limits = (settings.max_batch, settings.max_waiting)
        self.queues = {modality: self._queue(modality, model, *limits) for modality in self.encoder.card.graphs}
        self.users = 0

    def _queue(self, modality: Modality, model: Executor, most: int, waiting: int) -> Batcher:
        return Batcher(lambda images: self.encoder.encode(images, modality), model, most, waiting)

    @property
    def idle(self) -> bool:
        """Nobody waits for the model, or has it."""
        return all(queue.idle for queue in self.queues.values())

    @property
    def waiting(self) -> int:
        """Images that wait for the model."""
        return sum(queue.waiting for queue in self.queues.values())

    @property
    def expected_s(self) -> float | None:
        """Seconds until what waits now went through the model; None before its first batch."""
        known = [seconds for queue in self.queues.values() if (seconds := queue.expected_s) is not None]
        return sum(known) if known else None

    def warm_up(self) -> None:
        """Runs each graph once, so that the first request doesn't pay for it, and tries the way from there to an answer.

        Raises:
            GalleryError: a sighting that is enrolled isn't found again by its own embedding.
        """
        card = self.encoder.card
        chance = np.random.default_rng(0)
        for modality in card.graphs:
            self.encoder.encode(np.zeros((1, card.height, card.width, 3), np.uint8), modality)
            noise = chance.integers(0, 256, (2, card.height, card.width, 3), np.uint8)
            first, second = self.encoder.encode(noise, modality)
            if np.array_equal(first, second):
                _log.error(
                    "%s gives different %s images one embedding: nobody can be told apart; export it again from a whole run",
                    card.name,
                    modality.value,
                )
        self.searcher.self_test()

    def close(self) -> None:
        self.gallery.close()
