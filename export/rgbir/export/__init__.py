"""From a trained run to a bundle that serves without torch."""

from rgbir.export.bundle import export
from rgbir.export.errors import ExportFailure, ParityFailure

__all__ = ["ExportFailure", "ParityFailure", "export"]
