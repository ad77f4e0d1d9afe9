"""Data sets: a folder in, records and tasks out."""

from rgbir.index.datasets.dataset import PLAIN, Count, DataSet, Setting
from rgbir.index.datasets.folders import read_folders
from rgbir.index.datasets.known import DATA_SETS, LAYOUTS, PROTOCOLS, open_data_set, recognised
from rgbir.index.datasets.llcm import LLCM
from rgbir.index.datasets.market import Market1501
from rgbir.index.datasets.passed import passed_over_words
from rgbir.index.datasets.protocol import Protocol
from rgbir.index.datasets.records import ImageRecord, Skipped
from rgbir.index.datasets.regdb import RegDB
from rgbir.index.datasets.sysu_mm01 import SysuMM01
from rgbir.index.datasets.table import read_table
from rgbir.index.datasets.task import Draw, Task

__all__ = [
    "DATA_SETS",
    "LAYOUTS",
    "LLCM",
    "PLAIN",
    "PROTOCOLS",
    "Count",
    "DataSet",
    "Draw",
    "ImageRecord",
    "Market1501",
    "Protocol",
    "RegDB",
    "Setting",
    "Skipped",
    "SysuMM01",
    "Task",
    "open_data_set",
    "passed_over_words",
    "read_folders",
    "read_table",
    "recognised",
]
