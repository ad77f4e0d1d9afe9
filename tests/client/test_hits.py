"""What an answer can do beside being read: pictures, a notebook's view, tables."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import httpx2
import pytest

from rgbir.client import AsyncClient, Client, ClientClosed, Hit, NoPicture, NotFound, SearchResponse
from rgbir.client.wire import Answers, GalleryInfo, Network

JPEG, PNG = b"\xff\xd8\xff crop", b"\x89PNG\r\n\x1a\n crop"
EVIL = "<script>alert(1)</script>\"'&"


def hit(rank: int, **more: Any) -> dict[str, Any]:
    return {
        "rank": rank, "id": f"s{rank}", "camera": "1", "distance": rank / 2, "score": 0.5,
        "image": f"/gallery/sightings/s{rank}/image", **more,
    }  # fmt: skip


def response(*hits: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "query": {"camera": "3", "modality": "ir", "place": "yard", "shots": 1}, "searched_cameras": ["1"],
        "excluded_cameras": [], "hits": list(hits), "model": {"name": "m", "fingerprint": "f"}, "generation": 1, "exact": True,
        "milliseconds": {}, **more,
    }  # fmt: skip


class Server:
    """Answers searches with one answer, and images with a crop or what else was given for the sighting."""

    def __init__(self, answer: dict[str, Any], **crops: Callable[[], bytes] | bytes | int) -> None:
        self.answer, self.crops = answer, crops
        self.asked: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path == "/search/batch":
            return httpx2.Response(200, json={"answers": [self.answer, self.answer]})
        if not path.endswith("/image"):
            return httpx2.Response(200, json=self.answer)
        sighting = path.split("/")[-2]
        self.asked.append(sighting)
        crop = self.crops.get(sighting, JPEG)
        if callable(crop):
            crop = crop()
        if isinstance(crop, int):
            return httpx2.Response(crop, json={"detail": f"no {EVIL}", "code": "not-found"})
        return httpx2.Response(200, content=crop)

    def client(self) -> Client:
        return Client(httpx2.Client(base_url="http://s", transport=httpx2.MockTransport(self)), retries=0)


def test_a_hit_fetches_its_picture_from_the_server_that_answered() -> None:
    server = Server(response(hit(1), hit(2, image=None), hit(3)), s3=404)
    with server.client() as client:
        first, second, third = client.search(b"x").hits

        assert first.image() == JPEG
        assert server.asked == ["s1"]
        with pytest.raises(NoPicture, match="sighting s2 was enrolled without its crop"):
            second.image()
        with pytest.raises(NotFound):
            third.image()
        assert first.image_path == "/gallery/sightings/s1/image"
    with pytest.raises(ClientClosed, match="this client is closed; make another"):
        third.image()


def test_a_sighting_has_its_picture_too() -> None:
    server = Server({"id": "s1", "camera": "1", "source": "", "image": "/x"})
    assert server.client().sighting("s1").image() == JPEG


def test_of_the_async_client_it_is_awaited() -> None:
    server = Server(response(hit(1)))

    async def run() -> tuple[str, bytes, str]:
        http = httpx2.AsyncClient(base_url="http://s", transport=httpx2.MockTransport(server))
        async with AsyncClient(http, retries=0) as client:
            answer = await client.search(b"x")
            before = answer._repr_html_()
            crop = await answer.hits[0].image()
            assert await answer.hits[0].image() == crop
            return before, crop, answer._repr_html_()

    before, crop, after = asyncio.run(run())

    assert crop == JPEG
    assert server.asked == ["s1"]
    assert ("data:image" in before, "data:image/jpeg" in after) == (False, True)


def test_where_a_hit_comes_from_is_no_part_of_it() -> None:
    """It is equal, hashed, copied, pickled and written as a hit that no client brought."""
    plain = SearchResponse.model_validate(response(hit(1)))
    brought = Server(response(hit(1))).client().search(b"x")

    assert brought == plain
    assert hash(brought.hits[0]) == hash(plain.hits[0])
    assert brought.model_dump_json() == plain.model_dump_json()
    assert repr(brought) == repr(plain)
    assert json.loads(brought.model_dump_json())["hits"][0]["image"] == "/gallery/sightings/s1/image"
    assert pickle.loads(pickle.dumps(brought)) == copy.deepcopy(brought) == brought
    for lost in (plain.hits[0], pickle.loads(pickle.dumps(brought.hits[0]))):
        with pytest.raises(NoPicture, match="no server is known for sighting s1"):
            lost.image()
    assert copy.deepcopy(brought).hits[0].image() == JPEG


# --- a notebook's view


class View(HTMLParser):
    """tags: all of them; pictures: the sources of images; text: what is read."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.pictures: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        self.pictures += [value or "" for name, value in attrs if name == "src"]

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"


def test_a_notebook_shows_the_pictures_and_what_is_doubtful_above_them() -> None:
    answer = response(
        hit(1, taken_at="2026-01-02T03:04:05+01:00", identity=7), hit(2), hit(3, image=None),
        warnings=["the image is blurred"], doubtful=True, exact=False, excluded_cameras=[{"camera": "2", "reason": "same place"}],
    )  # fmt: skip
    view = View(Server(answer, s2=PNG).client().search(b"x")._repr_html_())

    assert [picture.partition(";")[0] for picture in view.pictures] == ["data:image/jpeg", "data:image/png"]
    for text in (
        "camera 3 (yard)",
        "probably not in this gallery",
        "approximate",
        "the image is blurred",
        "camera 2: same place",
    ):
        assert text in view.text
        assert view.text.index(text) < view.text.index("rank")
    for text in ("2026-01-02 03:04:05+01:00", "\n7\n", "enrolled without its crop"):
        assert text in view.text


def test_what_strangers_wrote_is_text() -> None:
    answer = response(
        *(hit(rank, camera=EVIL, source=EVIL, id=f"s{rank}") for rank in (1, 2, 3)), searched_cameras=[EVIL], warnings=[EVIL],
        excluded_cameras=[{"camera": EVIL, "reason": EVIL}], error=EVIL, query={"camera": EVIL, "modality": "ir", "place": EVIL, "shots": 1},
    )  # fmt: skip
    view = View(Server(answer, s1=404, s2=b"<svg onload=alert(1)>").client().search(b"x")._repr_html_())

    assert view.tags == {"div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "em", "img"}
    assert view.text.count(EVIL) == 3 * 2 + 1 + 1 + 2 + 1 + 2 + 1
    assert len(view.pictures) == 1


def test_no_more_than_twenty_pictures_are_fetched_and_each_once() -> None:
    server = Server(response(*(hit(rank) for rank in range(1, 51))))
    answer = server.client().search(b"x")

    view = View(answer._repr_html_())

    assert len(view.pictures) == 20
    assert "and 30 more" in view.text
    answer._repr_html_()
    assert server.asked == [f"s{rank}" for rank in range(1, 21)]


def test_a_server_that_is_away_leaves_placeholders_and_is_asked_once() -> None:
    def away() -> bytes:
        raise httpx2.ConnectError("gone")

    server = Server(response(*(hit(rank) for rank in range(1, 10))), s3=away)
    view = View(server.client().search(b"x")._repr_html_())

    assert len(view.pictures) == 2
    assert view.text.count("no answer from") == 7
    assert server.asked == ["s1", "s2", "s3"]
    closed = server.client()
    answer = closed.search(b"x")
    closed.close()
    assert View(answer._repr_html_()).text.count("this client is closed") == 9


def test_an_answer_without_hits_or_without_a_server_has_a_view() -> None:
    assert "no hits" in SearchResponse.model_validate(response())._repr_html_()
    assert "no server is known" in SearchResponse.model_validate(response(hit(1)))._repr_html_()


# --- tables


def test_hits_become_rows_of_typed_columns() -> None:
    pytest.importorskip("pandas")
    meaning = {"probability": 0.75, "false_accept_rate": 0.25, "strangers": None}
    answer = SearchResponse.model_validate(
        response(hit(1, taken_at="2026-01-02T03:04:05+01:00", identity=7, meaning=meaning), hit(2))
    )

    table = answer.to_dataframe()

    assert {name: str(kind) for name, kind in table.dtypes.items()} == {
        "rank": "Int64", "id": "string", "camera": "string", "taken_at": "datetime64[us, UTC]", "identity": "Int64", "track": "string",
        "source": "string", "distance": "float64", "score": "float64", "image_path": "string", "plain_rank": "Int64", "others": "Int64",
        "recording": "string", "new": "boolean", "probability": "float64", "false_accept_rate": "float64", "strangers": "float64",
    }  # fmt: skip
    assert table["taken_at"][0] == datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert table["taken_at"].isna().tolist() == table["identity"].isna().tolist() == [False, True]
    assert table["probability"].tolist()[0] == 0.75
    assert table["identity"][0] == 7
    empty = SearchResponse.model_validate(response()).to_dataframe()
    assert (len(empty), empty.dtypes.to_dict()) == (0, table.dtypes.to_dict())


def test_a_batch_says_whose_hit_it_is_and_has_a_view() -> None:
    pytest.importorskip("pandas")
    answers = Server(response(hit(1), hit(2))).client().search_each([b"x", b"y"])

    assert isinstance(answers, Answers)
    assert answers.to_dataframe()[["query", "id"]].to_numpy().tolist() == [[0, "s1"], [0, "s2"], [1, "s1"], [1, "s2"]]
    assert len(View(answers._repr_html_()).pictures) == 4
    assert answers[1].hits[0].image() == JPEG


def test_a_large_batch_fetches_no_more_pictures_than_one_answer() -> None:
    server = Server(response(*(hit(rank) for rank in range(1, 51))))
    answers = Answers(answer for _ in range(5) for answer in server.client().search_each([b"x", b"y"]))

    view = View(answers._repr_html_())

    assert (len(view.pictures), len(server.asked)) == (20, 20)
    assert "and 6 more answers" in view.text
    assert "and 45 more" in view.text


def answering(content: Any) -> Client:
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, json=content))
    return Client(httpx2.Client(base_url="http://s", transport=transport))


def test_other_answers_are_tables_too() -> None:
    pandas = pytest.importorskip("pandas")
    enrolled = answering({"results": [{"name": "a", "status": "added", "id": "1"}]}).enrol(b"x", camera="1")
    assert enrolled.to_dataframe().to_dict("records")[0] | {"reason": None} == {
        "name": "a", "status": "added", "id": "1", "reason": None,
    }  # fmt: skip
    assert pickle.loads(pickle.dumps(enrolled)) == enrolled
    models = answering({"models": []}).models().to_dataframe()
    assert (len(models), str(models["done"].dtype), str(models["overlap"].dtype)) == (0, "Int64", "float64")
    counts = GalleryInfo.model_validate(
        {
            "sightings": 1, "generation": 1, "model": "m", "fingerprint": "f", "metric": "cosine", "dimension": 2,
            "cameras": [{"camera": "1", "sightings": 4, "identities": 2, "earliest": "2026-01-01T00:00:00Z"}],
        }
    ).to_dataframe()  # fmt: skip
    assert counts["earliest"][0] == datetime(2026, 1, 1, tzinfo=UTC)
    network = Network.model_validate(
        {"name": "n", "cameras": [{"id": "1", "modalities": ["ir"], "place": "p", "sightings": 3}]}
    )
    assert network.to_dataframe()["modalities"][0] == ["ir"]
    log = answering({"entries": [{"n": 1, "at": "2026-01-01T00:00:00+00:00", "who": "a"}]}).audit().to_dataframe()
    assert log["at"][0] == pandas.Timestamp("2026-01-01", tz="UTC")
    assert len(answering({"entries": []}).audit().to_dataframe()) == 0


def test_without_pandas_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        SearchResponse.model_validate(response()).to_dataframe()


def test_a_hit_of_an_index_is_a_hit_of_the_wire() -> None:
    assert "image" in Hit.model_json_schema()["properties"]
    assert "image_path" not in Hit.model_json_schema()["properties"]
