"""What one key sees of a case: its pictures, the marks on them, and stored searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rgbir.client import casework
from rgbir.client.wire import errors_path
from rgbir.index import AnyGallery, Code
from rgbir.server.access.keys import Key
from rgbir.server.cases.records import Course, Marked, Picture, Searched
from rgbir.server.engine.engine import Engine

OF_THE_QUERY = (Code.OWN_CAMERA, Code.SAME_PLACE, Code.SAME_PLACE_AT_TIMES, Code.NO_WALKING_TIME, Code.MOVED_NO_TIME)
"""Codes whose sentences tell of the query's camera."""


def told_answer(engine: Engine, course: Course, search: Searched, caller: Key) -> casework.CaseAnswer:
    """A search's answer as it was given, but for hits that are gone or aren't the key's, and for what tells of them."""
    answer = _Sight(engine.gallery, course, search, caller).answer()
    known = engine.now.searcher.errors
    same = known is not None and known.about.get("fingerprint") == answer["model"]["fingerprint"]
    return casework.CaseAnswer(**answer, errors=errors_path(engine.settings.root_path) if same else None)


def told_search(engine: Engine, course: Course, search: Searched, caller: Key) -> casework.CaseSearch:
    """A search without its hits, as that key sees it."""
    return casework.CaseSearch(**_Sight(engine.gallery, course, search, caller).head())


class _Sight:
    """A stored search as one key sees it: without hidden cameras, and without what is left of people who were erased.

    Counts are of what the key sees. The query's camera, its place and its time are hidden where the camera isn't the key's, and for
    everybody once nothing is left of what was searched with.
    """

    def __init__(self, gallery: AnyGallery, course: Course, search: Searched, caller: Key) -> None:
        self.gallery, self.course, self.search, self.caller = gallery, course, search, caller
        self.content, self.stored = search.content, search.content["answer"]
        self.hits = [hit if hit is not None and self._sees(hit["camera"]) else None for hit in self.stored["hits"]]
        self.like = self._like()
        camera = self.stored["query"]["camera"]
        self.hidden = self._erased() or (camera is not None and not self._sees(camera))
        """Whether the query's camera, its place and its time may not be told."""

    def head(self) -> dict[str, Any]:
        """What a `casework.CaseSearch` is made of."""
        return {
            "n": self.search.n,
            "who": self.search.who,
            "at": self.search.at,
            "purpose": self.content["purpose"],
            "queries": self.content["queries"],
            "like": self.like,
            "options": self._options(),
            "same": self._heeded("same"),
            "different": self._heeded("different"),
            "hits": len(self.hits) if self._all else sum(hit is not None for hit in self.hits),
            "new": new_of(self.search, self.caller),
            "searched_cameras": self._seen(self.stored["searched_cameras"]),
            "verdict": self._verdict(),
            **{name: self.stored[name] for name in ("exact", "generation", "model")},
        }

    def answer(self) -> dict[str, Any]:
        """What a `casework.CaseAnswer` is made of."""
        query = self.stored["query"]
        return {
            **self.head(),
            "query": {**query, "camera": None, "place": None} if self.hidden else query,
            "ranking": self.hits,
            "excluded_cameras": [left for left in self.stored["excluded_cameras"] if self._tells(left)],
            "coverage": self.stored["coverage"],
            "remarks": [remark for remark in self.stored["remarks"] if self._tells(remark)],
            "doubtful": self.stored["doubtful"],
        }

    @property
    def _all(self) -> bool:
        return self.caller.cameras is None

    def _sees(self, name: str) -> bool:
        return _shows(self.search, name, self.caller)

    def _seen(self, names: Sequence[str]) -> list[str]:
        return list(filter(self._sees, names))

    def _like(self) -> str | None:
        """The sighting that was searched with, while it is enrolled at a camera that the key sees."""
        like: str | None = self.content["like"]
        enrolled = None if like is None else self.gallery.get(like)
        return like if enrolled is not None and self.caller.sees(enrolled.camera) else None

    def _erased(self) -> bool:
        """Whether all that was searched with was erased since."""
        if self.content["like"] is not None:
            return self.gallery.get(self.content["like"]) is None
        queries = [self.course.picture(name) for name in self.content["queries"]]
        return bool(queries) and all(query is None or query.gone is not None for query in queries)

    def _options(self) -> dict[str, Any]:
        options = dict(self.content["options"])
        if self.hidden or (options.get("camera") is not None and not self._sees(options["camera"])):
            options.pop("camera", None)
            options.pop("taken_at", None)
        if options.get("cameras"):
            options["cameras"] = self._seen(options["cameras"])
            if not options["cameras"]:
                del options["cameras"]
        return options

    def _heeded(self, kind: str) -> int:
        if self._all:
            return int(self.content[kind])
        pictures = (self.course.picture(name) for name in self.content.get("heeded", {}).get(kind, ()))
        return sum(picture is not None and sees(self.caller, picture) for picture in pictures)

    def _verdict(self) -> dict[str, Any]:
        verdict = self.stored["verdict"]
        values = dict(verdict["values"])
        if values.get("cameras"):
            values["cameras"] = self._seen(values["cameras"])
        if values.get("query_camera") is not None and (self.hidden or not self._sees(values["query_camera"])):
            values["query_camera"] = None
        if "hits" in values and not self._all:
            strangers = [hit["meaning"]["strangers"] for hit in self.hits if hit is not None and hit["meaning"]]
            values["hits"] = sum(number is not None and number < 1 for number in strangers)
        return {**verdict, "values": values}

    def _tells(self, each: Mapping[str, Any]) -> bool:
        """Whether an excluded camera or a remark may be told: it names no hidden camera, nor the query's where that is hidden."""
        values = each["values"]
        if self.hidden and (each["code"] in OF_THE_QUERY or "query_camera" in values):
            return False
        names = [each.get("camera"), values.get("camera"), values.get("query_camera"), *values.get("cameras", ())]
        return all(name is None or self._sees(name) for name in names)


def new_of(search: Searched, caller: Key) -> int | None:
    """Hits of a search that no earlier one of its case had, as far as the key sees them; None in the first one."""
    new: int | None = search.content["new"]
    if new is None or caller.cameras is None:
        return new
    hits = [hit for hit in search.content["answer"]["hits"] if hit is not None and hit["new"]]
    return sum(_shows(search, hit["camera"], caller) for hit in hits)


def told_mark(mark: Marked, course: Course, caller: Key) -> casework.CaseMark:
    """A mark as that key sees it: on a picture that it doesn't see, only that there is one."""
    shown = course.picture(mark.picture)
    seen = casework.CaseMark.model_validate(mark)
    if shown is not None and sees(caller, shown):
        return seen
    hidden = {"blank": True, "mark": None, "note": "", "search": None, "rank": None, "strangers": None}
    return seen.model_copy(update=hidden)


def _shows(search: Searched, name: str, caller: Key) -> bool:
    """Whether a key sees a camera that was called so when that search was made."""
    return caller.sees(search.content.get("cameras", {}).get(name, name))


def sees(caller: Key, picture: Picture) -> bool:
    """Whether a key sees a case's picture: it is of its cameras, or a query that it brought itself.

    What was erased has lost its camera, so only a key of all cameras is told what people wrote about it.
    """
    if caller.cameras is None or (picture.kind == "query" and picture.added_by == caller.name):
        return True
    if picture.camera is None:
        return picture.gone is None
    return caller.sees(picture.camera)
