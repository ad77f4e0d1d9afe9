"""Cases beside either kind of gallery: what is erased there leaves them, by id, by identity, and while a hold keeps it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.index.test_gallery_contract import Maker, database, make, sightings  # noqa: F401
from tests.index.yard import filled, random_rows
from tests.index.yard import sightings as in_yard
from tests.server.cases.books import CHIEF, NEW, PICTURE, WEBER, opened, query_of

from rgbir.server.cases.casebook import NewCase
from rgbir.server.cases.store import Embedded
from rgbir.server.errors import Held
from rgbir.server.http.persons import MOST_LOOKED_AT, expect_not_held, touched


@pytest.mark.slow
def test_who_is_erased_from_any_gallery_leaves_the_cases_beside_it(make: Maker, tmp_path: Path) -> None:  # noqa: F811
    gallery, enrolled = make(), sightings(12)
    gallery.add(enrolled)
    by_id, by_identity = enrolled[1], next(each for each in enrolled[2:] if each.identity is not None)
    with closing(opened(tmp_path)) as book:
        case = book.add(WEBER, NewCase(number="26-117", **NEW))
        for sighting in (by_id, by_identity):
            hit = book.keep_hit(case, gallery, sighting.id, WEBER)
            book.mark(WEBER, case, hit, "same")
        assert len(touched(book, gallery, {"ids": [by_id.id]}).pictures) == 1
        assert len(touched(book, gallery, {"identity": by_identity.identity}).pictures) >= 1

        gallery.remove(ids=[by_id.id])
        book.heed(gallery)
        assert [picture.erased_at is not None for picture in book.course(case).pictures] == [True, False]

        book.hold(CHIEF, case.id, "court order")
        gallery.remove(identity=by_identity.identity)
        book.heed(gallery)
        kept = book.course(case).pictures[1]
        assert (kept.due_at is not None, kept.erased_at) == (True, None)
        book.lift(CHIEF, case.id, gallery)
        assert book.course(case).pictures[1].erased_at is not None
        assert book.store.file.harm() == []


@pytest.mark.slow
@pytest.mark.parametrize("conditions", [{"identity": 0}, {"camera": "a"}, {"ids": None}])
def test_a_query_on_hold_is_found_by_its_image_however_old_the_sighting_is(
    tmp_path: Path, conditions: dict[str, object]
) -> None:
    enrolled = in_yard(random_rows(MOST_LOOKED_AT + 2), cameras="a", people=1)
    oldest = min(enrolled, key=lambda sighting: sighting.id)  # none has a time: the least id is shown last
    conditions = {"ids": sorted((each.id for each in enrolled), reverse=True)} if "ids" in conditions else conditions
    with filled(tmp_path / "gallery", enrolled) as gallery, closing(opened(tmp_path)) as book:
        case = book.add(WEBER, NewCase(number="26-117", **NEW))
        query = replace(query_of(case, camera=None), digest=oldest.digest)
        book.keep_query(query, PICTURE, Embedded(np.zeros(16, np.float32), "f"))
        book.hold(CHIEF, case.id, "court order")

        affected = touched(book, gallery, conditions)

        assert [picture.id for _, picture in affected.pictures] == [query.id]
        with pytest.raises(Held, match="case '26-117', by 'chief'"):
            expect_not_held(book, affected, CHIEF)
