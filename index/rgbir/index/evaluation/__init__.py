"""The benchmark protocols: which images, which are hidden from which probe, and what is counted."""

from rgbir.index.evaluation.features import Features
from rgbir.index.evaluation.metrics import Measures, measure
from rgbir.index.evaluation.protocols import PROTOCOLS, Protocol
from rgbir.index.evaluation.report import Report
from rgbir.index.evaluation.run import evaluate_sysu, evaluate_trial

__all__ = ["PROTOCOLS", "Features", "Measures", "Protocol", "Report", "evaluate_sysu", "evaluate_trial", "measure"]
