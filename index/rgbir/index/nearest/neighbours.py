"""A gallery's lists of neighbours: made when they are asked for, kept with the gallery's state as far as the budget goes.

They are in memory only. What leaves the gallery leaves them at once; what comes is worked in at the next search.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock, RLock
from typing import NamedTuple

import numpy as np

from rgbir.index.errors import IndexFailure
from rgbir.index.nearest.lists import Lists, Rows, Source
from rgbir.index.nearest.rows import Mark
from rgbir.index.nearest.view import View

MOST_KEPT = 100_000
"""Rows whose lists are kept: some 53 MB, however wide embeddings are."""
MOST_AT_ONCE = 5e10
"""Products of two values that a search waits for while all lists are made: about a second on two cores."""
_BLOCK = 512
_PAUSE_S = 0.01  # lets a search go first
_log = logging.getLogger(__name__)


class Stale(Exception):
    """The view is older than the lists, or they were dropped meanwhile; take a newer one."""


class Kept(NamedTuple):
    """Lists that a search goes by.

    Attributes:
        lists: of the rows asked for, and maybe of others.
        source: the rows of the view.
        made: how many were made for it.
    """

    lists: Lists
    source: Source
    made: int


class Neighbours:
    """Lists of a gallery's rows among all its rows. Thread-safe.

    Args:
        view: gives the newest state, for what is made beside searches.
    """

    def __init__(self, view: Callable[[], View]) -> None:
        self._view = view
        self._lists = Lists.none()
        self._mark: Mark | None = None
        self._source: tuple[View, Source] | None = None
        self._gone: list[int] = []
        self._last_removal = 0
        self._state, self._work = RLock(), Lock()
        self._builder: ThreadPoolExecutor | None = None
        self._building = self._closed = False

    def __len__(self) -> int:
        return len(self._lists)

    @property
    def bytes(self) -> int:
        """Of the lists in memory."""
        return self._lists.bytes

    def source(self, view: View) -> Source:
        """The view's rows."""
        with self._state:
            if self._source is not None and self._source[0] is view:
                return self._source[1]
            source = Source(view)
            if view.mark.last_removal >= self._last_removal:  # else it knows who left
                self._source = (view, source)
            return source

    def all(self, view: View) -> Kept | None:
        """Of every row; None where there are too many, or they are being made, which takes longer than a search may wait."""
        source = self.source(view)
        if not 0 < len(source.rows) <= MOST_KEPT:
            return None
        with self._state:
            there = len(self._lists)
        waiting = float(len(source.rows) - there) * len(source.rows) * source.dimension
        if waiting > MOST_AT_ONCE:
            self._begin()
            return None
        return self.of(view, source.rows)

    def of(self, view: View, wanted: Rows) -> Kept:
        """Of these rows, ascending.

        Raises:
            Stale: the view is older than what is kept, or that was dropped meanwhile.
            CacheDamaged: a row in a file is not what was written.
        """
        source = self.source(view)
        if (kept := self._at_hand(view, source, wanted)) is not None:
            return kept
        with self._work:
            self._follow(view, source)
            missing = self._lists.missing(wanted)
            with self._state:
                if len(self._lists) + len(missing) > MOST_KEPT:  # other queries' candidates go
                    self._lists = self._lists.part(np.isin(self._lists.rows, wanted, assume_unique=True))
            for start in range(0, len(missing), _BLOCK):
                self._make(source, missing[start : start + _BLOCK])
            with self._state:
                self._still_kept()
                self._expect(view)
                return Kept(self._lists, source, len(missing))

    def _at_hand(self, view: View, source: Source, wanted: Rows) -> Kept | None:
        """Where all are kept already: such a search doesn't wait for lists that are made for others."""
        with self._state:
            lists, mark = self._lists, self._mark
        if mark is None or (mark.last_row, mark.last_removal) != (view.mark.last_row, view.mark.last_removal):
            return None
        return None if len(lists.missing(wanted)) else Kept(lists, source, 0)

    def _make(self, source: Source, rows: Rows) -> None:
        made = source.lists(rows)
        with self._state:
            self._still_kept()
            self._lists = self._lists.joined(made.without(np.array(self._gone, np.int64)) if self._gone else made)

    def _follow(self, view: View, source: Source) -> None:
        """Works in what came since."""
        with self._state:
            self._expect(view)
            if self._mark is None or self._mark.last_removal < view.mark.last_removal:
                self._lists, self._mark = Lists.none(), view.mark
            lists, mark = self._lists, self._mark
            self._gone.clear()
        if mark.last_row == view.mark.last_row:
            return
        new = source.rows[source.rows > mark.last_row]
        if float(len(new)) * len(lists) * source.dimension > MOST_AT_ONCE:
            lists = Lists.none()  # a search doesn't wait so long; they are made again beside it
        lists = lists.with_new(source, new)
        with self._state:
            mark = self._still_kept()
            self._lists = lists.without(np.array(self._gone, np.int64)) if self._gone else lists
            self._mark = view.mark._replace(last_removal=mark.last_removal)

    def _expect(self, view: View) -> None:
        newest = 0 if self._mark is None else self._mark.last_row
        if view.mark.last_removal < self._last_removal or view.mark.last_row < newest:
            raise Stale

    def _still_kept(self) -> Mark:
        """The state that the lists are of.

        Raises:
            Stale: they were dropped meanwhile.
        """
        if self._mark is None:
            raise Stale
        return self._mark

    def forget(self, rows: Iterable[int], mark: Mark) -> None:
        """Drops what is known of rows that left the gallery.

        Args:
            mark: the gallery's state without them.
        """
        gone = list(rows)
        if not gone:
            return
        with self._state:
            self._source, self._last_removal = None, mark.last_removal
            self._gone += gone
            self._lists = self._lists.without(np.array(gone, np.int64))
            if self._mark is not None:
                self._mark = self._mark._replace(last_removal=mark.last_removal)

    def _begin(self) -> None:
        """Makes all lists beside the searches."""
        with self._state:
            if self._building or self._closed:
                return
            self._building = True
            self._builder = self._builder or ThreadPoolExecutor(1, "neighbours")
            self._builder.submit(self._build)

    def _build(self) -> None:
        try:
            while not self._closed:
                view = self._view()
                rows = self.source(view).rows
                missing = self._lists.missing(rows)[:_BLOCK]
                if not len(missing) or len(rows) > MOST_KEPT:
                    return
                with suppress(Stale):
                    self.of(view, missing)
                time.sleep(_PAUSE_S)
        except IndexFailure as error:
            _log.warning("lists of neighbours aren't made: %s", error)
        except Exception:
            _log.exception("lists of neighbours aren't made")
        finally:
            self._building = False

    def drop(self) -> None:
        """Drops everything; it is made again when it is asked for."""
        with self._state:
            self._lists, self._mark, self._source = Lists.none(), None, None

    def wait(self) -> None:
        """Until the lists that were begun are made."""
        if self._builder is not None:
            self._builder.submit(lambda: None).result()

    def close(self) -> None:
        """Ends the work beside the searches, and drops the lists."""
        self._closed = True
        if self._builder is not None:
            self._builder.shutdown()
        self.drop()
