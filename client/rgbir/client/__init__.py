"""The Python client of an rgbir server."""

from rgbir.client.client import AsyncClient, Client
from rgbir.client.errors import (
    Answered,
    Busy,
    ClientClosed,
    ClientError,
    Conflict,
    ConnectionFailed,
    Forbidden,
    JobContinues,
    JobFailed,
    NoPicture,
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
    "ClientClosed",
    "ClientError",
    "Conflict",
    "ConnectionFailed",
    "Forbidden",
    "Hit",
    "JobContinues",
    "JobFailed",
    "NoPicture",
    "NotFound",
    "Refused",
    "SearchResponse",
    "ServerFailed",
    "Unprocessable",
    "Untrusted",
]
