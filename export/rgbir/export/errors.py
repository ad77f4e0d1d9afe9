"""What can go wrong in this part.

ExportFailure
├── UnfoldableGraph   a batch norm whose statistics are not constants
└── ParityFailure     ONNX Runtime and torch differ too much: no bundle is written
"""


class ExportFailure(Exception):
    """Any failure of `rgbir.export`; its text says what was expected, what came, and what to do."""

    exit_code = 1


class UnfoldableGraph(ExportFailure):
    pass


class ParityFailure(ExportFailure):
    pass
