"""Embeddings on a plane: who lies near whom, whatever the modality."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from rgbir.index.cameras import Modality
from rgbir.index.plots.canvas import canvas, save

MARKS = {Modality.RGB: "o", Modality.IR: "^"}


def draw_map(
    embeddings: NDArray[np.float32],
    identities: NDArray[np.int64],
    modalities: Sequence[Modality],
    file: Path,
    seed: int = 0,
) -> None:
    """t-SNE: a colour each identity, a mark each modality. Distances on the plane mean little, neighbours much.

    Args:
        embeddings: float32 (n, d).
        identities: int64 (n,).
        modalities: n of them.
        seed: of the embedding in the plane.

    Source: van der Maaten & Hinton, "Visualizing Data using t-SNE", JMLR 2008.
    """
    from sklearn.manifold import TSNE

    perplexity = min(30.0, max(2.0, (len(embeddings) - 1) / 4))
    plane = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(embeddings.astype(np.float64))
    names = np.unique(identities)
    hue = np.searchsorted(names, identities) / max(len(names), 1)
    figure, axes = canvas(6.4, 6.0)
    for modality, mark in MARKS.items():
        rows = np.array([shown is modality for shown in modalities], bool)
        colours: dict[str, Any] = {"c": hue[rows], "cmap": "hsv", "vmin": 0, "vmax": 1, "alpha": 0.8}
        axes.scatter(plane[rows, 0], plane[rows, 1], marker=mark, s=22, linewidths=0, **colours)
    handles = [
        Line2D([], [], marker=mark, linestyle="", color="grey", label=modality.value.upper())
        for modality, mark in MARKS.items()
    ]
    axes.legend(handles=handles, frameon=False)
    axes.set(xticks=[], yticks=[], title=f"{len(names)} people, a colour each")
    axes.spines[:].set_visible(False)
    save(figure, file)
