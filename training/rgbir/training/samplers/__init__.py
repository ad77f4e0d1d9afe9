"""Samplers: which images make a batch. They see identities and modalities only."""

from rgbir.training.samplers.identities import IdentitySampler
from rgbir.training.samplers.mixed import Mixed, MixedSampler
from rgbir.training.samplers.pairs import Pairs, PairSampler
from rgbir.training.samplers.tuples import Tuples, TupleSampler

__all__ = ["IdentitySampler", "Mixed", "MixedSampler", "PairSampler", "Pairs", "TupleSampler", "Tuples"]
