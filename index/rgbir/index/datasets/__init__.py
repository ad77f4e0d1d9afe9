"""Readers: a folder in, records out."""

from rgbir.index.datasets.folders import read_folders
from rgbir.index.datasets.records import ImageRecord, Skipped
from rgbir.index.datasets.sysu_mm01 import SysuMM01
from rgbir.index.datasets.table import read_table

__all__ = ["ImageRecord", "Skipped", "SysuMM01", "read_folders", "read_table"]
