"""Where a box will be: a constant-velocity Kalman filter for each of its centre's x and y, width and height.

The four don't influence each other, so each is a filter of two states, position and velocity, and all four are computed at once.
Noise grows with the box's height, since people near the camera move by more pixels, and with the time that passed.

Source: the model of SORT (Bewley et al., ICIP 2016, section 3.2) with noise in proportion to height, as DeepSORT's authors chose (Wojke et al.,
ICIP 2017), both for unequal times between frames here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MEASURED, MOVED = 1 / 20, 1 / 4
"""Standard deviations as shares of the box's height: of a detection's sides, and of a velocity's change in a second."""

Array = NDArray[np.float64]


class BoxFilter:
    """The estimate of one box.

    Attributes:
        mean: float64 (4, 2): centre x, centre y, width, height; each with its velocity a second.
        spread: float64 (4, 2, 2), their covariances.
    """

    def __init__(self, box: Array) -> None:
        measured = _middle(box)
        height = max(measured[3], 1.0)
        self.mean: Array = np.stack([measured, np.zeros(4)], axis=1)
        self.spread: Array = np.zeros((4, 2, 2))
        self.spread[:, 0, 0] = (2 * MEASURED * height) ** 2
        self.spread[:, 1, 1] = (4 * MOVED * height) ** 2
        self.spread[2:, 1, 1] /= 16  # a person's size changes more slowly than the place

    def predict(self, seconds: float) -> None:
        """Moves the estimate on by so many seconds, 0 or more."""
        height = max(self.mean[3, 0], 1.0)
        step = np.array([[1.0, seconds], [0.0, 1.0]])
        change = (MOVED * height) ** 2 * seconds
        noise = change * np.array([[seconds**2 / 3, seconds / 2], [seconds / 2, 1.0]])
        self.mean = self.mean @ step.T
        self.spread = step @ self.spread @ step.T + noise

    def correct(self, box: Array) -> None:
        """Takes a detection in: left, top, right, bottom."""
        measured = _middle(box)
        noise = (MEASURED * max(measured[3], 1.0)) ** 2
        gain = self.spread[:, :, 0] / (self.spread[:, :1, 0] + noise)
        self.mean = self.mean + gain * (measured - self.mean[:, 0])[:, None]
        self.spread = self.spread - gain[:, :, None] * self.spread[:, None, 0, :]

    def stay(self) -> None:
        """Forgets how the size changed: of somebody unseen only the place moves on."""
        self.mean[2:, 1] = 0.0

    @property
    def box(self) -> Array:
        """float64 (4,): left, top, right, bottom."""
        x, y, width, height = self.mean[:, 0]
        half_width, half_height = max(width, 1.0) / 2, max(height, 1.0) / 2
        return np.array([x - half_width, y - half_height, x + half_width, y + half_height])


def _middle(box: Array) -> Array:
    left, top, right, bottom = (float(side) for side in box)
    return np.array([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top])
