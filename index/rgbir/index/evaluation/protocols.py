"""The protocols by name. Each is a set of independent switches; a report prints them all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from rgbir.index.evaluation.metrics import ApRule, CmcLevel, Denominator

Mode = Literal["all", "indoor"]
Shots = Literal["single", "multi"]

SHOTS: dict[Shots, int] = {"single": 1, "multi": 10}
GALLERY_CAMERAS: dict[Mode, tuple[int, ...]] = {"all": (1, 2, 4, 5), "indoor": (1, 2)}
PROBE_CAMERAS = (3, 6)


@dataclass(frozen=True, slots=True)
class Protocol:
    """How SYSU-MM01 is measured.

    selection: who draws the gallery: the authors' permutation file, or a generator seeded with the trial.
    indoor_probes: the probe cameras of indoor-search; of all-search they are always 3 and 6.
    """

    name: str
    selection: Literal["official", "seeded"] = "official"
    cmc: CmcLevel = "identity"
    ap: ApRule = "rectangle"
    denominator: Denominator = "valid"
    indoor_probes: tuple[int, ...] = PROBE_CAMERAS
    trials: int = 10

    def probe_cameras(self, mode: Mode) -> tuple[int, ...]:
        return self.indoor_probes if mode == "indoor" else PROBE_CAMERAS


_SYSU = Protocol("sysu")
PROTOCOLS: dict[str, Protocol] = {
    "sysu": _SYSU,
    "sysu-seeded": replace(_SYSU, name="sysu-seeded", selection="seeded"),
    "sysu-imagecmc": replace(_SYSU, name="sysu-imagecmc", cmc="image"),
    "sysu-indoor3": replace(_SYSU, name="sysu-indoor3", indoor_probes=(3,)),
}
