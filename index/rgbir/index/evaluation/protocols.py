"""The protocols by name. Each is a set of independent switches; a report prints them all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from rgbir.index.evaluation.ranking import ApRule, CmcLevel, Denominator

Mode = Literal["all", "indoor"]
Shots = Literal["single", "multi"]
Direction = Literal["visible->infrared", "infrared->visible"]
Selection = Literal["official", "seeded", "everything"]
Hiding = Literal["place", "identity and camera", "nothing"]
Data = Literal["SYSU-MM01", "RegDB", "LLCM", "Market-1501"]

SHOTS: dict[Shots, int] = {"single": 1, "multi": 10}
GALLERY_CAMERAS: dict[Mode, tuple[int, ...]] = {"all": (1, 2, 4, 5), "indoor": (1, 2)}
PROBE_CAMERAS = (3, 6)


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a data set is measured.

    data: whose protocol it is; DukeMTMC-reID is measured as Market-1501.
    selection: who draws the gallery: the authors' permutation file, a generator seeded with the trial, or nobody.
    hiding: rows that a query may not see: those at its own place, or those of its own identity and camera.
    indoor_probes: SYSU-MM01's probe cameras in indoor-search; in all-search they are always 3 and 6.
    drawn_queries: the drawn images are the queries, and everything is the gallery (LLCM's script since June 2023).
    """

    name: str
    data: Data = "SYSU-MM01"
    selection: Selection = "official"
    cmc: CmcLevel = "identity"
    ap: ApRule = "rectangle"
    denominator: Denominator = "valid"
    hiding: Hiding = "place"
    indoor_probes: tuple[int, ...] = PROBE_CAMERAS
    drawn_queries: bool = False
    trials: int = 10

    def probe_cameras(self, mode: Mode) -> tuple[int, ...]:
        return self.indoor_probes if mode == "indoor" else PROBE_CAMERAS


_SYSU = Protocol("sysu")
_REGDB = Protocol("regdb", data="RegDB", selection="everything", cmc="image", hiding="nothing")
_LLCM = Protocol("llcm", data="LLCM", selection="seeded", hiding="identity and camera")
_MARKET = Protocol(
    "market", data="Market-1501", selection="everything", cmc="image", hiding="identity and camera", trials=1
)

PROTOCOLS: dict[str, Protocol] = {
    one.name: one
    for one in (
        _SYSU,
        replace(_SYSU, name="sysu-seeded", selection="seeded"),
        replace(_SYSU, name="sysu-imagecmc", cmc="image"),
        replace(_SYSU, name="sysu-indoor3", indoor_probes=(3,)),
        _REGDB,
        replace(_REGDB, name="regdb-idcmc", cmc="identity"),
        _LLCM,
        replace(_LLCM, name="llcm-swapped", drawn_queries=True),
        _MARKET,
        replace(_MARKET, name="market-trapezoid", ap="trapezoid", denominator="all"),
    )
}
DEFAULTS: dict[Data, Protocol] = {"SYSU-MM01": _SYSU, "RegDB": _REGDB, "LLCM": _LLCM, "Market-1501": _MARKET}
