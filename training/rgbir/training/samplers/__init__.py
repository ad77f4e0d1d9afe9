"""Samplers: which images make a batch. They see identities and modalities only."""

from rgbir.training.samplers.tuples import Tuples, TupleSampler

__all__ = ["TupleSampler", "Tuples"]
