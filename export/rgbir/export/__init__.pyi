from .bundle import export
from .errors import ExportFailure, ParityFailure

__all__ = ["ExportFailure", "ParityFailure", "export"]
