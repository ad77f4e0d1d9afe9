"""The routes: wire model in, domain call, wire model out."""

from rgbir.server.http.routes import (
    browse,
    calibration,
    cameras,
    cases,
    clips,
    erasures,
    evidence,
    explain,
    footage,
    gallery,
    jobs,
    judgements,
    keys,
    me,
    models,
    operations,
    page,
    plan,
    queue,
    reports,
    search,
)

ROUTERS = tuple(
    room.router
    for room in (
        search,
        explain,
        browse,
        calibration,
        gallery,
        clips,
        jobs,
        footage,
        cases,
        erasures,
        evidence,
        judgements,
        cameras,
        plan,
        me,
        keys,
        queue,
        operations,
        models,
        reports,
        page,
    )
)
