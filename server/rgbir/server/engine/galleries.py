"""Which bundle and gallery a server answers with, over restarts, and where the galleries of other models lie.

A gallery in `FOLDER` has those of other models beside it, `FOLDER.<fingerprint>`, and `FOLDER.serving.json` says which one
answers once that isn't the one the server was started with. That file is replaced in one step: after a crash it names one or the other.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path

from rgbir.index import CARD, Bundle, Card, GalleryAddress, Runner, listed, replace_file, sync_folder
from rgbir.server.errors import BadSettings, NotThere
from rgbir.server.settings import Settings


class Galleries:
    """The bundles a server may answer with, and a gallery of each.

    Raises:
        BadSettings: bundles for a gallery in Milvus; two bundles of one name; or another model was chosen before, and where its bundle lies isn't said.
    """

    def __init__(self, settings: Settings) -> None:
        self.address = GalleryAddress.of(settings.gallery)
        named = settings.gallery if self.address.in_milvus else os.path.abspath(settings.gallery)
        self.settings, self.first = settings, Path(named)
        self.file = self.first.with_name(self.first.name + ".serving.json")
        if settings.bundles is None:
            if not self.address.in_milvus and self.file.exists():
                raise BadSettings(
                    f"{self.file} says that this gallery is answered for with another model; say where the bundles lie with"
                    " --bundles, or delete that file to go back to --bundle"
                )
        elif self.address.in_milvus:
            raise BadSettings(
                f"{settings.gallery}: --bundles changes the model of a gallery in a folder; for one in Milvus make a second with"
                " `rgbir index reencode`, and restart its servers with it one by one"
            )
        else:
            other = settings.bundles / settings.bundle.name / CARD
            if other.is_file() and other.read_bytes() != (settings.bundle / CARD).read_bytes():
                raise BadSettings(
                    f"{other.parent} and {settings.bundle} are two models of one name; rename one of them"
                )

    @property
    def jobs(self) -> Path:
        """Where archives lie that are to be enrolled."""
        if self.address.in_milvus:
            name = hashlib.sha256(str(self.settings.gallery).encode()).hexdigest()[:16]
            return Path(tempfile.gettempdir()) / f"rgbir.{name}.jobs"
        return self.first.with_name(self.first.name + ".jobs")

    @property
    def clock(self) -> Path:
        """Where a server notes how late it was, for one that is started with a clock that was set back."""
        return self.jobs.with_suffix(".clock")

    def chosen(self) -> tuple[Path, Path | str]:
        """The bundle and the gallery to answer with.

        Raises:
            NotThere: a bundle that was chosen before is gone.
            BadSettings: the file that says which was chosen is damaged.
        """
        if self.settings.bundles is None or not self.file.exists():
            return Path(self.settings.bundle), self.settings.gallery
        try:
            choice = json.loads(self.file.read_text(encoding="utf-8"))
            bundle, gallery = str(choice["bundle"]), self.first.with_name(choice["gallery"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise BadSettings(
                f"{self.file} should say which model answers, and can't be read: {error!r}; delete it to go back to --bundle,"
                " and activate the other model again"
            ) from error
        return self.bundle(bundle), gallery

    def choose(self, bundle: str, gallery: Path) -> None:
        """Remembers them; once this returns, no crash forgets it. What the server is started with needs no remembering."""
        if gallery == self.first and self.bundle(bundle) == self.settings.bundle:
            self.file.unlink(missing_ok=True)
            sync_folder(self.file.parent)
            return
        replace_file(self.file, json.dumps({"bundle": bundle, "gallery": gallery.name}))

    def bundles(self) -> dict[str, Path]:
        """Folders with a card, by name: those in the folder of bundles, and the one the server was started with."""
        folder = self.settings.bundles
        folders = [] if folder is None else sorted(path.parent for path in folder.glob("*/card.json"))
        return {self.settings.bundle.name: self.settings.bundle, **{path.name: path for path in folders}}

    def bundle(self, name: str) -> Path:
        """That one.

        Raises:
            NotThere: no such bundle.
        """
        bundles = self.bundles()
        if name not in bundles:
            raise NotThere(f"no bundle {name!r} here; there are: {listed(bundles)}")
        return bundles[name]

    def card(self, name: str) -> Card:
        """Of that bundle, as this server computes it."""
        return Bundle(self.bundle(name)).card.computed(Runner.read(self.settings.runner))

    def of(self, card: Card) -> Path:
        """Where the gallery of that model lies, or would."""
        if self.address.fingerprint() == card.fingerprint:
            return self.first
        return self.first.with_name(f"{self.first.name}.{card.fingerprint}")

    def kept(self) -> list[Path]:
        """All galleries that there are of the same sightings."""
        return self.address.family()
