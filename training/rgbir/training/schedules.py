"""The courses of the learning rate (methods.md 1.6)."""

from __future__ import annotations

from pydantic import Field

from rgbir.training.settings import Settings


class WarmupStep(Settings):
    """`warmup-step`, counted in updates: expAT and LCCRF."""

    updates: int = Field(30_000, ge=1, description="of the whole training")
    warmup: int = Field(500, ge=0, description="updates of linear warm-up from a third; 0 is off")
    milestones: tuple[int, ...] = Field((10_000, 20_000, 30_000), description="where the rate is divided by ten")

    def total(self, updates_per_epoch: int) -> int:
        """Updates of the whole training."""
        return self.updates

    def factor(self, update: int, updates_per_epoch: int) -> float:
        """Of the base rate, at update t = 0, 1, …

        The schedule is advanced before the update, as in the released code, so s = t + 1 counts.
        """
        s = update + 1
        share = s / self.warmup if self.warmup else 1.0
        warm = (1 - share) / 3 + share if share < 1 else 1.0
        passed = sum(milestone <= s for milestone in self.milestones)
        return float(warm * 0.1**passed)


class WarmupEpoch(Settings):
    """`warmup-epoch`, counted in epochs from 1: expAT on Market-1501 and DukeMTMC-reID."""

    epochs: int = Field(120, ge=1, description="of the whole training")
    warmup: int = Field(10, ge=0, description="epochs of linear warm-up from a hundredth; 0 is off")
    milestones: tuple[int, ...] = Field((40, 70), description="epochs from which the rate is divided by ten")

    def total(self, updates_per_epoch: int) -> int:
        return self.epochs * updates_per_epoch

    def factor(self, update: int, updates_per_epoch: int) -> float:
        epoch = update // updates_per_epoch + 1
        share = epoch / self.warmup if self.warmup else 1.0
        warm = 0.01 * (1 - share) + share if share < 1 else 1.0
        return float(warm * 0.1 ** sum(milestone <= epoch for milestone in self.milestones))


class Agw(Settings):
    """`agw`, counted in epochs: a linear warm-up over ten, then a tenth from 20 and a hundredth from 50 (1.6)."""

    epochs: int = Field(80, ge=1, description="of the whole training")

    def total(self, updates_per_epoch: int) -> int:
        return self.epochs * updates_per_epoch

    def factor(self, update: int, updates_per_epoch: int) -> float:
        epoch = update // updates_per_epoch
        if epoch < 10:
            return (epoch + 1) / 10
        return 1.0 if epoch < 20 else 0.1 if epoch < 50 else 0.01


class EpochSteps(Settings):
    """Divided by ten every so many epochs, without warm-up: DFE (methods.md 4.6)."""

    epochs: int = Field(20, ge=1, description="of the whole training")
    every: int = Field(5, ge=1, description="epochs between divisions by ten")

    def total(self, updates_per_epoch: int) -> int:
        return self.epochs * updates_per_epoch

    def factor(self, update: int, updates_per_epoch: int) -> float:
        return float(0.1 ** (update // updates_per_epoch // self.every))
