"""A gallery by its address: a folder, or `milvus://…`."""

from __future__ import annotations

import re
import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rgbir.index.bundle import Card
from rgbir.index.cameras import CameraNetwork
from rgbir.index.errors import UsageError
from rgbir.index.gallery.folder.gallery import Gallery
from rgbir.index.gallery.folder.ledger import first_of
from rgbir.index.gallery.folder.place import FILE
from rgbir.index.gallery.folder.store import Store
from rgbir.index.gallery.interface import AnyGallery
from rgbir.index.gallery.milvus.gallery import MilvusGallery
from rgbir.index.gallery.model import Model, Storage
from rgbir.index.nearest.sketches import Device


@dataclass(frozen=True, slots=True)
class GalleryAddress:
    """Where a gallery is, or will be: a folder, or `milvus://HOST:PORT/NAME`.

    Attributes:
        text: as people write it.
    """

    text: str

    @classmethod
    def of(cls, address: str | Path) -> Self:
        return cls(str(address))

    @property
    def in_milvus(self) -> bool:
        return self.text.startswith(("milvus:", "milvus+file:"))

    @property
    def folder(self) -> Path:
        """Of a gallery in a folder."""
        assert not self.in_milvus
        return Path(self.text)

    def family(self) -> list[Path]:
        """The gallery in a folder and those of other models that a server keeps beside it, `FOLDER.<fingerprint>`; none in Milvus."""
        if self.in_milvus:
            return []
        first = first_of(self.folder)
        kin = re.compile(rf"{re.escape(first.name)}(\.[0-9a-f]{{16}})?")
        beside = sorted(first.parent.iterdir())
        return [path for path in beside if kin.fullmatch(path.name) and (path / FILE).exists()]

    def delete(self) -> None:
        """Deletes a gallery in a folder, if there is one; its database goes last, by which erasures find what is left.

        Raises:
            OSError: some of it can't be deleted.
        """
        for path in sorted(self.folder.glob("*"), key=lambda path: path.name == FILE):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        if self.folder.exists():
            self.folder.rmdir()

    def archives(self) -> list[Path]:
        """Notes of the archives that servers have received for a gallery in a folder and not worked through."""
        first = first_of(self.folder)
        return sorted(first.with_name(f"{first.name}.jobs").glob("*.json"))

    def fingerprint(self) -> str | None:
        """Of the model whose embeddings a folder holds; None if no gallery is there."""
        if not (self.folder / FILE).exists():
            return None
        with closing(Store(self.folder)) as store:
            return store.meta()["fingerprint"]


def open_gallery(address: str | Path, device: Device | None = None) -> AnyGallery:
    """The gallery there.

    Raises:
        GalleryMissing, GalleryError: see `Gallery` and `MilvusGallery`.
    """
    return MilvusGallery(address) if GalleryAddress.of(address).in_milvus else Gallery(address, device)


def open_or_create(
    address: str | Path, card: Card, network: CameraNetwork, storage: Storage = Storage.FLOAT32
) -> AnyGallery:
    """The gallery there, which must be of that model; a new one with that network if there is none.

    Raises:
        GalleryMismatch: it holds another model's embeddings.
        UsageError: a storage that Milvus doesn't offer.
    """
    return _kind(address, storage).open_or_create(address, card, network, storage)


def create(address: str | Path, model: Model, network: CameraNetwork, storage: Storage = Storage.FLOAT32) -> AnyGallery:
    """A new, empty gallery.

    Raises:
        UsageError: there is one already, or a storage that Milvus doesn't offer.
    """
    return _kind(address, storage).create(address, model, network, storage)


def _kind(address: str | Path, storage: Storage) -> type[AnyGallery]:
    if not GalleryAddress.of(address).in_milvus:
        return Gallery
    if storage is not Storage.FLOAT32:
        raise UsageError(f"{address}: a gallery in Milvus keeps float32, not {storage}")
    return MilvusGallery
