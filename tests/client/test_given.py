"""What is given to a client is used, or refused by name; both clients alike, before anything is sent."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from rgbir.client import AsyncClient, Client
from rgbir.client.cli import app

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
runner = CliRunner()


class Sent(Exception):
    """A request that would have gone out."""

    def __init__(self, request: httpx2.Request) -> None:
        self.request = request


def refuse(request: httpx2.Request) -> httpx2.Response:
    raise Sent(request)


def asked(kind: type, name: str, /, *args: Any, **options: Any) -> httpx2.Request:
    """The request that a method sends."""
    transport = httpx2.MockTransport(refuse)
    client: Any
    if kind is Client:
        client = Client(httpx2.Client(base_url="http://s", transport=transport))
    else:
        client = AsyncClient(httpx2.AsyncClient(base_url="http://s", transport=transport))

    async def ask() -> None:
        answer = getattr(client, name)(*args, **options)
        if kind is AsyncClient:
            await answer

    with pytest.raises(Sent) as sent:
        asyncio.run(ask())
    return sent.value.request


def form(request: httpx2.Request) -> dict[str, list[str]]:
    """The fields of a request, by the standard library's parser of mail."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message: Message = BytesParser().parsebytes(head + request.read())
    fields: dict[str, list[str]] = {}
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        if name and name != "images":
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            fields.setdefault(str(name), []).append(content.decode().strip())
    return fields


clients = pytest.mark.parametrize("kind", [Client, AsyncClient])


@clients
@pytest.mark.parametrize("method", ["erase", "remove"])
@pytest.mark.parametrize("condition", [{"camera": "1"}, {"identity": 0}, {"track": "t"}, {"before": NOON}])
def test_a_sighting_is_erased_alone(kind: type, method: str, condition: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"a sighting is erased alone, without {next(iter(condition))}"):
        asked(kind, method, "a1b2", **condition)
    assert asked(kind, method, "a1b2").url.path == "/gallery/sightings/a1b2"
    assert list(asked(kind, method, **condition).url.params) == [*condition]


@pytest.mark.parametrize("setting", [{"key": "k"}, {"key": ""}, {"ca": Path("ca.pem")}, {"timeout_s": 60.0}])
def test_a_ready_client_has_its_own_settings(setting: dict[str, Any]) -> None:
    reason = f"{next(iter(setting))} would have no effect on a ready client"
    with pytest.raises(TypeError, match=reason):
        Client(httpx2.Client(base_url="http://s"), **setting)
    with pytest.raises(TypeError, match=reason):
        AsyncClient(httpx2.AsyncClient(base_url="http://s"), **setting)


@pytest.mark.parametrize(("given", "seconds"), [({}, 60), ({"timeout_s": 5}, 5)])
def test_a_url_takes_them(given: dict[str, Any], seconds: float) -> None:
    with Client("http://s", key="k", **given) as client:
        assert client._http.timeout.read == seconds
        assert client._http.headers["Authorization"] == "Bearer k"


EMPTY: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("search", (b"x",), {"camera": ""}, "camera"),
    ("search", (b"x",), {"cameras": ["1", ""]}, "cameras"),
    ("search", (b"x",), {"track": ""}, "track"),
    ("search", (b"x",), {"purpose": ""}, "purpose"),
    ("search", (), {"like": ""}, "like"),
    ("search_each", ([b"x"],), {"case": ""}, "case"),
    ("distances", (b"x",), {"camera": ""}, "camera"),
    ("enrol", (b"x",), {"camera": ""}, "camera"),
    ("enrol", (b"x",), {"camera": "1", "track": ""}, "track"),
    ("enrol", (b"x",), {"camera": "1", "track": ["t", ""]}, "track"),
    ("enrol", (b"x",), {"camera": "1", "taken_at": ""}, "taken_at"),
    ("enrol", (b"x",), {"camera": "1", "identity": []}, "identity"),
    ("enrol_track", (b"x",), {"camera": "1", "track": ""}, "track"),
    ("browse", (), {"cameras": [""]}, "cameras"),
    ("browse", (), {"track": ""}, "track"),
    ("erase", (), {"camera": ""}, "camera"),
    ("put_camera", ("1",), {"place": ""}, "place"),
    ("add_key", ("",), {}, "name"),
    ("erase", ("",), {}, "an id is needed here"),
    ("sighting", ("",), {}, "an id is needed here"),
]


@clients
@pytest.mark.parametrize(("method", "args", "options", "name"), EMPTY)
def test_an_empty_text_is_refused_by_name(
    kind: type, method: str, args: tuple[Any, ...], options: dict[str, Any], name: str
) -> None:
    with pytest.raises(ValueError, match=name):
        asked(kind, method, *args, **options)


def test_of_every_method_texts_are_looked_at() -> None:
    """Each parameter of text of each method, tried with an empty one."""
    for name, method in inspect.getmembers(Client, inspect.isfunction):
        shown = inspect.signature(method).parameters
        texts = [each for each, parameter in shown.items() if "str" in str(parameter.annotation) and each != "self"]
        needed: dict[str, Any] = {
            each: "x" for each, parameter in shown.items() if parameter.default is parameter.empty and each != "self"
        }
        if name.startswith("_") or name in ("wait_for_job", "enrol_all", "start_job"):
            continue
        for text in set(texts) - {
            "film",
            "images",
            "image",
            "modality",
            "order",
            "by",
            "passages",
            "group_by",
            "fuse",
            "role",
        }:
            options = {**needed, text: ""}
            options |= {each: b"x" for each in ("images", "image") if each in shown and each in needed}
            with pytest.raises((ValueError, TypeError), match=r"empty text|not a text"):
                asked(Client, name, **options)


@clients
@pytest.mark.parametrize("make", [list, tuple, np.array, pd.Series])
def test_labels_are_lists_or_arrays(kind: type, make: Callable[[Any], Any]) -> None:
    request = asked(
        kind, "enrol", [b"x", b"y"], camera="1", identity=make([3, 0]), track=make(["a", "b"]), box=np.array([[0, 1, 2, 3]] * 2)
    )  # fmt: skip
    assert form(request) == {
        "camera": ["1"], "identity": ["3", "0"], "track": ["a", "b"], "box": ["0,1,2,3", "0,1,2,3"],
    }  # fmt: skip


@clients
def test_a_number_of_an_array_is_a_number(kind: type) -> None:
    times = list(pd.to_datetime(["2026-03-01T12:00:00Z"] * 2))
    request = asked(
        kind, "enrol", [b"x", b"y"], camera="1", identity=np.int64(5), taken_at=[times[0], None], box=np.array([0, 1, 2, 3])
    )  # fmt: skip
    assert form(request) == {
        "camera": ["1"], "identity": ["5"], "taken_at": ["2026-03-01T12:00:00+00:00", ""], "box": ["0,1,2,3"],
    }  # fmt: skip


@clients
@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ({"identity": [1.5]}, "identity is a whole number"),
        ({"identity": np.array([1.0, np.nan])}, "identity is a whole number"),
        ({"identity": "7"}, "identity is a whole number"),
        ({"identity": True}, "identity is a whole number"),
        ({"identity": np.array([[1, 2]])}, "identity is a whole number"),
        ({"taken_at": [5]}, "taken_at is a moment"),
        ({"track": [["t"]]}, "track is a text"),
        ({"box": (0, 1, 2)}, "box is left, top, right, bottom"),
        ({"box": (0.5, 1, 2, 3)}, "box is left, top, right, bottom"),
        ({"box": "0,1,2,3"}, "box is left, top, right, bottom"),
        ({"box": np.array([[0.5, 1, 2, 3]])}, "box is left, top, right, bottom"),
        ({"box": 7}, "box is left, top, right, bottom"),
        ({"box": []}, "box is left, top, right, bottom"),
    ],
)
def test_what_is_no_label_is_refused_by_name(kind: type, label: dict[str, Any], reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        asked(kind, "enrol", [b"x"], camera="1", **label)


@clients
def test_one_text_is_no_list_of_cameras(kind: type) -> None:
    for method in ("browse", "counts"):
        with pytest.raises(TypeError, match=r"cameras is a sequence of names, such as \['12'\]"):
            asked(kind, method, cameras="12")
    assert asked(kind, "browse", cameras=np.array(["1", "2"])).url.params.get_list("cameras") == ["1", "2"]


def test_images_are_sent_together_with_arrays_for_labels() -> None:
    shots = [(b"x", {"camera": "1", "box": np.array([0, 0, 9, n])}) for n in (8, 9)]
    client = Client(httpx2.Client(base_url="http://s", transport=httpx2.MockTransport(refuse)))
    with pytest.raises(Sent) as sent:
        list(client.enrol_all(shots))
    assert form(sent.value.request) == {"camera": ["1"], "box": ["0,0,9,8", "0,0,9,9"]}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["search", "IMAGE", "--camera", ""], "--camera is empty"),
        (["search", "IMAGE", "--cameras", " , "], "--cameras is empty"),
        (["search", "IMAGE", "--purpose", ""], "--purpose is empty"),
        (["search", "IMAGE", "--taken-at", "5"], "--taken-at must be ISO 8601"),
        (["search", "IMAGE", "--taken-at", "2026-03-01T10:00:00"], "--taken-at '2026-03-01T10:00:00' has no zone"),
        (["enrol", "IMAGE", "--camera", ""], "--camera is empty"),
        (["enrol", "IMAGE", "--camera", "1", "--track", ""], "--track is empty"),
        (["enrol", "IMAGE", "--camera", "1", "--taken-at", "noon"], "--taken-at must be ISO 8601"),
        (["enrol", "IMAGE", "IMAGE", "IMAGE", "--camera", "1", *["--taken-at", NOON.isoformat()] * 2],
         "--taken-at is given once, or once for each of the 3 images"),
    ],
)  # fmt: skip
def test_the_command_line_names_the_option_as_it_is_typed(tmp_path: Path, words: list[str], reason: str) -> None:
    image = tmp_path / "q.jpg"
    image.write_bytes(b"x")
    typed = [str(image) if word == "IMAGE" else word for word in words]
    done = runner.invoke(app, [*typed, "--url", "http://127.0.0.1:9"], standalone_mode=False)
    assert reason in str(done.exception)
