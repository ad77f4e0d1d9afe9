"""What every update is asked: whether its losses and gradients are finite, and whether its loss exploded."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from rgbir.training.calm import Calm
from rgbir.training.errors import NotFinite
from rgbir.training.method import Losses


class Checks:
    """A processor is asked at each update. A GPU answers when it has done all that it was given, and then idles until more
    is launched. So it keeps what it would answer, and is asked about many updates together.

    Args:
        calm: what losses were like before.
        at_once: ask at each update.
    """

    def __init__(self, calm: Calm, at_once: bool) -> None:
        self.calm, self.at_once = calm, at_once
        self._waiting: list[tuple[int, list[str], list[str], Tensor]] = []

    def take(self, update: int, losses: Losses, gradients: Mapping[str, Tensor | None]) -> None:
        """Of one update, losses of shape () each, and its gradients by parameter, of any shape.

        Raises:
            NotFinite, Exploded: as of `settle`, if it asks at once.
        """
        total = torch.stack([loss.detach() for loss in losses.values()]).sum()
        of_gradients = largest(gradients)
        values = [total, *(loss.detach() for loss in losses.values()), *of_gradients.values()]
        self._waiting.append(
            (update, list(losses), list(of_gradients), torch.stack([value.float() for value in values]))
        )
        if self.at_once:
            self.settle()

    def settle(self) -> None:
        """Asks about all updates that were taken since.

        Raises:
            NotFinite: a loss or a gradient isn't; the first update is named, and what it was.
            Exploded: a loss became `Calm.factor` times what it was.
        """
        waiting, self._waiting = self._waiting, []
        for update, names, of_gradients, values in waiting:
            total, *numbers = values.tolist()
            if not math.isfinite(total):
                by_name = dict(zip(names, numbers, strict=False))
                raise NotFinite(
                    f"update {update}: the loss is not finite ({by_name}); lower optimiser.learning_rate, or set amp=off"
                )
            self.calm.expect(update, total)
            _expect_finite(update, "the gradient of ", dict(zip(of_gradients, numbers[len(names) :], strict=True)))


def expect_finite(update: int, tensors: Mapping[str, Tensor]) -> None:
    """
    Args:
        update: counted from 0.
        tensors: of a network, of any shape.

    Raises:
        NotFinite: a value isn't; the first tensor that has one is named.
    """
    norms = largest(tensors)
    if norms:
        numbers = torch.stack([norm.float() for norm in norms.values()]).tolist()
        _expect_finite(update, "", dict(zip(norms, numbers, strict=True)))


def largest(tensors: Mapping[str, Tensor | None]) -> dict[str, Tensor]:
    """The largest magnitude in each tensor of floats of any shape, a scalar; NaN where one is."""
    floats = {name: tensor for name, tensor in tensors.items() if tensor is not None and tensor.is_floating_point()}
    return dict(zip(floats, torch._foreach_norm(list(floats.values()), math.inf), strict=True)) if floats else {}


def _expect_finite(update: int, what: str, magnitudes: Mapping[str, float]) -> None:
    for name, magnitude in magnitudes.items():
        if not math.isfinite(magnitude):
            raise NotFinite(
                f"update {update}: {what}{name} is not finite; the last checkpoint is from before. Lower"
                " optimiser.learning_rate, or set amp=off"
            )
