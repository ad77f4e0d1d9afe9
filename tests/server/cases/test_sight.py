"""What keys of some cameras see of a case, and what is left of people who were erased: nothing that tells of either."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.server.cases.conftest import Office
from tests.server.cases.test_course import CASE

from rgbir.client.wire import SearchResponse
from rgbir.index import SysuMM01, read_bytes
from rgbir.index.gallery.changes import CameraEdit
from rgbir.server.access.keys import Keyring, Role

AT = datetime(2026, 3, 1, 2, tzinfo=UTC)


@pytest.fixture
def gate(office: Office, ring: Keyring) -> str:
    """A key of camera 4, which works in the case."""
    office.tokens["gate"] = ring.add("gate", Role.SEARCH, ["4"])
    office("weber").add_case("26-117", **CASE, workers=["gate"])
    return "gate"


def searched(office: Office, night: bytes, **more: Any) -> SearchResponse:
    return office("weber").search(night, camera="3", top_k=30, case="26-117", **more)


def of_camera(answer: SearchResponse, camera: str) -> str:
    return next(hit.id for hit in answer.hits if hit.camera == camera)


def number(answer: SearchResponse) -> int:
    assert answer.case is not None
    return answer.case.search


def raw(office: Office, path: str) -> Any:
    return office.http.get(f"/cases/26-117{path}").json()


def test_what_was_noted_on_a_hidden_picture_stays_hidden_once_it_is_erased(
    office: Office, gate: str, night: bytes
) -> None:
    answer = searched(office, night)
    weber = office("weber")
    mark = weber.mark("26-117", "same", sighting=of_camera(answer, "1"), note="SECRET", search=number(answer))
    other_mark = weber.mark("26-117", "different", sighting=of_camera(answer, "4"), note="at the gate")
    for erased in (False, True):
        if erased:
            for picture in (mark.picture, other_mark.picture):
                assert office.http.delete(f"/cases/26-117/pictures/{picture}").status_code == 200
        office(gate)
        first, second = raw(office, "")["marks"]

        assert first["blank"]
        assert [first[name] for name in ("mark", "note", "search", "rank", "strangers")] == [None, "", None, None, None]
        assert second["blank"] is erased
        assert "SECRET" not in office.http.get("/cases/26-117/report").text
        office("weber")
    assert [(each["note"], each["mark"]) for each in raw(office, "")["marks"]] == [
        ("SECRET", "same"),
        ("at the gate", "different"),
    ], "a key of all cameras reads what stays"


def test_taking_a_hidden_mark_back_tells_nothing_of_it(office: Office, gate: str, night: bytes) -> None:
    mark = office("weber").mark(
        "26-117", "same", sighting=of_camera(searched(office, night), "1"), note="SECRET at camera 1"
    )
    assert office("chief").change_case("26-117", owner="gate").owner == "gate"
    office(gate)

    response = office.http.delete(f"/cases/26-117/marks/{mark.n}")

    assert response.status_code == 200
    assert "SECRET" not in response.text


def test_stored_searches_tell_a_limited_key_nothing_of_other_cameras(office: Office, gate: str, night: bytes) -> None:
    first = searched(office, night, cameras=["1", "4"], taken_at=AT)
    hidden, shown = of_camera(first, "1"), of_camera(first, "4")
    weber = office("weber")
    for hit in (hidden, shown):
        weber.mark("26-117", "same", sighting=hit)
    weber.mark("26-117", "different", sighting=[hit.id for hit in first.hits if hit.camera == "1"][1])
    assert first.case is not None
    second = weber.search(query=first.case.queries, top_k=60, case="26-117", refine=True)
    like = [weber.search(like=hit, top_k=5, case="26-117") for hit in (hidden, shown)]

    office(gate)
    searches = raw(office, "")["searches"]

    assert searches[0]["options"] == {"top_k": 30, "cameras": ["4"]}
    assert [search["like"] for search in searches] == [None, None, None, shown]
    assert (searches[1]["same"], searches[1]["different"]) == (1, 0)
    assert second.case is not None
    assert (second.case.same, second.case.different) == (2, 1)
    for search, answer in zip(searches, (first, second, *like), strict=True):
        mine = [hit for hit in answer.hits if hit.camera == "4"]
        kept = raw(office, f"/searches/{search['n']}")
        assert search["hits"] == kept["hits"] == len(mine)
        assert search["new"] == (None if answer is first else sum(bool(hit.new) for hit in mine))
        assert [hit["id"] for hit in kept["ranking"] if hit is not None] == [hit.id for hit in mine]
        visible = answer is like[1]
        assert kept["query"]["camera"] == ("4" if visible else None)
        assert (kept["query"]["place"] is None) is not visible
        assert kept["verdict"]["values"].get("query_camera") in (None, *(["4"] if visible else []))
        text = json.dumps({name: value for name, value in kept.items() if name not in ("ranking", "model", "coverage")})
        for camera in ("1", "2", "3", "5", "6"):
            assert f'"{camera}"' not in text
    total = sum(search["new"] or 0 for search in searches)
    assert raw(office, "")["new"] == total
    assert next(case["new"] for case in office.http.get("/cases").json()["cases"]) == total
    assert hidden not in office.http.get("/cases/26-117/report").text


def test_a_key_sees_its_hits_whatever_their_camera_is_called_now(office: Office, gate: str, night: bytes) -> None:
    gallery = office.http.app.state.engine.gallery  # type: ignore[attr-defined]

    def call(name: str) -> None:
        gallery.change_network(lambda network: CameraEdit(name=name).edited(network, "4"))

    call("gate")
    searched(office, night, cameras=["1"])
    answer = searched(office, night)
    mine = {hit.id for hit in answer.hits if hit.camera == "gate"}
    assert mine
    call("door")

    office(gate)
    kept = raw(office, f"/searches/{number(answer)}")
    assert {hit["id"] for hit in kept["ranking"] if hit is not None} == mine
    assert next(case["new"] for case in office.http.get("/cases").json()["cases"]) == kept["new"] == len(mine)


def test_a_limited_worker_sees_and_uses_the_query_that_it_brought(office: Office, gate: str, night: bytes) -> None:
    answer = office(gate).search(night, camera="3", top_k=5, case="26-117")
    assert answer.case is not None
    (query,) = answer.case.queries

    (picture,) = office(gate).case("26-117").pictures
    assert (picture.blank, picture.camera, picture.place) == (False, "3", None)
    assert office(gate).case_image("26-117", query) == night
    again = office(gate).search(query=[query], top_k=5, case="26-117")
    assert [hit.id for hit in again.hits] == [hit.id for hit in answer.hits]


def test_another_ones_query_of_a_hidden_camera_stays_blank(office: Office, gate: str, night: bytes) -> None:
    searched(office, night)

    assert [picture.blank for picture in office(gate).case("26-117").pictures] == [True]


def test_stored_searches_hold_nothing_of_a_query_that_was_erased(
    office: Office, gate: str, night: bytes, people: SysuMM01
) -> None:
    first = searched(office, night, taken_at=AT)
    assert first.case is not None
    (query,) = first.case.queries
    weber = office("weber")
    weber.search(query=[query], top_k=3, case="26-117")
    other = read_bytes(list(people.records("test", (3,)))[1].path)
    weber.search(other, query=[query], camera="3", taken_at=AT, top_k=3, case="26-117")
    before = [raw(office, f"/searches/{search['n']}") for search in raw(office, "")["searches"]]
    assert [(each["query"]["camera"], "taken_at" in each["options"]) for each in before] == [("3", True)] * 3

    assert office.http.delete(f"/cases/26-117/pictures/{query}").status_code == 200

    after = [raw(office, f"/searches/{search['n']}") for search in raw(office, "")["searches"]]
    assert [each["query"]["camera"] for each in after] == [None, None, "3"]
    assert [each["query"]["place"] is None for each in after] == [True, True, False]
    assert [sorted(each["options"].keys() & {"camera", "taken_at"}) for each in after] == [
        [],
        [],
        ["camera", "taken_at"],
    ]
    assert all("3" not in {left["camera"] for left in each["excluded_cameras"]} for each in after[:2])
    assert all(each["verdict"]["values"].get("query_camera") is None for each in after[:2])
    assert [hit["id"] for hit in after[0]["ranking"]] == [hit.id for hit in first.hits]


def test_a_search_by_likeness_does_not_name_whom_it_was_like_once_that_one_is_erased(
    office: Office, gate: str, night: bytes
) -> None:
    answer = searched(office, night)
    gone, stays = answer.hits[0].id, answer.hits[1].id
    for hit in (gone, stays):
        office("weber").search(like=hit, top_k=3, case="26-117")

    office("chief").erase(gone)

    office("weber")
    assert [search["like"] for search in raw(office, "")["searches"]] == [None, None, stays]
    assert gone not in json.dumps([raw(office, ""), raw(office, "/searches/2")])
    assert raw(office, "/searches/2")["query"]["camera"] is None
