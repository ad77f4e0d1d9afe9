"""Cameras, images, encoder, gallery, search and evaluation: everything that serving needs, and no torch."""

from rgbir.index.bundle import Bundle, Card, Parity
from rgbir.index.cameras import Camera, CameraNetwork, Modality
from rgbir.index.datasets import (
    LLCM,
    Benchmark,
    ImageRecord,
    Market1501,
    RegDB,
    Skipped,
    SysuMM01,
    open_benchmark,
    read_folders,
    read_table,
)
from rgbir.index.encoder import Encoder
from rgbir.index.errors import (
    BadBundle,
    BadDataset,
    BadImage,
    GalleryBusy,
    GalleryError,
    GalleryMismatch,
    GalleryMissing,
    IndexFailure,
    InvalidQuery,
    UnknownCamera,
    UsageError,
)
from rgbir.index.gallery import Gallery
from rgbir.index.images import decode, pixels, read_bytes
from rgbir.index.ingest import Tally, crop_of, enrol, modality_for
from rgbir.index.metric import Metric
from rgbir.index.model import Model, Storage
from rgbir.index.search import Answer, Distances, Hit, Query
from rgbir.index.searcher import Searcher, SearchOptions
from rgbir.index.sightings import Crop, NewSighting, Sighting, digest_of

__all__ = [
    "Answer",
    "BadBundle",
    "BadDataset",
    "BadImage",
    "Benchmark",
    "Bundle",
    "Camera",
    "CameraNetwork",
    "Card",
    "Crop",
    "Distances",
    "Encoder",
    "Gallery",
    "GalleryBusy",
    "GalleryError",
    "GalleryMismatch",
    "GalleryMissing",
    "Hit",
    "ImageRecord",
    "IndexFailure",
    "InvalidQuery",
    "LLCM",
    "Market1501",
    "Metric",
    "Modality",
    "Model",
    "NewSighting",
    "Parity",
    "Query",
    "RegDB",
    "SearchOptions",
    "Searcher",
    "Sighting",
    "Skipped",
    "Storage",
    "SysuMM01",
    "Tally",
    "UnknownCamera",
    "UsageError",
    "crop_of",
    "decode",
    "digest_of",
    "enrol",
    "modality_for",
    "open_benchmark",
    "pixels",
    "read_bytes",
    "read_folders",
    "read_table",
]
