"""A detector's bundle: a folder with `card.json` and one ONNX graph. `rgbir export adopt` writes it, everyone else reads it here."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, field_validator, model_validator

from rgbir.index.camera import Modality
from rgbir.index.detection.detections import Thresholds
from rgbir.index.sealed import SealedFolder, expect_own_files, read_card
from rgbir.index.words import listed

Fit = Literal["letterbox", "stretch"]
"""How a picture becomes the input's size: in its own proportions at the top left, the rest filled; or stretched."""
Standing = Literal["ran with real weights", "read from its documentation"]
"""How this version knows a family of detectors."""


class Tried(BaseModel, frozen=True, extra="forbid"):
    """A picture that whoever adopted the detector brought, and whose people it found."""

    image: str = Field(description="its name")
    sha256: str
    people: int = Field(ge=1)
    least_iou: float = Field(description="of a person's box and the one that was found for it")


class DetectorCard(BaseModel, frozen=True, extra="forbid"):
    """What a detector's bundle says of itself.

    The graph takes `images`, uint8 (N, height, width, 3), RGB, made by `fit`. It gives `boxes`, float32 (N, K, 4): left, top, right,
    bottom in pixels of its input; and `scores`, float32 (N, K). All are persons, and overlapping ones aren't suppressed yet.
    """

    format: Literal[1] = 1
    kind: Literal["detector"] = "detector"
    name: str = Field(min_length=1)
    family: str = Field(description="by whose rules its outputs were read")
    standing: Standing = Field(description="how this version knows the family")
    licence: str = Field(min_length=1, description="of its weights and of what made them")
    graph: str
    files: dict[str, str] = Field(description="sha256 of every file but the card")
    height: int = Field(ge=1, description="of the input, in pixels")
    width: int = Field(ge=1, description="of the input, in pixels")
    fit: Fit
    fill: int = Field(114, ge=0, le=255, description="grey beside a picture that is letterboxed")
    candidates: int = Field(
        ge=1, description="K, as it was when it was adopted: boxes that the graph gives of each image"
    )
    person: int = Field(ge=0, description="the class index of persons in the foreign model")
    nms: float | None = Field(
        gt=0, le=1, description="boxes that overlap a surer one by a greater IoU are dropped; none if the model does it"
    )
    thresholds: dict[Modality, Thresholds]
    parity: float = Field(ge=0, description="largest difference of a box's side from the foreign model's, in pixels")
    tried: list[Tried] = []
    note: str = ""
    made_with: dict[str, str] = {}

    @field_validator("thresholds")
    @classmethod
    def _each_modality(cls, thresholds: dict[Modality, Thresholds]) -> dict[Modality, Thresholds]:
        if absent := [modality for modality in Modality if modality not in thresholds]:
            raise ValueError(f"there are thresholds for each modality; none are given for {listed(absent)}")
        return thresholds

    @model_validator(mode="after")
    def _graph_is_a_file(self) -> DetectorCard:
        expect_own_files(self.files, {self.graph})
        return self

    @property
    def fingerprint(self) -> str:
        """Of everything that decides boxes and scores: graph, input, suppression. 16 hexadecimal digits.

        Thresholds only decide what is done with a score, which stands beside each box.
        """
        decisive = [sorted(self.files.items()), self.graph, self.height, self.width, self.fit, self.fill, self.nms]
        return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:16]


class DetectorBundle(SealedFolder[DetectorCard]):
    """A detector's bundle on disk, its files compared with the card's sums.

    Raises:
        BadBundle: no card, a card of another format or kind, a file that is missing or altered.
    """

    def __init__(self, folder: Path | str) -> None:
        super().__init__(Path(folder), read_card(Path(folder), DetectorCard, "detector"))
