"""From images to embeddings."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbir.index.bundle import Bundle
from rgbir.index.cameras import Modality
from rgbir.index.errors import BadBundle, UsageError
from rgbir.index.images import pixels
from rgbir.index.machine import cores
from rgbir.index.runner import Runner
from rgbir.index.sessions import CPU, chosen, started, warn_without_gpu

_log = logging.getLogger(__name__)


class Encoder:
    """A bundle, loaded. Thread-safe: sessions may be run from several threads.

    Args:
        bundle: what to load.
        threads: that compute; as many as the process may use if None.
        providers: ONNX Runtime's execution providers, best first; CUDA where it is there, else the processor, if None.
        batch: images in one run of the graph.
        runner: what computes the graphs, as `Runner.read` reads it. Its `card` is the bundle's, or in bf16 a card of another
            name and fingerprint, since such embeddings are others.
        callers: that will encode at the same time. ONNX Runtime's threads on a processor are divided among them. Threads that
            work on images of their own don't wait for each other; those of one run do, at every layer.

    Attributes:
        lanes: how many callers may encode at the same time and lose nothing, at most `callers`. They leave fewer threads over
            than a lane has. On a GPU and with OpenVINO there is one.

    Raises:
        BadBundle: the runner can't load a graph, or it isn't of the promised form.
        UsageError: a provider that this ONNX Runtime doesn't have; or a runner that isn't there, or can't do what it is asked for.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        threads: int | None = None,
        providers: Sequence[str] | None = None,
        batch: int = 32,
        runner: str = "onnxruntime",
        callers: int = 1,
    ) -> None:
        self.runner = Runner.read(runner)
        self.bundle, self.card, self.batch = bundle, bundle.card.computed(self.runner), batch
        if self.runner.library == "onnxruntime":
            self._requested = chosen(providers)
        elif providers is not None:
            raise UsageError(f"execution providers are ONNX Runtime's, not {self.runner.library}'s; leave them out")
        else:
            self._requested = []
        self.threads = threads or cores()
        self.lanes = self.threads // -(-self.threads // callers) if self._requested == [CPU] else 1
        self.state = bundle.state()
        """Of the bundle's files before they were read."""
        graphs = set(bundle.card.graphs.values())
        beside = self._beside()
        sessions: dict[str, Any] = {file: self._embedding(self._load(file, beside), file) for file in sorted(graphs)}
        self._sessions = {modality: sessions[file] for modality, file in bundle.card.graphs.items()}
        warn_without_gpu(self._requested, self.providers)
        _log.info(
            "bundle %s, %s, on %s by %s with %d threads",
            bundle.folder, self.card.name, self.providers[0], self.runner, self.threads,
        )  # fmt: skip

        self._reacting: dict[Modality, Any] = {}
        self._loading = Lock()

    def _beside(self) -> dict[str, bytes]:
        """The files that are no graphs, where a graph's weights may be."""
        card = self.bundle.card
        graphs = {*card.graphs.values(), *(card.reaction.graphs.values() if card.reaction else ())}
        return {name: self.bundle.read(name) for name in card.files if name not in graphs}

    @property
    def providers(self) -> list[str]:
        """What the graphs really run on."""
        return list(next(iter(self._sessions.values())).get_providers())

    def _load(self, file: str, beside: dict[str, bytes]) -> Any:
        """From memory: who writes over a file later changes no embedding.

        Args:
            beside: the other files of the bundle, where a graph's weights may be.
        """
        session = started(self.bundle, file, beside, self.threads // self.lanes, self._requested, self.runner)
        images = session.get_inputs()[0]
        expected = [self.card.height, self.card.width, 3]
        if images.type != "tensor(uint8)" or images.shape[1:] != expected:
            raise BadBundle(
                f"{file}: input must be uint8 (N, {', '.join(map(str, expected))}), not {images.type} {images.shape}"
            )
        return session

    def _embedding(self, session: Any, file: str) -> Any:
        """The session, if it gives what the card says.

        Raises:
            BadBundle: it doesn't.
        """
        embeddings = session.get_outputs()[0]
        if embeddings.shape[-1] != self.card.dimension:
            raise BadBundle(
                f"{file}: embeddings have {embeddings.shape[-1]} values, the card says {self.card.dimension}"
            )
        return session

    def encode(self, images: NDArray[np.uint8], modality: Modality) -> NDArray[np.float32]:
        """uint8 (n, height, width, 3), RGB → float32 (n, dimension), in batches.

        Raises:
            UsageError: images of another size or type.
            BadBundle: no graph for that modality, or embeddings that are not finite.
        """
        self.bundle.graph(modality)
        self._expect(images)
        session = self._sessions[modality]
        parts = [
            session.run(None, {session.get_inputs()[0].name: images[i : i + self.batch]})[0]
            for i in range(0, len(images), self.batch)
        ]
        embeddings = np.concatenate(parts) if parts else np.empty((0, self.card.dimension), np.float32)
        if not np.isfinite(embeddings).all():
            raise BadBundle(
                f"bundle {self.card.name} gave an embedding that is not finite; the model is damaged or overflows in {self.card.precision}"
            )
        return np.asarray(embeddings, np.float32)

    def _expect(self, images: NDArray[np.uint8]) -> None:
        expected = (self.card.height, self.card.width, 3)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != expected:
            raise UsageError(
                f"the encoder takes uint8 (n, {', '.join(map(str, expected))}), not {images.dtype} {images.shape}"
            )

    def reactions(self, images: NDArray[np.uint8], modality: Modality) -> NDArray[np.float32]:
        """Where the network reacted, and not why: the length of the last feature map's vector at each place.

        The graph is loaded when it is first asked for.

        Args:
            images: uint8 (n, height, width, 3), RGB.

        Returns:
            float32 (n, rows, columns), 0 or more.

        Raises:
            UsageError: the bundle has no such maps, or images of another size or type.
            BadBundle: a graph that can't be loaded, or of another form than the card's.
        """
        about = self.card.reaction
        if about is None or modality not in about.graphs:
            raise UsageError(
                f"bundle {self.card.name} doesn't tell where its network reacted to {modality} images; `rgbir export explain BUNDLE"
                " --data DATA` adds it"
            )
        self._expect(images)
        with self._loading:
            if modality not in self._reacting:
                self._reacting[modality] = self._load(about.graphs[modality], self._beside())
        session = self._reacting[modality]
        maps = np.asarray(session.run(None, {session.get_inputs()[0].name: images})[0], np.float32)
        if maps.shape != (len(images), about.rows, about.columns):
            raise BadBundle(
                f"{about.graphs[modality]}: maps must be ({len(images)}, {about.rows}, {about.columns}), not {maps.shape}"
            )
        return maps

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """The image in this model's size, by its filter: uint8 (height, width, 3)."""
        return pixels(image, self.card.height, self.card.width, self.card.resize)

    def embed(self, images: Sequence[Image.Image], modality: Modality) -> NDArray[np.float32]:
        """Decoded images → float32 (n, dimension)."""
        if not images:
            return np.empty((0, self.card.dimension), np.float32)
        return self.encode(np.stack([self.pixels(image) for image in images]), modality)
