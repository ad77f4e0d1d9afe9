"""The routes: wire model in, domain call, wire model out."""

from rgbir.server.http.routes import (
    browse,
    calibration,
    cameras,
    cases,
    explain,
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
        jobs,
        cases,
        judgements,
        cameras,
        plan,
        me,
        keys,
        queue,
        operations,
        models,
        page,
    )
)
