"""A loss that explodes and stays finite: networks with batch norm can go on like that to the end of their schedule."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import Any

from rgbir.training.errors import Exploded

WINDOW = 100
"""Updates that a median is taken over."""


class Calm:
    """What a run's losses were like at their best: the lowest median of `WINDOW` updates so far, and never less than 1.

    A median of many doesn't follow a single loss, and the lowest one doesn't follow a loss that rises slowly. The floor is for
    losses that reach 0. A loss is compared with those before it, from the second update on.

    Args:
        factor: so many times as much is an explosion; 0 is off.
    """

    def __init__(self, factor: float) -> None:
        self.factor = factor
        self.recent: deque[float] = deque(maxlen=WINDOW)
        self.lowest: float | None = None

    def expect(self, update: int, loss: float) -> None:
        """Takes the loss of an update, which is finite.

        Raises:
            Exploded: it is `factor` times what losses were before.
        """
        if self.factor and self.lowest is not None and abs(loss) > self.factor * max(self.lowest, 1.0):
            raise Exploded(
                f"update {update}: the loss is {loss:,.0f}, {abs(loss) / max(self.lowest, 1.0):,.0f} times what it was at its best"
                f" ({self.lowest:,.3g}, the lowest median of {WINDOW} updates). Lower optimiser.learning_rate or lengthen the"
                " schedule's warm-up, and begin a new run; it may start from this one's weights, if they are from long before. If"
                f" such a loss is nothing unusual here, set explosion above {self.factor:g}, or 0 to go on whatever it is"
            )
        self.recent.append(abs(loss))
        middle = median(self.recent)
        self.lowest = middle if self.lowest is None else min(self.lowest, middle)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"recent": list(self.recent), "lowest": self.lowest}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""
        self.recent.extend(state["recent"])
        self.lowest = state["lowest"]
