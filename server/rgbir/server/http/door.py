"""The door: who asks, from where and how much is judged here, before a byte of the body is taken."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rgbir.index import IndexFailure, UsageError, listed
from rgbir.server.errors import NotAllowed, ServerFailure, TooBusy, WrongHost
from rgbir.server.http.guard import CALLER, Beforehand, caller_of
from rgbir.server.http.problems import answer
from rgbir.server.settings import Settings, loopback
from rgbir.server.worker import PASSED_ON, Count, Worker

PROBES = ("/health/",)
ROUTE = "rgbir.route"
"""Where the door leaves the route of a request, for those who pass it on."""
READ = ("/", "/docs")
"""Pages that a link of another site may lead to: whoever follows it changes nothing."""
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


class Door:
    """ASGI middleware: refuses foreign hosts and pages, keys without the right, and more bodies than may come at once.

    A route says what it wants by dependencies of the kind `Beforehand`; the door reads them there. One without any is open to
    everybody: the page, the probes and the OpenAPI document.
    """

    def __init__(self, app: ASGIApp, settings: Settings, routers: Sequence[APIRouter], worker: Worker) -> None:
        self.app, self.settings, self.counts = app, settings, worker.counts
        routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
        self.routes = [(route, list(beforehand(route.dependant)), route.body_field is not None) for route in routes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            has_body = self._judged(scope, headers)
        except (ServerFailure, IndexFailure) as error:
            await answer(error)(scope, receive, send)
            return
        if not has_body or scope.get(PASSED_ON):  # whoever passed it on counts it
            await self.app(scope, receive, send)
            return
        if self.counts.add(Count.ARRIVING) > self.settings.max_in_flight:
            self.counts.add(Count.ARRIVING, -1)
            busy = TooBusy(f"{self.settings.max_in_flight} bodies are being received already; try again in a moment")
            await answer(busy)(scope, receive, send)
            return
        arrived = False

        def arrives() -> None:
            nonlocal arrived
            if not arrived:
                self.counts.add(Count.ARRIVING, -1)
            arrived = True

        async def counted() -> Message:
            message = await receive()
            if not message.get("more_body", False):
                arrives()
            return message

        try:
            await self.app(scope, counted, send)
        finally:
            arrives()

    def _judged(self, scope: Scope, headers: Headers) -> bool:
        """Whether a body comes that may come.

        Raises:
            ServerFailure, IndexFailure: the request must not come in.
        """
        path = scope["path"]
        if not path.startswith(PROBES):
            self._expects_host(headers)
            self._is_no_other_page(scope, headers)
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        matched = next((entry for entry in self.routes if entry[0].matches(scope)[0] is Match.FULL), None)
        if matched is None:
            return has_body
        scope[ROUTE], wanted, takes_body = matched
        app: FastAPI = scope["app"]
        if wanted:
            caller = scope[CALLER] = caller_of(app.state.engine, headers.get("authorization", ""))
            for decision in wanted:
                decision.decide(app, caller)
        if has_body:
            if not takes_body:
                raise UsageError(f"{scope['method']} {path} takes no body; say it in the URL's query, or not at all")
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind not in FORMS:
                raise UsageError(f"the body is a form, {' or '.join(FORMS)}, not {kind or 'without a Content-Type'}")
        return has_body

    def _expects_host(self, headers: Headers) -> None:
        """Names that a server without keys doesn't know may be another site's, led here by its own name server.

        Raises:
            WrongHost: it isn't meant for this server.
        """
        host, settings = host_of(headers.get("host", "")), self.settings
        if host in settings.host_names or loopback(host):
            return
        if settings.keys is None and not (settings.open_to_all and _is_address(host)):
            raise WrongHost(
                f"this server without keys answers to this machine's own names, not to {host!r}; start it with"
                " --host-name NAME for another name, or with keys"
            )
        if settings.keys is not None and settings.host_names:
            raise WrongHost(f"this server answers to {listed(settings.host_names)}, not to {host!r}")

    def _is_no_other_page(self, scope: Scope, headers: Headers) -> None:
        """A page of another site could use what only this machine reaches; with keys it would need one.

        Raises:
            NotAllowed: a browser says that another site's page asks.
        """
        if self.settings.keys is not None:
            return
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        follows_link = (
            scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate" and scope["path"] in READ
        )
        foreign = site in ("cross-site", "same-site") and not follows_link
        if origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower():
            foreign = True
        if foreign:
            raise NotAllowed(
                "a page of another site asks, and this server has no keys; ask from its own page or a program"
            )


def host_of(header: str) -> str:
    """The name or address in a Host header, without its port, in small letters."""
    header = header.strip().lower()
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def beforehand(dependant: Dependant) -> list[Beforehand]:
    """What a route wants to be decided before its body comes, in its order, each once."""
    decisions = [] if not isinstance(dependant.call, Beforehand) else [dependant.call]
    for inner in dependant.dependencies:
        decisions += [decision for decision in beforehand(inner) if decision not in decisions]
    return decisions
