"""What can go wrong between here, Frigate and the gallery, by what is done about it.

FootageFailure
├── NoBroker            aiomqtt isn't installed: pip install 'rgbir[frigate]' (exit code 2)
└── FrigateFailure
    ├── Later           nobody answers, or asks to wait: the event is taken later
    │   └── Closed          whoever takes the people takes nobody now: that is no fault of the event, which waits as long as it lasts
    ├── Gone            Frigate has no such picture, or not yet
    └── PassedOver      an event that can't be enrolled: it is counted with its reason, and not tried again
"""

from __future__ import annotations

from rgbir.footage.errors import FootageFailure


class NoBroker(FootageFailure):
    exit_code = 2


class FrigateFailure(FootageFailure):
    """Something about Frigate, an event of it, or who takes it."""


class Later(FrigateFailure):
    pass


class Closed(Later):
    pass


class Gone(FrigateFailure):
    pass


class PassedOver(FrigateFailure):
    """An event that isn't enrolled.

    Attributes:
        reason: the kind, in a few words that counters show.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason
