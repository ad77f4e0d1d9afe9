"""Synthetic people: a deterministic RGB-IR data set, for demos and tests where no real one may be."""

from rgbir.index.synthetic.drawing1.dataset import synthesize
from rgbir.index.synthetic.folder import Split

__all__ = ["Split", "synthesize"]
