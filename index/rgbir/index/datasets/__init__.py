"""Readers: a folder in, records out."""

from rgbir.index.datasets.detect import Benchmark, benchmark_images, open_benchmark, recognised
from rgbir.index.datasets.folders import read_folders
from rgbir.index.datasets.llcm import LLCM
from rgbir.index.datasets.market import Market1501
from rgbir.index.datasets.passed import passed_over_words
from rgbir.index.datasets.records import ImageRecord, Skipped
from rgbir.index.datasets.regdb import RegDB
from rgbir.index.datasets.sysu_mm01 import SysuMM01
from rgbir.index.datasets.table import read_table

__all__ = [
    "LLCM",
    "Benchmark",
    "ImageRecord",
    "Market1501",
    "RegDB",
    "Skipped",
    "SysuMM01",
    "open_benchmark",
    "read_folders",
    "read_table",
    "benchmark_images",
    "recognised",
    "passed_over_words",
]
