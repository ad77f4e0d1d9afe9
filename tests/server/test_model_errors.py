"""Where the model's errors stand: with every answer, over HTTP, on the command line."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from tests.conftest import BUNDLE
from tests.server.cases.test_report import Reading
from typer.testing import CliRunner

from rgbir.client import Client, NotFound
from rgbir.client.cli import app as commands
from rgbir.index import ERRORS_COMMAND, Gallery, SysuMM01
from rgbir.server import Settings, create_app

ERRORS = "errors.json"
WORDS = "errors: how often this model errs, and on what: "
NOBODY = "errors: nobody has measured how often this model errs; `rgbir evaluate --report robustness` does"


@pytest.fixture
def unmeasured(tmp_path: Path) -> Path:
    """The same bundle, whose errors nobody has measured."""
    shutil.copytree(BUNDLE, tmp_path / "unmeasured")
    (tmp_path / "unmeasured" / ERRORS).unlink()
    return tmp_path / "unmeasured"


@pytest.fixture
def http(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(replace(settings, keys=None)), base_url="http://127.0.0.1") as opened:
        yield opened


@pytest.fixture
def night(people: SysuMM01) -> Path:
    """An infrared picture."""
    return next(iter(people.records("test", (3,)))).path


def test_an_answer_says_where_the_errors_of_its_model_are_read(http: TestClient, night: Path) -> None:
    client = Client(http)

    answers = [client.search(night, camera="3"), *client.search_each([night], camera="3")]

    assert {answer.errors for answer in answers} == {"/model/errors"}
    measured = json.loads((BUNDLE / ERRORS).read_bytes())
    assert http.get(answers[0].errors or "").json() == measured == client.model_errors()
    assert measured["about"]["fingerprint"] == answers[0].model.fingerprint
    assert f"{WORDS}/model/errors" in answers[0]._repr_html_()


def test_below_a_path_the_address_is_below_it_too(settings: Settings, night: Path) -> None:
    below = replace(settings, keys=None, root_path="/rgbir")
    with TestClient(create_app(below), base_url="http://127.0.0.1/rgbir", root_path="/rgbir") as opened:
        assert Client(opened).search(night, camera="3").errors == "/rgbir/model/errors"


def test_a_page_to_read_shows_the_same_figures_and_runs_nothing(http: TestClient) -> None:
    response = http.get("/model/errors", params={"format": "html"})

    assert response.headers["content-type"] == "text/html; charset=utf-8"
    page, policy = Reading(response.text), response.headers["content-security-policy"]
    style = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert f"style-src 'sha256-{style}'" in policy
    assert "default-src 'none'" in policy
    assert "script" not in page.tags
    (side,) = http.get("/model/errors").json()["sides"]
    whole, leads = side["whole"]["rank_1"], side["accepts"][-1]["false_accepts"]
    for share in (whole, leads):
        assert f"{100 * share['value']:.1f} ({100 * share['low']:.1f} to {100 * share['high']:.1f})" in page.text


def test_where_nobody_measured_it_the_command_is_named(settings: Settings, unmeasured: Path, night: Path) -> None:
    with TestClient(create_app(replace(settings, keys=None, bundle=unmeasured)), base_url="http://127.0.0.1") as opened:
        client = Client(opened)
        answer = client.search(night, camera="3")
        assert answer.errors is None
        assert NOBODY in answer._repr_html_()
        with pytest.raises(NotFound, match=re.escape(ERRORS_COMMAND)):
            client.model_errors()


def test_the_command_line_says_it_below_the_hits(gallery: Gallery, unmeasured: Path, night: Path) -> None:
    for bundle, words in ((BUNDLE, f"{WORDS}{BUNDLE / ERRORS}"), (unmeasured, NOBODY)):
        result = CliRunner().invoke(
            commands, ["search", str(night), "--camera", "3", "--gallery", str(gallery.folder), "--bundle", str(bundle)]
        )
        assert result.exit_code == 0, result.output
        assert words in result.stdout.replace("\n", "") or words in result.stdout
