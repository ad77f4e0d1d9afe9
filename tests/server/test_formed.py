"""Routes of forms answer as FastAPI does, whose own reading of the same routes is the other program."""

from __future__ import annotations

import itertools
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, File, Form, Query, Request, UploadFile
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from rgbir.index import Modality
from rgbir.server.http import problems
from rgbir.server.http.formed import FormRoute
from rgbir.server.http.known import only_known

ASKED = list[str]()
"""The dependencies that were asked, in order."""


async def server(request: Request) -> str:
    ASKED.append("server")
    return str(request.scope["path"])


async def why(
    purpose: Annotated[str | None, Form(max_length=5)] = None, case: Annotated[int | None, Form(ge=1)] = None
) -> tuple[str | None, int | None]:
    ASKED.append("why")
    return purpose, case


async def stated(path: Annotated[str, Depends(server)], said: Annotated[Any, Depends(why)]) -> list[Any]:
    ASKED.append("stated")
    return [path, *said]


class Noted:
    async def __call__(self, request: Request) -> None:
        ASKED.append("noted")


async def answered(
    request: Request,
    path: Annotated[str, Depends(server)],
    said: Annotated[list[Any], Depends(stated)],
    modality: Annotated[Modality, Form()],
    images: Annotated[list[UploadFile], File()],
    box: Annotated[list[str] | None, Form(max_length=2)] = None,
    mask: Annotated[UploadFile | None, File()] = None,
    detect: Annotated[bool, Form()] = False,
) -> JSONResponse:
    ASKED.append("route")
    contents = [(await image.read()).decode() for image in images]
    masked = None if mask is None else (await mask.read()).decode()
    return JSONResponse([request.method, path, said, modality.value, contents, box, masked, detect])


def client_of(route: type[APIRoute]) -> TestClient:
    app = FastAPI(dependencies=[Depends(only_known)], form_limits={"max_files": 3, "max_fields": 6})
    router = APIRouter(route_class=route)
    router.post("/ask", dependencies=[Depends(Noted())])(answered)
    app.include_router(router)
    problems.install(app)
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture(scope="module")
def both() -> tuple[TestClient, TestClient]:
    return client_of(FormRoute), client_of(APIRoute)


def answers(client: TestClient, **request: Any) -> tuple[int, Any, list[str]]:
    ASKED.clear()
    answer = client.post("/ask", **request)
    return answer.status_code, answer.json(), list(ASKED)


IMAGE, OTHER, NONE = ("images", ("a.jpg", b"one")), ("images", ("b.jpg", b"two")), ("images", ("", b""))
FIELDS: dict[str, list[dict[str, Any]]] = {
    "modality": [{"modality": "ir"}, {"modality": "xx"}, {"modality": ""}, {}],
    "purpose": [{}, {"purpose": "theft"}, {"purpose": "too long"}, {"purpose": ""}],
    "case": [{}, {"case": "7"}, {"case": "0"}, {"case": "seven"}],
    "box": [{}, {"box": ["", "1,2,3,4"]}, {"box": ["a", "b", "c"]}, {"box": ""}],
    "detect": [{}, {"detect": "yes"}, {"detect": "perhaps"}],
}
FILES = [[IMAGE], [IMAGE, OTHER], [IMAGE, ("mask", ("m.png", b"mask"))], [IMAGE, ("mask", ("", b""))], []]


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(FIELDS, 2)))
def test_a_form_is_read_as_fastapi_reads_it(both: tuple[TestClient, TestClient], first: str, second: str) -> None:
    ours, theirs = both
    right = 0
    for one, other, files in itertools.product(FIELDS[first], FIELDS[second], FILES):
        form = {"modality": "ir"} if "modality" not in (first, second) else {}
        request = {"data": form | one | other, "files": files or None}
        status, body, asked = answers(ours, **request)
        other_status, other_body, other_asked = answers(theirs, **request)
        assert (status, by_field(body)) == (other_status, by_field(other_body)), request
        if status == 200:
            right += 1
            assert asked == other_asked
        else:
            assert asked == []  # wrong fields are told before anything is asked
    assert right


def by_field(body: Any) -> Any:
    """A problem's wrong fields in one order: FastAPI tells those of dependencies first."""
    if isinstance(body, dict) and "errors" in body:
        return {**body, "detail": None, "errors": sorted(map(str, body["errors"]))}
    return body


@pytest.mark.parametrize(
    "request_of",
    [
        {"data": {"modality": "ir", "colour": "red"}, "files": [IMAGE]},
        {"data": {"modality": ["ir", "rgb"]}, "files": [IMAGE]},
        {"data": {"modality": "ir", "images": "a text"}},
        {"data": {"modality": "ir"}, "files": [IMAGE, ("purpose", ("p.txt", b"theft"))]},
        {"data": {"modality": "ir"}, "files": [IMAGE, NONE]},
        {"data": {"modality": "ir"}, "files": [NONE]},
        {"data": {"modality": "ir"}},
        {"data": {"modality": "ir"}, "files": [IMAGE] * 4},
        {"data": {"modality": "ir", "box": ["1"] * 8}, "files": [IMAGE]},
        {"json": {"modality": "ir"}},
        {"content": b"", "headers": {"Content-Type": "multipart/form-data"}},
        {"content": b"--x\r\nnonsense", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"params": {"modality": "ir"}, "files": [IMAGE]},
    ],
)
def test_forms_that_are_wrong_in_other_ways_are_answered_as_by_fastapi(
    both: tuple[TestClient, TestClient], request_of: dict[str, Any]
) -> None:
    ours, theirs = (answers(client, **request_of)[:2] for client in both)
    assert ours == theirs


def test_each_dependency_is_asked_once(both: tuple[TestClient, TestClient]) -> None:
    status, _, asked = answers(both[0], data={"modality": "ir"}, files=[IMAGE])
    assert status == 200
    assert asked == ["noted", "server", "why", "stated", "route"]


def test_files_are_closed_whatever_comes_of_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = list[UploadFile]()

    async def route(images: Annotated[list[UploadFile], File()]) -> JSONResponse:
        opened.extend(images)
        raise ValueError("nobody foresaw this")

    app = FastAPI()
    router = APIRouter(route_class=FormRoute)
    router.post("/ask")(route)
    app.include_router(router)
    TestClient(app, raise_server_exceptions=False).post("/ask", files=[IMAGE, OTHER])
    assert [image.file.closed for image in opened] == [True, True]


async def of_query(page: Annotated[int, Query()]) -> JSONResponse:
    return JSONResponse(page)


def plain(request: Request) -> JSONResponse:
    return JSONResponse(None)


async def of_plain(made: Annotated[Any, Depends(plain)]) -> JSONResponse:
    return JSONResponse(None)


async def of_path(page: int) -> JSONResponse:
    return JSONResponse(page)


@pytest.mark.parametrize(
    ("path", "route"), [("/ask", of_query), ("/ask", plain), ("/ask", of_plain), ("/ask/{page}", of_path)]
)
def test_a_route_that_is_no_forms_is_refused_when_it_is_declared(path: str, route: Any) -> None:
    with pytest.raises(TypeError, match="must be a coroutine function of the request, of form fields"):
        APIRouter(route_class=FormRoute).post(path, response_model=None)(route)
