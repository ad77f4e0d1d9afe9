"""Where epochs begin."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Epochs(ABC):
    """Of a sampler whose epochs are all as long; one whose aren't says otherwise where they begin."""

    @property
    @abstractmethod
    def updates_per_epoch(self) -> int:
        """Updates of the first epoch, and if nothing else is said of all."""

    def before(self, epoch: int) -> int:
        """Updates before that epoch, counted from 0: the number of its first one."""
        return epoch * self.updates_per_epoch

    def epoch_of(self, update: int) -> int:
        """The epoch of an update, both counted from 0."""
        return update // self.updates_per_epoch
