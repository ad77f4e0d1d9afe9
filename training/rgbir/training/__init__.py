"""Training of RGB-IR re-identification methods."""

from rgbir.training.batches import PairBatch, TupleBatch
from rgbir.training.errors import BadCheckpoint, BadRecipe, TrainingFailure
from rgbir.training.fit import fit
from rgbir.training.method import Losses, Method
from rgbir.training.methods import METHODS
from rgbir.training.recipe import Recipe
from rgbir.training.run import Run, load_run

__all__ = [
    "METHODS",
    "BadCheckpoint",
    "BadRecipe",
    "Losses",
    "Method",
    "PairBatch",
    "Recipe",
    "Run",
    "TrainingFailure",
    "TupleBatch",
    "fit",
    "load_run",
]
