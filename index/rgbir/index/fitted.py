"""The map of a fitted bundle: from the embeddings of the bundle that it was made of to its own."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rgbir.index.bundle import Bundle
from rgbir.index.cameras import Modality
from rgbir.index.errors import BadBundle
from rgbir.index.metric import Metric
from rgbir.index.words import why


@dataclass(frozen=True, slots=True, eq=False)
class FittedMap:
    """x → (x / |x| - mean of the modality) · matrix. Whoever compares its values does so by cosine.

    Attributes:
        means: float32 (d,) of each modality.
        matrix: float32 (d, k); None is the identity.
    """

    means: Mapping[Modality, NDArray[np.float32]]
    matrix: NDArray[np.float32] | None

    def __call__(self, embeddings: NDArray[np.floating[Any]], modality: Modality) -> NDArray[np.float32]:
        """Embeddings float (n, d) of the first bundle, as it gave them or as a gallery keeps them → float32 (n, k).

        They are computed in float64, so each row depends on itself alone.
        """
        return self.exact(embeddings, modality).astype(np.float32)

    def exact(self, embeddings: NDArray[np.floating[Any]], modality: Modality) -> NDArray[np.float64]:
        """The same in float64: embeddings float (n, d) → float64 (n, k)."""
        unit = Metric.COSINE.prepare(embeddings.astype(np.float32)).astype(np.float64)
        centred = unit - self.means[modality]
        return centred if self.matrix is None else centred @ self.matrix.astype(np.float64)

    @property
    def dimension(self) -> int:
        """How many values a mapped embedding has."""
        return len(self.means[Modality.RGB]) if self.matrix is None else self.matrix.shape[1]

    def to_bytes(self) -> bytes:
        """The file that a bundle keeps (NumPy's .npz); the same map gives the same bytes."""
        arrays = {f"mean_{modality}": mean for modality, mean in self.means.items()}
        if self.matrix is not None:
            arrays["matrix"] = self.matrix
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **{name: arrays[name] for name in sorted(arrays)})
        return content.getvalue()

    @classmethod
    def of(cls, bundle: Bundle) -> Self | None:
        """The bundle's map; None if it isn't a fitted one.

        Raises:
            BadBundle: the map's file is altered, or no map.
        """
        if bundle.card.fitted is None:
            return None
        name = bundle.card.fitted.file
        try:
            with np.load(io.BytesIO(bundle.read(name)), allow_pickle=False) as arrays:
                means = {modality: arrays[f"mean_{modality}"] for modality in Modality}
                made = cls(means, arrays["matrix"] if "matrix" in arrays.files else None)
        except (KeyError, ValueError, OSError) as error:
            raise BadBundle(f"{bundle.folder / name} holds no map: {why(error)}; fit the bundle again") from error
        if made.dimension != bundle.card.dimension:
            raise BadBundle(
                f"{bundle.folder / name} gives {made.dimension} values, the card says {bundle.card.dimension}; fit the"
                " bundle again"
            )
        return made
