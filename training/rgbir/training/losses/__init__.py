"""Losses: from tensors to a scalar. They know nothing of cameras, data sets or networks."""

from rgbir.training.losses.angular import (
    AngularTriplet,
    BatchHardExponentialAngular,
    CosineTriplet,
    ExponentialAngularTriplet,
)
from rgbir.training.losses.centre import Centres, centre_loss
from rgbir.training.losses.centre_gap import CentreGap, modality_gap
from rgbir.training.losses.clustering import centre_cluster
from rgbir.training.losses.compact import (
    Compactness,
    CrossModalDistillation,
    EnumeratedAngularTriplet,
    ReleasedAngularTriplet,
)
from rgbir.training.losses.distillation import distil_kl, soft_cross_entropy
from rgbir.training.losses.dual_alignment import correlation_gap, distribution_gap, stripe_identity
from rgbir.training.losses.dual_constrained import CentredRanking, DualConstrained, contrastive
from rgbir.training.losses.expansion import branch_overlap, centre_guided_pairs
from rgbir.training.losses.hardest import HardestTriplet
from rgbir.training.losses.hetero_centre import hetero_centre_triplet
from rgbir.training.losses.identity import SmoothedCrossEntropy, cosine_softmax, identity_pair
from rgbir.training.losses.masks import mask_overlap, prototype_diversity, prototype_likeness
from rgbir.training.losses.mutual import cross_kl, ema_step
from rgbir.training.losses.pairing import PairedLoss, Pairing, Roles
from rgbir.training.losses.pentaplet import HardPentaplet
from rgbir.training.losses.quadruple_centre import QuadrupleCentre
from rgbir.training.losses.squared_difference import EnhancedSquaredDifference
from rgbir.training.losses.tri_directional import tri_directional
from rgbir.training.losses.triplet import NPair, Triplet
from rgbir.training.losses.weighted import WeightedRegularisedTriplet, exact_softmax, released_softmax

__all__ = [
    "AngularTriplet",
    "BatchHardExponentialAngular",
    "CentreGap",
    "CentredRanking",
    "Centres",
    "Compactness",
    "CosineTriplet",
    "CrossModalDistillation",
    "DualConstrained",
    "EnhancedSquaredDifference",
    "EnumeratedAngularTriplet",
    "ExponentialAngularTriplet",
    "HardPentaplet",
    "HardestTriplet",
    "NPair",
    "PairedLoss",
    "Pairing",
    "QuadrupleCentre",
    "ReleasedAngularTriplet",
    "Roles",
    "SmoothedCrossEntropy",
    "Triplet",
    "WeightedRegularisedTriplet",
    "branch_overlap",
    "centre_guided_pairs",
    "centre_cluster",
    "centre_loss",
    "contrastive",
    "correlation_gap",
    "cosine_softmax",
    "cross_kl",
    "distribution_gap",
    "distil_kl",
    "ema_step",
    "exact_softmax",
    "hetero_centre_triplet",
    "identity_pair",
    "mask_overlap",
    "prototype_diversity",
    "prototype_likeness",
    "modality_gap",
    "released_softmax",
    "soft_cross_entropy",
    "stripe_identity",
    "tri_directional",
]
