"""The HTTP server: searches for people over the index."""

from rgbir.server.http.app import create_app
from rgbir.server.settings import Settings

__all__ = ["Settings", "create_app"]
