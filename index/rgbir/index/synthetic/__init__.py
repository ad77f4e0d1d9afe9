"""Synthetic people: a deterministic RGB-IR data set, for demos and tests where no real one may be."""

from rgbir.index.synthetic.dataset import Split, synthesize

__all__ = ["Split", "synthesize"]
