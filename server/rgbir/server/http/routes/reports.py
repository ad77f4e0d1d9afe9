"""What was measured, and saved as reports."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter

from rgbir.client import wire
from rgbir.server.engine.engine import Engine
from rgbir.server.engine.reports import listed_in, read_report
from rgbir.server.errors import NotThere
from rgbir.server.http.guard import Searching, Serving
from rgbir.server.http.problems import NOT_FOUND, PROBLEMS

router = APIRouter(responses={**PROBLEMS, **NOT_FOUND}, tags=["models"])


@router.get("/reports", summary="Saved evaluation reports")
async def reports(engine: Serving, caller: Searching) -> wire.ReportList:
    """The latest first; at most 500."""
    folder = _folder(engine)
    files = await engine.look(lambda: listed_in(folder))
    return wire.ReportList(reports=[wire.ReportFile.model_validate(saved._asdict()) for saved in files])


@router.get("/reports/{name}", summary="What a report says")
async def get_report(engine: Serving, caller: Searching, name: str) -> wire.SavedReport:
    """Its means over all trials; shares are from 0 to 1."""
    folder = _folder(engine)
    return wire.SavedReport.model_validate(await engine.look(lambda: read_report(folder, name)))


def _folder(engine: Engine) -> Path:
    """
    Raises:
        NotThere: this server shows no reports.
    """
    if (folder := engine.settings.reports) is None or not folder.is_dir():
        raise NotThere(
            "this server shows no reports; start it with --reports FOLDER, which holds files of `rgbir evaluate --report`"
        )
    return folder
