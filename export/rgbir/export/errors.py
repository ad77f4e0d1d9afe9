"""What can go wrong in this part.

ExportFailure
├── UnfoldableGraph    a batch norm whose statistics are not constants
├── ParityFailure      ONNX Runtime and torch differ too much: no bundle is written
├── FitRefused         a fit that isn't shown to help: no bundle is written
├── BadCard            no card of a model to adopt: correct it (exit code 2)
├── BadReproduction    the folder holds another reproduction: choose another (exit code 2)
├── ReproductionBusy   another process reproduces in this folder: wait, or choose another
└── Interrupted        somebody asked the reproduction to end: the same command goes on
"""


class ExportFailure(Exception):
    """Any failure of `rgbir.export`; its text says what was expected, what came, and what to do."""

    exit_code = 1


class UnfoldableGraph(ExportFailure):
    pass


class ParityFailure(ExportFailure):
    pass


class FitRefused(ExportFailure):
    """A fit whose gain on people and cameras held back is not clear."""


class BadCard(ExportFailure):
    exit_code = 2


class BadReproduction(ExportFailure):
    exit_code = 2


class ReproductionBusy(ExportFailure):
    """A reproduction's folder that another process works in."""


class Interrupted(ExportFailure):
    """A reproduction that ended before its time, because it was asked to; its text says where."""
