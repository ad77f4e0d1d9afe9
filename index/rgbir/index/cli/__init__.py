"""The index's commands: they parse, call one function and print."""

from rgbir.index.cli.bench import bench
from rgbir.index.cli.cameras import cameras
from rgbir.index.cli.data_sets import counts, split
from rgbir.index.cli.embed import embed
from rgbir.index.cli.exchange import index
from rgbir.index.cli.measure import evaluate
from rgbir.index.cli.options import progress
from rgbir.index.cli.synthesize import synthesize

__all__ = ["bench", "cameras", "counts", "embed", "evaluate", "index", "progress", "split", "synthesize"]
