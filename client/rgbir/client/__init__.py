"""The Python client of an rgbir server."""

from rgbir.client.client import AsyncClient, Client
from rgbir.client.errors import (
    Answered,
    Busy,
    ClientError,
    Conflict,
    ConnectionFailed,
    Forbidden,
    NotFound,
    Refused,
    ServerFailed,
    Unprocessable,
    Untrusted,
)
from rgbir.client.wire import Hit, SearchResponse

__all__ = [
    "AsyncClient",
    "Answered",
    "Busy",
    "Client",
    "ClientError",
    "Conflict",
    "ConnectionFailed",
    "Forbidden",
    "Hit",
    "NotFound",
    "Refused",
    "SearchResponse",
    "ServerFailed",
    "Unprocessable",
    "Untrusted",
]
