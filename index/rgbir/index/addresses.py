"""A gallery by its address: a folder, or `milvus://…`."""

from __future__ import annotations

import re
from pathlib import Path

from rgbir.index.bundle import Card
from rgbir.index.cameras import CameraNetwork
from rgbir.index.errors import UsageError
from rgbir.index.gallery import Gallery
from rgbir.index.interface import AnyGallery
from rgbir.index.milvus import MilvusGallery
from rgbir.index.model import Model, Storage
from rgbir.index.sketches import Device
from rgbir.index.store import FILE


def in_milvus(address: str | Path) -> bool:
    return str(address).startswith(("milvus:", "milvus+file:"))


def open_gallery(address: str | Path, device: Device | None = None) -> AnyGallery:
    """The gallery there.

    Raises:
        GalleryMissing, GalleryError: see `Gallery` and `MilvusGallery`.
    """
    return MilvusGallery(str(address)) if in_milvus(address) else Gallery(address, device)


def open_or_create(
    address: str | Path, card: Card, network: CameraNetwork, storage: Storage = Storage.FLOAT32
) -> AnyGallery:
    """The gallery there, which must be of that model; a new one with that network if there is none.

    Raises:
        GalleryMismatch: it holds another model's embeddings.
        UsageError: a storage that Milvus doesn't offer.
    """
    if not in_milvus(address):
        return Gallery.open_or_create(address, card, network, storage)
    _float32(address, storage)
    return MilvusGallery.open_or_create(str(address), card, network)


def create(address: str | Path, model: Model, network: CameraNetwork, storage: Storage = Storage.FLOAT32) -> AnyGallery:
    """A new, empty gallery.

    Raises:
        UsageError: there is one already, or a storage that Milvus doesn't offer.
    """
    if not in_milvus(address):
        return Gallery.create(address, model, network, storage)
    _float32(address, storage)
    return MilvusGallery.create(str(address), model, network)


def beside(folder: Path) -> list[Path]:
    """The gallery in a folder and those of other models that a server keeps beside it, `FOLDER.<fingerprint>`."""
    first = re.sub(r"\.[0-9a-f]{16}$", "", folder.name)
    own = re.compile(rf"{re.escape(first)}(\.[0-9a-f]{{16}})?")
    return [path for path in sorted(folder.parent.iterdir()) if own.fullmatch(path.name) and (path / FILE).exists()]


def _float32(address: str | Path, storage: Storage) -> None:
    if storage is not Storage.FLOAT32:
        raise UsageError(f"{address}: a gallery in Milvus keeps float32, not {storage}")
