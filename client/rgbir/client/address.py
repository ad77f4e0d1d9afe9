"""A server's URL, and in words why nobody answers there."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from rgbir.client.errors import BadAddress
from rgbir.client.words import why


def server_url(text: str) -> str:
    """The URL, if it is one.

    Raises:
        BadAddress: it has no scheme or no host.
    """
    try:
        parts = urlsplit(text)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        whole = False
    if not whole:
        raise BadAddress(f"a server is a URL with http:// or https://, such as http://127.0.0.1:8077; got {text!r}")
    return text


def no_answer(error: BaseException) -> str:
    """Why there is none: what the system says, if it said something."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return "there is no host of that name"
        if isinstance(cause, OSError) and cause.errno is not None:
            return why(cause)
        cause = cause.__cause__ or cause.__context__
    return str(error) or type(error).__name__
