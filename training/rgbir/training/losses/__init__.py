"""Losses: from tensors to a scalar. They know nothing of cameras, data sets or networks."""

from rgbir.training.losses.angular import (
    AngularTriplet,
    BatchHardExponentialAngular,
    CosineTriplet,
    ExponentialAngularTriplet,
)
from rgbir.training.losses.compact import (
    Compactness,
    CrossModalDistillation,
    EnumeratedAngularTriplet,
    ReleasedAngularTriplet,
)
from rgbir.training.losses.dual_alignment import correlation_gap, distribution_gap, stripe_identity
from rgbir.training.losses.identity import SmoothedCrossEntropy, cosine_softmax, identity_pair
from rgbir.training.losses.pairing import PairedLoss, Pairing, Roles
from rgbir.training.losses.triplet import NPair, Triplet

__all__ = [
    "AngularTriplet",
    "BatchHardExponentialAngular",
    "Compactness",
    "CosineTriplet",
    "CrossModalDistillation",
    "EnumeratedAngularTriplet",
    "ExponentialAngularTriplet",
    "NPair",
    "PairedLoss",
    "Pairing",
    "ReleasedAngularTriplet",
    "Roles",
    "SmoothedCrossEntropy",
    "Triplet",
    "correlation_gap",
    "cosine_softmax",
    "distribution_gap",
    "identity_pair",
    "stripe_identity",
]
