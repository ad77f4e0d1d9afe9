"""Benchmark protocols on features, wherever they come from."""

from rgbir.index.datasets.known import PROTOCOLS
from rgbir.index.datasets.protocol import Protocol
from rgbir.index.datasets.task import Draw, Task
from rgbir.index.evaluation.features import Features
from rgbir.index.evaluation.fusion import several_shots
from rgbir.index.evaluation.metrics import Measures, measure
from rgbir.index.evaluation.report import RANKS, Report
from rgbir.index.evaluation.run import evaluate, evaluate_ranked, evaluate_reranked, evaluate_trial
from rgbir.index.nearest.affinity import Affinity, aim_scores
from rgbir.index.nearest.comparison import Ranked
from rgbir.index.nearest.reciprocal import Reciprocal
from rgbir.index.nearest.rerank import Reranker, reranker

__all__ = [
    "PROTOCOLS",
    "RANKS",
    "Affinity",
    "Draw",
    "Features",
    "Measures",
    "Protocol",
    "Ranked",
    "Report",
    "Reranker",
    "Task",
    "aim_scores",
    "evaluate",
    "evaluate_ranked",
    "evaluate_reranked",
    "evaluate_trial",
    "several_shots",
    "Reciprocal",
    "measure",
    "reranker",
]
