"""Takes one event after the other: from a bounded queue that MQTT fills, and from Frigate's list, which holds what MQTT lost.

An event that can't be taken now is not kept in memory: the next catching-up meets it again, since it isn't noted as done with. So the
queue may overflow, the process may be killed, and Frigate, the broker and the gallery may be away.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

from rgbir.footage.frigate.api import PAGE, FrigateApi
from rgbir.footage.frigate.cameras import CameraMap
from rgbir.footage.frigate.errors import Closed, Gone, Later, PassedOver
from rgbir.footage.frigate.events import PersonEvent
from rgbir.footage.frigate.ledger import Ledger
from rgbir.footage.frigate.places import Place, Say
from rgbir.footage.frigate.shots import shot_of
from rgbir.footage.frigate.tally import Tally

_log = logging.getLogger(__name__)

MOST_WAITING = 1000
"""Events in the queue; what doesn't fit is met in Frigate's list."""
SHORTEST_S, MOST_PAUSE_S = 1.0, 60.0
"""Between two catching-ups after something was put off; it doubles."""
MOST_TRIES = 8
"""Of an event that is put off each time: of one in Frigate's list, until it is given up; of one that isn't yet, until the next
catching-up that would come anyway. While nobody can be taken, no tries are counted."""
UPKEEP_S = 60.0
"""Within which what is due of the place's upkeep is done, however seldom the list is read."""
LAST_WORDS_S = 5.0
"""After SIGTERM, for the events that are in hand."""
STEP = 1e-3
"""Seconds between pages: events that began at the same moment stay together."""


class Worker:
    """Enrols people from events.

    Args:
        api, place: asked by this worker's thread alone.
        names: Frigate's names of cameras, and ours.
        ledger: what is done with.
        every_s: between two catching-ups while all goes well.
        trust_frames: see `shot_of`.
        say: told what is worth knowing.
    """

    def __init__(
        self,
        api: FrigateApi,
        place: Place,
        names: Mapping[str, str],
        ledger: Ledger,
        *,
        every_s: float,
        trust_frames: bool,
        say: Say,
    ) -> None:
        self._api, self._place, self._names, self._ledger = api, place, names, ledger
        self._every_s, self._trust_frames, self._say = every_s, trust_frames, say
        self._waiting: queue.Queue[PersonEvent | None] = queue.Queue(MOST_WAITING)
        self._stopping = threading.Event()
        self._wanted = threading.Event()
        self._due = time.monotonic()
        self._pause_s = SHORTEST_S
        self._tries: Counter[str] = Counter()
        self._missed: dict[str, int] = {}
        self._spoken: set[str] = set()
        self._cameras: CameraMap | None = None
        self._version: str | None = None
        self.tally = Tally()

    # --- from other threads

    def put(self, event: PersonEvent) -> None:
        """Gives it an event; it is met again where there is no room for it."""
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            self._wanted.set()

    def catch_up_soon(self) -> None:
        """Events may have ended that nobody told us of."""
        self._wanted.set()
        self._wake()

    def pass_over(self, error: PassedOver) -> None:
        """Counts something that isn't enrolled, and says so the first time."""
        self.tally.pass_over(error.reason)
        self._once(error.reason, str(error))

    def stop(self) -> None:
        """Ends it after the events in hand."""
        self._stopping.set()
        self._wake()

    def _wake(self) -> None:
        with suppress(queue.Full):
            self._waiting.put_nowait(None)

    # --- in its thread

    def run(self) -> None:
        """Until `stop`."""
        while not self._stopping.is_set():
            if self._wanted.is_set() or time.monotonic() >= self._due:
                self.catch_up()
                continue
            with suppress(Later):  # a later look does it
                self._place.upkeep()
            try:
                event = self._waiting.get(timeout=min(max(self._due - time.monotonic(), 0.0), UPKEEP_S))
            except queue.Empty:
                continue
            if event is not None:
                self._from_message(event)
        until = time.monotonic() + LAST_WORDS_S
        while time.monotonic() < until and not self._waiting.empty():
            if (event := self._waiting.get_nowait()) is not None:
                self._from_message(event)

    def catch_up(self) -> bool:
        """Takes everything of Frigate's list that isn't done with; False if something was put off."""
        self._wanted.clear()
        put_off = self.tally.postponed
        try:
            self._place.upkeep()
            self._cameras = CameraMap(self._names, self._place.network())
            self._version = self._api.version()
            self._read_list()
        except Later as error:
            self.tally.postponed += 1
            self._once("later", f"{error}; trying again")
        whole = self.tally.postponed == put_off and not self._stopping.is_set()
        if whole:
            self._ledger.caught_up()
            self._tries.clear()
            self._spoken.discard("later")
            self._pause_s = SHORTEST_S
            self.tally.caught_up += 1
            self._due = time.monotonic() + self._until_next_s()
        else:
            self._due = time.monotonic() + self._pause_s
            self._pause_s = min(2 * self._pause_s, MOST_PAUSE_S)
        return whole

    def _until_next_s(self) -> float:
        """Less than usual while an event that we were told of isn't in the list: Frigate writes its list a moment later."""
        tried = ((event, tries + 1) for event, tries in self._missed.items() if event not in self._ledger)
        self._missed = {event: tries for event, tries in tried if tries < MOST_TRIES}
        return min((SHORTEST_S * 2**tries for tries in self._missed.values()), default=self._every_s)

    def _read_list(self) -> None:
        """Page by page, the latest first.

        Raises:
            Later: a page can't be had, or nobody can be taken now.
        """
        before: float | None = None
        while not self._stopping.is_set():
            page = self._api.people(self._ledger.after, before)
            for words in page.malformed:
                self._once(f"malformed {words}", f"Frigate lists an event that can't be read: {words}")
            for event in reversed(page.people):
                if self._stopping.is_set():
                    return
                self._from_list(event)
            if page.rows < PAGE or page.earliest is None:
                return
            earlier = page.earliest + STEP
            if before is not None and earlier >= before:
                self._once(
                    "pages", f"over {PAGE} events began in the same moment; Frigate's list of them can't be read on"
                )
                return
            before = earlier

    def _from_message(self, event: PersonEvent) -> None:
        """What isn't there yet, or can't be had now, is met again soon."""
        try:
            self._take(event)
        except (Gone, Later) as error:
            if len(self._missed) < MOST_WAITING:
                self._missed.setdefault(event.id, 0)
            self._put_off(event, error)

    def _from_list(self, event: PersonEvent) -> None:
        """Frigate lists it with a snapshot; if there is none now, there will be none.

        Raises:
            Closed: nobody can be taken now.
        """
        try:
            self._take(event)
        except Gone as error:
            self._pass_over(event, PassedOver("snapshot gone", str(error)))
        except Closed:
            raise
        except Later as error:
            self._tries[event.id] += 1
            if self._tries[event.id] < MOST_TRIES:
                self._put_off(event, error)
            else:
                self._pass_over(event, PassedOver("given up", f"event {event.id}, after {MOST_TRIES} tries: {error}"))

    def _put_off(self, event: PersonEvent, error: Exception) -> None:
        self.tally.postponed += 1
        self._due = min(self._due, time.monotonic() + self._pause_s)
        _log.info("event %s is put off: %s", event.id, error)

    def _take(self, event: PersonEvent) -> None:
        """
        Raises:
            Gone: there is no snapshot.
            Later: somebody doesn't answer, or takes nobody now.
        """
        if event.id in self._ledger or event.ended <= self._ledger.begin:
            return
        try:
            if self._cameras is None:
                raise Later("the cameras aren't known yet")
            camera = self._cameras.camera(event.camera)
            data = self._api.snapshot(event.id)
            shot = shot_of(event, data, camera, version=self._version, trust_frames=self._trust_frames)
            outcome = self._place.take(shot)
        except PassedOver as error:
            self._pass_over(event, error)
            return
        setattr(self.tally, outcome, getattr(self.tally, outcome) + 1)
        _log.info("event %s of %s: %s as a sighting of %s", event.id, event.camera, outcome, camera.shown)
        self._ledger.settle(event.id, event.started, event.ended)

    def _pass_over(self, event: PersonEvent, error: PassedOver) -> None:
        self.pass_over(error)
        self._ledger.settle(event.id, event.started, event.ended)

    def _once(self, kind: str, words: str) -> None:
        if kind not in self._spoken and len(self._spoken) < 1000:
            self._spoken.add(kind)
            self._say(words)
