"""A Frigate, a gallery without people for it, and a worker between both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.footage.frigate.frigate import FrigateDouble

from rgbir.footage.frigate.api import FrigateApi
from rgbir.footage.frigate.ledger import Ledger
from rgbir.footage.frigate.places import InGallery
from rgbir.footage.frigate.worker import Worker
from rgbir.index import CameraNetwork, Encoder, Gallery, Model

NETWORK = """
name = "house"
[[cameras]]
id = "hall"
modality = "rgb"
place = "hall"
[[cameras]]
id = "gate"
modality = ["rgb", "ir"]
place = "gate"
"""


@pytest.fixture
def frigate() -> Iterator[FrigateDouble]:
    with FrigateDouble().running() as double:
        yield double


@pytest.fixture
def house(tmp_path: Path, encoder: Encoder) -> Path:
    """An empty gallery that keeps people for ten years, which nobody has open."""
    folder = tmp_path / "house"
    with Gallery.create(folder, Model.of(encoder.card), CameraNetwork.from_toml(NETWORK)) as gallery:
        gallery.set_keep_days(36_500)
    return folder


Make = Callable[..., tuple[Worker, list[str]]]


@pytest.fixture
def working(house: Path, frigate: FrigateDouble, encoder: Encoder, tmp_path: Path) -> Iterator[Make]:
    """Makes workers that write into the house's gallery, one after the other, each with what it says."""
    with ExitStack() as stack:

        def make(**more: Any) -> tuple[Worker, list[str]]:
            stack.pop_all().close()
            words: list[str] = []
            api = stack.enter_context(FrigateApi(frigate.url, stored=more.pop("stored", False)))
            gallery = stack.enter_context(Gallery(house))
            place = InGallery(gallery, encoder, keep_days=None, forever=False, say=words.append)
            ledger = Ledger(tmp_path / "house.frigate", more.pop("begin", 0.0))
            names = more.pop("names", {"front_door": "hall"})
            settings = {"every_s": 600.0, "trust_frames": False} | more
            return Worker(api, place, names, ledger, say=words.append, **settings), words

        yield make
