"""The routes: wire model in, domain call, wire model out."""

from rgbir.server.http.routes import browse, cameras, explain, gallery, jobs, me, models, operations, page, plan, search

ROUTERS = tuple(
    room.router for room in (search, explain, browse, gallery, jobs, cameras, plan, me, operations, models, page)
)
