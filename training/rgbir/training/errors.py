"""What can go wrong in this part.

TrainingFailure
├── BadRecipe       a setting that doesn't exist or doesn't fit: correct it (exit code 2)
├── RunBusy         another process trains in this folder: wait, or choose another
├── BadCheckpoint   weights of another network, or a damaged file: give the right one
├── Exploded        a loss became a thousand times what it was: lower the learning rate
├── NotFinite       a loss became NaN or infinite: the run stops before it spoils its checkpoint
├── RankLost        another process of the same training ended: resume the run
└── Stopped         somebody asked the training to end: resume the run
"""


class TrainingFailure(Exception):
    """Any failure of `rgbir.training`; its text says what was expected, what came, and what to do."""

    exit_code = 1


class BadRecipe(TrainingFailure):
    exit_code = 2


class BadCheckpoint(TrainingFailure):
    exit_code = 2


class RunBusy(TrainingFailure):
    """A run's folder that another process is training in."""


class Exploded(TrainingFailure):
    """A loss that is finite, and far from what it was."""


class NotFinite(TrainingFailure):
    pass


class RankLost(TrainingFailure):
    """Another of the processes that train together ended before its time.

    Attributes:
        announced: whether that one said why.
    """

    def __init__(self, words: str, announced: bool = False) -> None:
        super().__init__(words)
        self.announced = announced


class Stopped(TrainingFailure):
    """A training that ended before its time, because it was asked to; its checkpoint holds all of it.

    Attributes:
        done: updates that were done.
        total: updates of the whole training.
    """

    def __init__(self, done: int, total: int) -> None:
        super().__init__(f"stopped after {done:,} of {total:,} updates; the run goes on from there when it is resumed")
        self.done, self.total = done, total
