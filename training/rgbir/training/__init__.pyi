from .data.batch import PairBatch, TupleBatch
from .errors import BadCheckpoint, BadRecipe, TrainingFailure
from .loop import train
from .method import Losses, Method
from .methods import METHODS
from .recipe import Recipe
from .run import Run, load_run

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
    "load_run",
    "train",
]
