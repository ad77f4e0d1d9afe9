"""The routes: wire model in, domain call, wire model out."""

from rgbir.server.http.routes import cameras, explain, gallery, jobs, models, operations, page, search

ROUTERS = tuple(room.router for room in (search, explain, gallery, jobs, cameras, operations, models, page))
