"""Cameras, images, encoder, gallery, search and evaluation: everything that serving needs, and no torch."""

from rgbir.index.bulk import bulk_callers
from rgbir.index.bundle import Bundle, Card, Drift, Figure, Fitted, Kept, Parity, Precision, Reaction, Tta
from rgbir.index.cameras import Camera, CameraNetwork, Modality
from rgbir.index.confined.start import Limits, read_apart
from rgbir.index.datasets.dataset import DataSet, Setting
from rgbir.index.datasets.folders import read_folders
from rgbir.index.datasets.known import is_known, open_data_set
from rgbir.index.datasets.llcm import LLCM
from rgbir.index.datasets.market import Market1501
from rgbir.index.datasets.own import OwnPictures
from rgbir.index.datasets.passed import passed_over_words
from rgbir.index.datasets.people import PEOPLE, PeopleLists
from rgbir.index.datasets.records import ImageRecord, Skipped, Tracklet, frames_of
from rgbir.index.datasets.regdb import RegDB
from rgbir.index.datasets.sums import sums_of
from rgbir.index.datasets.sysu_mm01 import SysuMM01
from rgbir.index.datasets.table import read_rows, read_table
from rgbir.index.datasets.text import text_of
from rgbir.index.detection.bundle import DetectorBundle, DetectorCard, Fit, Standing, Tried
from rgbir.index.detection.detections import Detections, Detector, Thresholds
from rgbir.index.detection.detector import ModelDetector, in_input
from rgbir.index.detection.suppression import ious
from rgbir.index.encoder import Encoder
from rgbir.index.enrolment.enrol import Tally, enrol
from rgbir.index.enrolment.intake import crop_of, modality_for
from rgbir.index.enrolment.merge import erasures_of
from rgbir.index.enrolment.reencode import map_for, overlap, reencode, renewed, superfluous
from rgbir.index.errors import (
    BadBundle,
    BadDataset,
    BadImage,
    CantWrite,
    GalleryBusy,
    GalleryCorrupt,
    GalleryError,
    GalleryFull,
    GalleryMismatch,
    GalleryMissing,
    GalleryMoved,
    IndexFailure,
    InvalidQuery,
    ProcessLost,
    RetentionWaits,
    UnknownCamera,
    Unreadable,
    UsageError,
)
from rgbir.index.files import (
    add_lines,
    beside,
    changing,
    clear_unfinished,
    expect_writable,
    give_room_up,
    is_locked,
    keep_room,
    locked,
    put_in_place,
    replace_file,
    sync_file,
    sync_folder,
    writing_to,
)
from rgbir.index.fitted import FittedMap
from rgbir.index.gallery.addresses import GalleryAddress, open_gallery, open_or_create
from rgbir.index.gallery.browse import MOST_SHOWN, Order, Selection, Spot
from rgbir.index.gallery.calibration import Judged, Pair
from rgbir.index.gallery.changes import CameraEdit, Touched
from rgbir.index.gallery.erasures import Erasure, hashed, picture
from rgbir.index.gallery.folder.backup import backups_of
from rgbir.index.gallery.folder.connection import Connection
from rgbir.index.gallery.folder.connection import Words as SqlWords
from rgbir.index.gallery.folder.gallery import Gallery
from rgbir.index.gallery.folder.schema import sum_of
from rgbir.index.gallery.histogram import by_camera
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.gallery.judging import LEAST_DIFFERENT, LEAST_SAME, kappa, measured
from rgbir.index.gallery.judging import Answer as JudgedPair
from rgbir.index.gallery.model import Model, Storage
from rgbir.index.gallery.options import Filters, Group, SearchOptions
from rgbir.index.gallery.query import Answer, Distances, Hit, Query, fuse, origin
from rgbir.index.gallery.remarks import ABOUT, About, Code, Remark, Verdict
from rgbir.index.gallery.retention import MOST_JUMP
from rgbir.index.gallery.retention import Run as RetentionRun
from rgbir.index.gallery.sightings import Crop, NewSighting, Sighting, digest_of, framed, labels_of, other_labels
from rgbir.index.images import (
    DECODING,
    FORMATS,
    SUFFIXES,
    Box,
    Resize,
    check_header,
    decode,
    parse_box,
    pixels,
    pixels_in,
    read_bytes,
)
from rgbir.index.machine import cores, divide_machine
from rgbir.index.metric import Metric
from rgbir.index.nearest.devices import device_named
from rgbir.index.nearest.sealed import share_codes
from rgbir.index.recording import needs_frame, recording_of
from rgbir.index.robustness import ERRORS_COMMAND, Robustness
from rgbir.index.robustness_page import PAGE_POLICY, errors_page
from rgbir.index.runner import Runner
from rgbir.index.sealed import CARD, sha256
from rgbir.index.search.marks import Marks
from rgbir.index.search.quality import image_quality, remarks_of
from rgbir.index.search.searcher import Searcher
from rgbir.index.stays import Position, Stay
from rgbir.index.times import Hours, check_moment, from_microseconds, local, named_zone, to_microseconds
from rgbir.index.words import did_you_mean, fault, listed, why
from rgbir.index.zones import Mask, parse_polygons
from rgbir.index.zones import written as zones_written

__all__ = [
    "ABOUT",
    "About",
    "Answer",
    "AnyGallery",
    "BadBundle",
    "BadDataset",
    "BadImage",
    "CantWrite",
    "DECODING",
    "DataSet",
    "Box",
    "Bundle",
    "CARD",
    "Camera",
    "CameraEdit",
    "SqlWords",
    "Erasure",
    "Connection",
    "CameraNetwork",
    "Card",
    "Code",
    "Crop",
    "Detections",
    "Detector",
    "DetectorBundle",
    "DetectorCard",
    "Fit",
    "ModelDetector",
    "Tried",
    "in_input",
    "Distances",
    "Drift",
    "Encoder",
    "Figure",
    "Fitted",
    "FittedMap",
    "Gallery",
    "GalleryAddress",
    "GalleryBusy",
    "GalleryCorrupt",
    "GalleryError",
    "GalleryFull",
    "GalleryMismatch",
    "GalleryMissing",
    "GalleryMoved",
    "Group",
    "Hit",
    "Hours",
    "local",
    "ImageRecord",
    "IndexFailure",
    "InvalidQuery",
    "Judged",
    "JudgedPair",
    "Kept",
    "LEAST_DIFFERENT",
    "LEAST_SAME",
    "Pair",
    "kappa",
    "measured",
    "LLCM",
    "Limits",
    "MOST_SHOWN",
    "MOST_JUMP",
    "RetentionRun",
    "ProcessLost",
    "RetentionWaits",
    "Market1501",
    "Marks",
    "Mask",
    "Metric",
    "Modality",
    "Model",
    "NewSighting",
    "Order",
    "OwnPictures",
    "PEOPLE",
    "Parity",
    "PeopleLists",
    "Position",
    "Precision",
    "Query",
    "Reaction",
    "RegDB",
    "Remark",
    "Resize",
    "Runner",
    "Setting",
    "SUFFIXES",
    "FORMATS",
    "Filters",
    "pixels_in",
    "SearchOptions",
    "Searcher",
    "Selection",
    "Sighting",
    "Skipped",
    "Spot",
    "Standing",
    "Stay",
    "Storage",
    "SysuMM01",
    "Tally",
    "Thresholds",
    "Touched",
    "Tracklet",
    "Tta",
    "UnknownCamera",
    "Unreadable",
    "UsageError",
    "Verdict",
    "by_camera",
    "cores",
    "crop_of",
    "labels_of",
    "map_for",
    "listed",
    "why",
    "other_labels",
    "decode",
    "origin",
    "parse_box",
    "parse_polygons",
    "zones_written",
    "device_named",
    "did_you_mean",
    "fault",
    "frames_of",
    "fuse",
    "digest_of",
    "divide_machine",
    "enrol",
    "backups_of",
    "erasures_of",
    "expect_writable",
    "framed",
    "give_room_up",
    "image_quality",
    "is_known",
    "is_locked",
    "add_lines",
    "named_zone",
    "needs_frame",
    "recording_of",
    "keep_room",
    "to_microseconds",
    "from_microseconds",
    "sum_of",
    "picture",
    "hashed",
    "sync_file",
    "put_in_place",
    "locked",
    "modality_for",
    "open_data_set",
    "ERRORS_COMMAND",
    "PAGE_POLICY",
    "Robustness",
    "errors_page",
    "open_gallery",
    "open_or_create",
    "overlap",
    "ious",
    "pixels",
    "read_apart",
    "read_bytes",
    "read_folders",
    "read_rows",
    "read_table",
    "reencode",
    "remarks_of",
    "renewed",
    "replace_file",
    "changing",
    "check_header",
    "check_moment",
    "beside",
    "bulk_callers",
    "clear_unfinished",
    "writing_to",
    "passed_over_words",
    "sha256",
    "share_codes",
    "sums_of",
    "superfluous",
    "text_of",
    "sync_folder",
]
