"""What can go wrong in this part.

TrainingFailure
├── BadRecipe       a setting that doesn't exist or doesn't fit: correct it (exit code 2)
├── BadCheckpoint   weights of another network, or a damaged file: give the right one
└── NotFinite       a loss became NaN or infinite: the run stops before it spoils its checkpoint
"""


class TrainingFailure(Exception):
    """Any failure of `rgbir.training`; its text says what was expected, what came, and what to do."""

    exit_code = 1


class BadRecipe(TrainingFailure):
    exit_code = 2


class BadCheckpoint(TrainingFailure):
    exit_code = 2


class NotFinite(TrainingFailure):
    pass
