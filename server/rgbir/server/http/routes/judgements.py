"""Pairs that people judge, so that it can be measured what a distance means."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Form, Path, Response

from rgbir.client import judgements as words
from rgbir.client import wire
from rgbir.client.casework import Mark
from rgbir.index import Pair, UsageError
from rgbir.server.access.keys import Key
from rgbir.server.cases import erasing
from rgbir.server.cases.judging import Task
from rgbir.server.engine.engine import Engine
from rgbir.server.errors import NotNow
from rgbir.server.http.casework import Book
from rgbir.server.http.forms import CameraName
from rgbir.server.http.guard import Administering, Casing, Serving, camera_of, enrolling
from rgbir.server.http.problems import BUSY, NOT_FOUND, NOT_NOW, PROBLEMS

router = APIRouter(responses={**PROBLEMS, **NOT_FOUND}, tags=["judgements"])
LEAST, USUAL, MOST = 20, 50, 500
T = TypeVar("T")


@router.get("/judgements", summary="Draws of pairs for people to judge")
async def list_judgements(book: Book, engine: Serving, caller: Casing) -> words.JudgementList:
    """Those whose two cameras the key sees, the newest first."""
    tasks = await engine.look(lambda: book.judging.seen_by(caller))
    return words.JudgementList(judgements=[words.Judgement(**_head(engine, task, caller)) for task in tasks])


@router.post("/judgements", summary="Draw pairs of two cameras for people to judge", status_code=201)
async def add_judgement(
    book: Book,
    engine: Serving,
    caller: Casing,
    query_camera: Annotated[CameraName, Form(description="whose sightings are asked for")],
    other_camera: Annotated[CameraName, Form(description="whose ranking is drawn from; at another place")],
    count: Annotated[int, Form(ge=LEAST, le=MOST, description="how many pairs; more tell it more narrowly")] = USUAL,
    seed: Annotated[int | None, Form(ge=0, lt=2**32, description="another draw for each; by chance without")] = None,
) -> words.Judgement:
    """By chance over the whole ranking, not from its top. The same again is the draw that there is, until somebody answered."""
    cameras = camera_of(caller, engine, query_camera), camera_of(caller, engine, other_camera)
    for camera, name in zip(cameras, (query_camera, other_camera), strict=True):
        enrolling(caller, camera, name)
    event: dict[str, Any] = {"cameras": list(cameras), "count": count, "seed": seed}
    work = partial(book.judging.add, caller, engine.gallery, cameras, count, seed)
    task = await _done(engine, caller, "draw pairs", "drew pairs", work, lambda made: {"judgement": made.id}, **event)
    return words.Judgement(**_head(engine, task, caller))


@router.get("/judgements/{judgement}", summary="A draw of pairs, and what was measured on it")
async def get_judgement(book: Book, engine: Serving, caller: Casing, judgement: str) -> words.JudgementResult:
    """Measured once somebody answered every pair, and told to nobody who is in the middle of it."""

    def look() -> words.JudgementResult:
        book.judging.tidy(engine.gallery)
        return _result(engine, book.judging.for_(caller, judgement), caller)

    return await engine.look(look)


@router.get("/judgements/{judgement}/next", summary="The pair that you judge next")
async def next_pair(book: Book, engine: Serving, caller: Casing, judgement: str) -> words.PairToJudge:
    """Two pictures and nothing else, in an order and on sides that chance chose."""

    def look() -> words.PairToJudge:
        book.judging.tidy(engine.gallery)
        return _following(engine, book.judging.for_(caller, judgement), caller)

    return await engine.look(look)


@router.post("/judgements/{judgement}/answers", summary="Say whether the next pair shows one person", responses=NOT_NOW)
async def answer_pair(
    book: Book,
    engine: Serving,
    caller: Casing,
    judgement: str,
    pair: Annotated[int, Form(ge=1, description="its number")],
    answer: Annotated[Mark, Form(description="same, different or unsure; there is no other way to skip a pair")],
) -> words.PairToJudge:
    """The answer is the pair that follows."""
    task = await engine.look(lambda: book.judging.for_(caller, judgement))
    work = partial(book.judging.answer, caller, task, pair, answer)
    event: dict[str, Any] = {"judgement": task.id, "pair": pair, "answer": answer}
    after = await _done(engine, caller, "judge pair", "judged pair", work, **event)
    return _following(engine, after, caller)


@router.delete("/judgements/{judgement}/answers/{pair}", summary="Take your last answer back", responses=NOT_NOW)
async def take_answer_back(
    book: Book, engine: Serving, caller: Casing, judgement: str, pair: Annotated[int, Path(ge=1, le=2**31)]
) -> words.PairToJudge:
    """The answer is the pair, which is next again."""
    task = await engine.look(lambda: book.judging.for_(caller, judgement))
    work = partial(book.judging.take_back, caller, task, pair)
    after = await _done(engine, caller, "take answer back", "took answer back", work, judgement=task.id, pair=pair)
    return _following(engine, after, caller)


@router.post(
    "/judgements/{judgement}/use", summary="Take what was measured into the calibration", responses={**BUSY, **NOT_NOW}
)
async def use_judgement(
    book: Book,
    engine: Serving,
    caller: Administering,
    judgement: str,
    in_place_of_labels: Annotated[bool, Form(description="also where labelled sightings say it")] = False,
) -> words.JudgementResult:
    """Every search tells it from then on. Refused while nobody has answered every pair."""

    def look() -> Task:
        book.judging.tidy(engine.gallery)
        task = book.judging.for_(caller, judgement)
        task.measured(engine.gallery)
        return task

    task = await engine.look(look)
    use = partial(book.judging.use, task, engine.gallery, caller.name, in_place_of_labels=in_place_of_labels)
    event: dict[str, Any] = {"judgement": task.id, "cameras": [task.query_camera, task.other_camera]}
    event |= {"judges": task.finished, "in_place_of_labels": in_place_of_labels}
    await engine.note(action="use judgement", who=caller.name, **event)
    await engine.change(use)
    await engine.note(action="used judgement", who=caller.name, **event)
    return await engine.look(lambda: _result(engine, book.judging.for_(caller, task.id), caller))


@router.delete("/judgements/{judgement}", summary="Delete a draw with its answers", status_code=204, responses=BUSY)
async def delete_judgement(book: Book, engine: Serving, caller: Administering, judgement: str) -> Response:
    """What was measured on it leaves the calibration, too."""
    task = await engine.look(lambda: book.judging.for_(caller, judgement))
    await engine.note(action="delete judgement", who=caller.name, judgement=task.id)
    await engine.look(lambda: erasing.delete_judgement(book.store, task.id))
    await engine.change(lambda: engine.gallery.drop_judged(task.id))
    await engine.note(action="deleted judgement", who=caller.name, judgement=task.id)
    return Response(status_code=204)


async def _done(
    engine: Engine,
    caller: Key,
    before: str,
    after: str,
    work: Callable[[], T],
    more: Callable[[T], dict[str, Any]] = lambda _: {},
    **event: Any,
) -> T:
    """Carries out what is audited: noted before it is done and after."""
    await engine.note(action=before, who=caller.name, **event)
    result = await engine.look(work)
    await engine.note(action=after, who=caller.name, **event | more(result))
    return result


def _head(engine: Engine, task: Task, caller: Key) -> dict[str, Any]:
    network = engine.gallery.network
    return {
        "id": task.id,
        "cameras": [network.shown(camera) for camera in (task.query_camera, task.other_camera)],
        "pairs": len(task.pairs),
        "made_at": task.made_at,
        "made_by": task.made_by,
        "answered": len(task.answers.get(caller.name, {})),
        "judges": [words.Judge(name=name, answered=len(answers)) for name, answers in task.answers.items()],
        "used_at": task.used_at,
        "used_by": task.used_by,
    }


def _following(engine: Engine, task: Task, caller: Key) -> words.PairToJudge:
    answered = len(task.answers.get(caller.name, {}))
    pair = task.following(caller.name)
    if pair is None:
        return words.PairToJudge(answered=answered, pairs=len(task.pairs))
    left, right = (wire.image_path(name, engine.settings.root_path) for name in pair.sides)
    return words.PairToJudge(pair=pair.n, left=left, right=right, answered=answered, pairs=len(task.pairs))


def _result(engine: Engine, task: Task, caller: Key) -> words.JudgementResult:
    head = _head(engine, task, caller)
    if 0 < head["answered"] < head["pairs"]:
        return words.JudgementResult(
            **head, missing="you are in the middle of judging; what others say is told when you are done"
        )
    agreements = [
        words.Agreement(judges=[first, second], alike=alike, kappa=kappa)
        for first, second, alike, kappa in task.agreements()
    ]
    try:
        estimate = _estimate(task.measured(engine.gallery))
    except (NotNow, UsageError) as error:
        return words.JudgementResult(**head, agreements=agreements, missing=str(error))
    return words.JudgementResult(**head, agreements=agreements, estimate=estimate)


def _estimate(pair: Pair) -> words.JudgedEstimate:
    assert pair.judged is not None
    return words.JudgedEstimate(
        judges=list(pair.judged.judges),
        same=pair.genuine,
        different=pair.impostors,
        unsure=pair.judged.unsure,
        least=pair.judged.least,
        points=[
            words.JudgedPoint(
                distance=spread.distance,
                strangers=spread.strangers[0],
                strangers_low=spread.strangers[1],
                strangers_high=spread.strangers[2],
                same=spread.same[0],
                same_low=spread.same[1],
                same_high=spread.same[2],
            )
            for spread in pair.judged.spread
        ],
    )
