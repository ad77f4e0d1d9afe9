"""Where a server lives on its host: below `--root-path`, whether the proxy before it takes the path off or passes it on."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from rgbir.server.errors import BadSettings


def expect_free(root_path: str, routers: Sequence[APIRouter]) -> None:
    """Refuses a root path that begins as a route does: nobody could tell whether it was taken off already.

    Raises:
        BadSettings: it does.
    """
    paths = [route.path for router in routers for route in router.routes if isinstance(route, APIRoute)]
    first = root_path.strip("/").partition("/")[0]
    if root_path and first in {path.strip("/").partition("/")[0] for path in (*paths, "/openapi.json")}:
        raise BadSettings(
            f"--root-path {root_path} begins as the server's own path /{first} does; choose another, such as /rgbir"
        )


class RootPath:
    """ASGI middleware: takes the root path off, where it is still there; routes, limits, the door and the log know none.

    Args:
        root_path: as in the settings, and not empty.
    """

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self.app, self.root_path = app, root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] == "http" and path == self.root_path and scope["method"] in ("GET", "HEAD"):
            # The page's own addresses are relative, and need the last slash.
            await RedirectResponse(f"{self.root_path}/", 308)(scope, receive, send)
        elif scope["type"] == "http" and path.startswith(f"{self.root_path}/"):
            await self.app({**scope, "path": path[len(self.root_path) :]}, receive, send)
        else:
            await self.app(scope, receive, send)
