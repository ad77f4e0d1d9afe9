"""The command line and the clients against a real server on a socket."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.conftest import BUNDLE
from tests.end_to_end.test_four_routes import rgbir, runner, served

from rgbir.client import AsyncClient
from rgbir.client.cli import app
from rgbir.index import CameraNetwork, Encoder, Gallery, SysuMM01


@pytest.fixture
def empty(tmp_path: Path, encoder: Encoder) -> Path:
    Gallery.open_or_create(tmp_path / "gallery", encoder.card, CameraNetwork.read("sysu-mm01")).close()
    return tmp_path / "gallery"


@pytest.mark.slow
def test_folders_are_enrolled_and_searched_over_http(
    empty: Path, people: SysuMM01, tmp_path: Path, gallery: Gallery, encoder: Encoder
) -> None:
    infrared = next(people.records("test", (3,))).path
    with served(empty) as url:
        sent = json.loads(rgbir("index", "add", people.root, "--layout", "sysu", "--url", url, "--json"))
        again = json.loads(rgbir("index", "add", people.root, "--layout", "sysu", "--url", url, "--json"))
        assert (sent["added"], again["added"], again["present"]) == (48, 0, 48)

        answer = json.loads(rgbir("search", infrared, "--camera", "3", "--url", url, "--top-k", "6", "--json"))

        here = ("--gallery", empty, "--bundle", BUNDLE)
        local = json.loads(rgbir("search", infrared, "--camera", "3", *here, "--top-k", "6", "--json"))
        assert [hit["id"] for hit in answer["hits"]] == [hit["id"] for hit in local["hits"]]
        like = json.loads(
            rgbir("search", "--like", answer["hits"][0]["id"], "--url", url, "--group-by", "identity", "--json")
        )
        assert len({hit["identity"] for hit in like["hits"]}) == len(like["hits"])
        broken = tmp_path / "broken.jpg"
        broken.write_bytes(b"no image")
        colour = next(people.records("test", (1,))).path
        result = runner.invoke(app, ["enrol", str(colour), str(broken), "--camera", "1", "--url", url])
        assert (result.exit_code, "0 added, 1 were there, 1 skipped" in result.output) == (3, True)
        with_boxes = ["enrol", str(colour), str(colour), "--camera", "1", "--url", url, "--track", "t"]
        times = ["--taken-at", "2026-11-02T22:15:00Z", "--taken-at", "2026-11-02T22:15:01Z"]
        boxes = ["--box", "0,0,30,60", "--box", "5,5,40,80"]
        assert "2 added" in runner.invoke(app, [*with_boxes, *boxes, *times]).output
        refused = runner.invoke(app, [*with_boxes, "--box", "1,2,3"], env={"COLUMNS": "200"})
        assert (refused.exit_code, "--box is left,top,right,bottom in pixels" in refused.output) == (2, True)
        refused = runner.invoke(app, [*with_boxes, str(colour), *boxes], env={"COLUMNS": "200"})
        assert (refused.exit_code, "once for each of the 3 images" in refused.output) == (2, True)

        async def together() -> list[int]:
            async with AsyncClient(url) as client:
                assert await client.ready()
                answers = await asyncio.gather(*(client.search(infrared, camera="3", top_k=6) for _ in range(8)))
            return [len(answer.hits) for answer in answers]

        assert asyncio.run(together()) == [6] * 8
    missing = runner.invoke(app, ["index", "add", str(people.root), "--layout", "sysu"])
    assert "give --gallery and --bundle, or --url" in str(missing.exception)
