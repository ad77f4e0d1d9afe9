"""What answers, and another in its place."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from rgbir.client import wire
from rgbir.index import ERRORS_COMMAND, PAGE_POLICY, errors_page
from rgbir.server.errors import NotThere
from rgbir.server.http.guard import Administering, Looking, Serving
from rgbir.server.http.problems import NOT_FOUND, NOT_NOW, PROBLEMS
from rgbir.server.http.routes.shared import Changing, DryRun

router = APIRouter(responses=PROBLEMS, tags=["models"])


@router.get("/model", summary="The model's card")
async def model(engine: Serving, caller: Looking) -> dict[str, Any]:
    encoder = engine.encoder
    runs = {"providers": encoder.providers, "runner": str(encoder.runner)}
    return {**encoder.card.model_dump(mode="json"), "fingerprint": encoder.card.fingerprint, **runs}


@router.get(
    "/model/errors",
    summary="How often the model errs, and on what",
    response_class=Response,
    responses={
        **NOT_FOUND,
        200: {
            "content": {"application/json": {"schema": {"type": "object"}}, "text/html": {"schema": {"type": "string"}}}
        },
    },
)
async def model_errors(
    engine: Serving,
    caller: Looking,
    form: Annotated[
        Literal["json", "html"], Query(alias="format", description="for programs, or a page to read")
    ] = "json",
) -> Response:
    """What `rgbir evaluate --report robustness` measured and wrote into the model's bundle as errors.json."""
    report = engine.now.searcher.errors
    if report is None:
        raise NotThere(
            f"nobody has measured how often {engine.encoder.card.name} errs; measure it with: {ERRORS_COMMAND}"
        )
    if form == "json":
        return Response(report.model_dump_json(), media_type="application/json")
    headers = {"Content-Security-Policy": PAGE_POLICY}
    return Response(errors_page(report), media_type="text/html; charset=utf-8", headers=headers)


@router.get("/models", summary="The bundles a server may answer with, and where each stands")
async def list_models(engine: Serving, models: Changing, caller: Administering) -> wire.ModelList:
    standings = await engine.look(models.all)
    return wire.ModelList(models=[wire.ServedModel.model_validate(standing) for standing in standings])


@router.post(
    "/models/{name}/prepare", summary="Fill a gallery for another model", status_code=202,
    responses={**NOT_FOUND, **NOT_NOW},
)  # fmt: skip
async def prepare_model(engine: Serving, models: Changing, caller: Administering, name: str) -> wire.ServedModel:
    """From the crops of the one that answers, beside the searches; `GET /models` says how far it is. Run again, it goes on."""
    await engine.note(action="prepare model", who=caller.name, model=name)
    return wire.ServedModel.model_validate(await models.prepare(name))


@router.post("/models/{name}/activate", summary="Answer with that model", responses={**NOT_FOUND, **NOT_NOW})
async def activate_model(
    engine: Serving,
    models: Changing,
    caller: Administering,
    name: str,
    allow_missing: Annotated[bool, Query(description="though sightings without a crop won't be found")] = False,
) -> wire.ServedModel:
    """From the next request on, also after a restart. The one that answered before stays ready: it is the way back."""
    before = engine.now.name
    await engine.note(action="activate model", who=caller.name, model=name, before=before)
    standing = await models.activate(name, allow_missing)
    await engine.note(action="activated model", who=caller.name, model=name, before=before)
    return wire.ServedModel.model_validate(standing)


@router.delete("/models/{name}", summary="Delete a model's gallery", responses={**NOT_FOUND, **NOT_NOW})
async def forget_model(
    engine: Serving, models: Changing, caller: Administering, name: str, dry_run: DryRun = False
) -> wire.ServedModel:
    """Of one that doesn't answer; stops filling it. Its bundle stays."""
    if dry_run:
        return wire.ServedModel.model_validate(await models.would_forget(name))
    await engine.note(action="forget model", who=caller.name, model=name)
    return wire.ServedModel.model_validate(await models.forget(name))
