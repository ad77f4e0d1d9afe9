"""The server's commands."""

from rgbir.server.cli.audit import audit
from rgbir.server.cli.cases import cases
from rgbir.server.cli.demo import demo
from rgbir.server.cli.keys import keys
from rgbir.server.cli.serve import serve

__all__ = ["audit", "cases", "demo", "keys", "serve"]
