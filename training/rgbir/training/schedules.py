"""The courses of the learning rate (methods.md 1.6, beyond.md 1.4).

`factor` is that of the base rate, at update t = 0, 1, … in epoch e = 0, 1, …; `total` counts the updates of the whole
training, and is told how many there are before an epoch.
"""

from __future__ import annotations

from collections.abc import Callable

from pydantic import Field

from rgbir.training.settings import Settings


class WarmupStep(Settings):
    """`warmup-step`, counted in updates: expAT and LCCRF."""

    updates: int = Field(30_000, ge=1, description="of the whole training")
    warmup: int = Field(500, ge=0, description="updates of linear warm-up from a third; 0 is off")
    milestones: tuple[int, ...] = Field((10_000, 20_000, 30_000), description="where the rate is divided by ten")

    def total(self, before: Callable[[int], int]) -> int:
        return self.updates

    def factor(self, update: int, epoch: int) -> float:
        """The schedule is advanced before the update, as in the released code, so s = t + 1 counts."""
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

    def total(self, before: Callable[[int], int]) -> int:
        return before(self.epochs)

    def factor(self, update: int, epoch: int) -> float:
        epoch += 1
        share = epoch / self.warmup if self.warmup else 1.0
        warm = 0.01 * (1 - share) + share if share < 1 else 1.0
        return float(warm * 0.1 ** sum(milestone <= epoch for milestone in self.milestones))


class Agw(Settings):
    """`agw`, counted in epochs from 0: a linear warm-up over ten, then a tenth from 20 and a hundredth from 50 (1.6).

    `deen`, `mpa`, `saai` and `mscm` are of the same form, with other numbers.
    """

    epochs: int = Field(80, ge=1, description="of the whole training")
    warmup: int = Field(10, ge=0, description="epochs of linear warm-up; 0 is off")
    warmup_from: float | None = Field(
        None,
        gt=0,
        le=1,
        description="share of the rate that the first epoch has; not given: as every step of the warm-up",
    )
    milestones: tuple[int, ...] = Field((20, 50), description="epochs from which the rate is divided by ten")

    def total(self, before: Callable[[int], int]) -> int:
        return before(self.epochs)

    def factor(self, update: int, epoch: int) -> float:
        if epoch < self.warmup:
            first = self.warmup_from
            return (epoch + 1) / self.warmup if first is None else first + (1 - first) * epoch / self.warmup
        return float(10.0 ** -sum(milestone <= epoch for milestone in self.milestones))


class EpochSteps(Settings):
    """Divided by ten every so many epochs, without warm-up: DFE (methods.md 4.6)."""

    epochs: int = Field(20, ge=1, description="of the whole training")
    every: int = Field(5, ge=1, description="epochs between divisions by ten")

    def total(self, before: Callable[[int], int]) -> int:
        return before(self.epochs)

    def factor(self, update: int, epoch: int) -> float:
        return float(0.1 ** (epoch // self.every))
