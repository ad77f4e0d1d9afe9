"""A site's own pictures, in the layouts in which they are enrolled: a folder for each camera, or a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import ClassVar

from rgbir.index.cameras import CameraNetwork, Modality
from rgbir.index.datasets.cross import CROSS, alone, cross_task, expect_cameras
from rgbir.index.datasets.dataset import PLAIN, Count, DataSet, List, Setting, compared
from rgbir.index.datasets.folders import read_folders
from rgbir.index.datasets.passed import passed_over_words
from rgbir.index.datasets.people import PEOPLE, PeopleLists
from rgbir.index.datasets.protocol import Protocol
from rgbir.index.datasets.records import ImageRecord, Skipped
from rgbir.index.datasets.sums import sums_of
from rgbir.index.datasets.table import read_table
from rgbir.index.datasets.task import Task
from rgbir.index.errors import BadDataset
from rgbir.index.images import Box
from rgbir.index.words import listed

NAMED = 10
"""People whom a remark names."""


@dataclass(frozen=True)
class OwnPictures(DataSet):
    """Labelled images of a site's own cameras.

    Layout on disk:
        `<camera>/<identity>/…/image.jpg` below the root, the identity a whole number; or a table (CSV) as `rgbir index add
        --layout csv` takes it, with its column identity.

    Protocol:
        Each modality asks the other (`cross`), of the people that are listed for the test.

    A camera of both modalities doesn't say which of them an image is, so its images aren't used. Declare two cameras at one
    place, and sort the images between them.

    Attributes:
        cameras: what the images' cameras are, and where.
        lists: who is trained on, held back and tested; None where nobody has drawn them yet.

    Raises:
        BadDataset: neither a folder nor a table.
    """

    names: ClassVar = ("own pictures",)
    layout: ClassVar = "own"
    signs: ClassVar = ()
    folders: ClassVar = ()
    holds: ClassVar = "a folder for each camera, or a table"
    protocols: ClassVar = (CROSS, replace(CROSS, name="cross-imagecmc", cmc="image"))
    choices: ClassVar = frozenset({"identities", "shots", "direction"})

    cameras: CameraNetwork
    lists: PeopleLists | None = None

    def __post_init__(self) -> None:
        if not self.root.exists():
            raise BadDataset(f"{self.root} is not there; expected {self.holds} (CSV) of your own pictures")

    @property
    def network(self) -> CameraNetwork:
        """What was given with the pictures."""
        return self.cameras

    @cached_property
    def _read(self) -> tuple[list[ImageRecord], Counter[str], Counter[str]]:
        """All images with camera and modality, what was passed over, and images of cameras of both modalities."""
        images, over, unsure = list[ImageRecord](), Counter[str](), Counter[str]()
        unknown: Counter[str] = Counter()
        seen: dict[tuple[Path, Box | None], ImageRecord] = {}
        for record in read_table(self.root) if self.root.is_file() else read_folders(self.root):
            if isinstance(record, Skipped):
                over[record.reason] += 1
                continue
            if record.camera not in self.cameras:
                unknown[record.camera] += 1
                continue
            camera = self.cameras[record.camera]
            if len(camera.modalities) > 1:
                unsure[camera.id] += 1
                continue
            (modality,) = camera.modalities
            identity = record.identity if self.root.is_file() else _identity(record.source)
            image = replace(record, camera=camera.id, modality=modality, identity=identity)
            first = seen.setdefault((record.path.resolve(), record.box), image)
            if first is not image:
                self._expect_alike(first, image)
                over["is listed twice"] += 1
                continue
            images.append(image)
        if unknown:
            raise BadDataset(
                f"{self.root}: {unknown.total():,} images are of camera {listed(sorted(unknown), most=5)}, and network"
                f" {self.cameras.name!r} has {listed(camera.id for camera in self.cameras)}; declare the camera there, or take"
                " its images out"
            )
        return images, over, unsure

    def _expect_alike(self, first: ImageRecord, again: ImageRecord) -> None:
        """
        Raises:
            BadDataset: a picture that comes twice shows two people, or is of two cameras.
        """
        for what, there, here in (("identity", first.identity, again.identity), ("camera", first.camera, again.camera)):
            if there != here:
                raise BadDataset(
                    f"{self.root}: {first.name} and {again.name} are one picture, with {what} {there} and {what} {here};"
                    " correct the one that is wrong, or take both out"
                )

    @property
    def images(self) -> list[ImageRecord]:
        """All that can be used, also of people who aren't known, in the order of the table or of the folders' names."""
        return self._read[0]

    @cached_property
    def labelled(self) -> list[ImageRecord]:
        """Images that show a known person, in the order of the table or of the folders' names.

        Raises:
            BadDataset: there are none, a camera isn't known, or each modality has one camera.
        """
        records = [record for record in self._read[0] if record.identity is not None]
        if not records:
            how = "its column identity is empty" if self.root.is_file() else "expected <camera>/<identity>/…/image.jpg"
            over = f" ({passed_over_words(self._read[1])})" if self._read[1] else ""
            raise BadDataset(
                f"{self.root}: none of {len(self._read[0]):,} images shows a known person; {how}, and an identity is a whole number,"
                f" 0 or more{over}"
            )
        expect_cameras(records)
        return records

    @cached_property
    def people(self) -> tuple[int, ...]:
        """Identities that have images, ascending."""
        return tuple(sorted({record.identity for record in self.labelled if record.identity is not None}))

    @cached_property
    def sums(self) -> dict[int, str]:
        """A sum of each person's images; see `sums_of`."""
        return {identity: digest for identity, (_, digest) in sums_of(self.labelled).items()}

    def with_lists(self, seed: int = 0, **shares: float) -> OwnPictures:
        """The same pictures with lists of people that are drawn now; see `PeopleLists.drawn`."""
        single = alone(self.labelled)
        both = [identity for identity in self.people if identity not in single]
        return replace(self, lists=PeopleLists.drawn(both, single, seed, **shares))

    def of(self, whose: List) -> list[ImageRecord]:
        """The labelled images of a list of people; `available` is everybody, and needs no lists.

        Raises:
            BadDataset: there are no lists, or none of these people has an image.
        """
        if whose == "available":
            return self.labelled
        if self.lists is None:
            raise BadDataset(
                f"{self.root} has no lists of people, and which of them a model was trained on isn't known; name the lists with"
                f" --people (RUN/{PEOPLE} of a training, or what `rgbir split` writes). `rgbir evaluate --list available` measures"
                " everybody"
            )
        wanted = set(self.lists.train + self.lists.val) if whose == "trainval" else set(getattr(self.lists, whose))
        records = [record for record in self.labelled if record.identity in wanted]
        if not records:
            raise BadDataset(
                f"{self.root}: none of the {len(wanted):,} people of the {whose} list has an image here; are the lists of"
                " other pictures?"
            )
        return records

    def training(self, setting: Setting = PLAIN) -> Iterator[ImageRecord]:
        records = self.of(setting.identities or "train")
        expect_cameras(records)
        return iter(records)

    def test(self, modality: Modality, setting: Setting = PLAIN) -> Iterator[ImageRecord]:
        return (record for record in self.of(setting.identities or "test") if record.modality is modality)

    def task(self, protocol: Protocol, setting: Setting = PLAIN) -> Task:
        """Each modality asks the other, or one of them."""
        list_name = setting.identities or "test"
        whose = {"identities": list_name, **({"lists": self.lists.label} if self.lists else {})}
        whose["network"] = self.network.label
        return cross_task(self.of(list_name), self.network, setting, whose)

    def held_back(self) -> tuple[Protocol, Task] | None:
        """The people of the val list, infrared asking; None if nobody is in it."""
        if self.lists is None or not self.lists.val:
            return None
        return CROSS, self.task(CROSS, Setting("val", direction="infrared->visible"))

    def counts(self) -> list[Count]:
        """Images by camera, people by list, and what isn't used."""
        images, _, unsure = self._read
        by_camera = Counter(record.camera for record in images)
        single = alone(self.labelled)
        counts = {f"{camera.id} images": by_camera[camera.id] for camera in self.cameras if by_camera[camera.id]}
        counts |= {"images of nobody known": len(images) - len(self.labelled)}
        counts |= {f"{camera} images of either modality": count for camera, count in unsure.items()}
        counts |= {"identities": len(self.people), "identities in one modality": len(single)}
        if self.lists is not None:
            known = set(self.people)
            counts |= {
                f"{part} identities": len(known & set(getattr(self.lists, part))) for part in ("train", "val", "test")
            }
        return compared(counts, {})

    def passed_over(self) -> Counter[str]:
        """Images that can't be taken, by reason; those that are taken for nothing here are `remarks`."""
        return self._read[1]

    def unsure(self) -> list[str]:
        """What there is to say of images whose modality nobody knows: a sentence, or none."""
        cameras = self._read[2]
        if not cameras:
            return []
        return [
            f"{cameras.total():,} images are of {listed(sorted(cameras), most=5)}, which may be colour or infrared, and are not"
            " used; declare two cameras at one place, one for each"
        ]

    def remarks(self) -> list[str]:
        images = self._read[0]
        remarks = []
        if unlabelled := len(images) - len(self.labelled):
            remarks.append(f"{unlabelled:,} of {len(images):,} images show nobody known, and are not used")
        remarks += self.unsure()
        if self.lists is not None:
            if new := sorted(set(self.people) - set(self.lists.everyone)):
                remarks.append(f"{len(new):,} people stand in no list: {listed(new, most=NAMED)}")
            if gone := sorted(set(self.lists.everyone) - set(self.people)):
                remarks.append(f"{len(gone):,} people of the lists have no image here: {listed(gone, most=NAMED)}")
        return remarks


def _identity(source: str) -> int | None:
    """The identity in `<camera>/<identity>/…/image.jpg`; None where that folder's name isn't one, or is missing."""
    parts = PurePosixPath(source).parts
    name = parts[1] if len(parts) > 2 else ""
    return int(name) if name.isascii() and name.isdecimal() and len(name) < 19 else None
