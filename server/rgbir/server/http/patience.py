"""Work for a client that may leave, and that may not take for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request

from rgbir.server.errors import ClientGone, TookTooLong

T = TypeVar("T")


async def patiently(request: Request, work: Coroutine[Any, Any, T], within_s: float) -> T:
    """The result of the work, unless the client leaves or the time is over; then the work is cancelled where it waits.

    Raises:
        ClientGone: nobody waits for the answer any more.
        TookTooLong: it took longer than that.
    """
    doing, leaving = asyncio.create_task(work), asyncio.create_task(_left(request))
    try:
        await asyncio.wait({doing, leaving}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
        if leaving.done():
            raise ClientGone("the client left before it was answered")
        raise TookTooLong(
            f"an answer may take {within_s:g} s here, this one took longer; ask for less, or when it is quieter"
        )
    finally:
        doing.cancel()
        leaving.cancel()
        await asyncio.gather(doing, leaving, return_exceptions=True)


async def _left(request: Request) -> None:
    """Returns when the connection is closed; the request's body was read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
