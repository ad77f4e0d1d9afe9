"""How a data set is measured: independent switches under a name. A report prints them all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["all", "indoor"]
Shots = Literal["single", "multi"]
Direction = Literal["visible->infrared", "infrared->visible"]
Way = Literal["visible->visible", "visible->infrared", "infrared->visible", "infrared->infrared"]
"""The query's modality, then the gallery's, where a protocol also measures within one modality."""
Pool = Literal["mean", "best", "median"]
"""How a tracklet is compared: by the mean of its frames' embeddings, by the frame that is nearest, or by their median."""
Selection = Literal["official", "seeded", "everything"]
Hiding = Literal["place", "place and modality", "identity and camera", "nothing"]
CmcLevel = Literal["identity", "image"]
ApRule = Literal["rectangle", "trapezoid"]
Denominator = Literal["valid", "all"]


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a data set is measured.

    Attributes:
        name: by which people ask for it.
        data: whose protocol it is; DukeMTMC-reID is measured as Market-1501.
        selection: who draws the gallery: the authors' permutation file, a generator seeded with the trial, or nobody.
        cmc: what ranks count: identities or images.
        ap: how average precision is integrated.
        denominator: which queries means run over: the valid ones, or all.
        hiding: rows that a query may not see: those at its own place, those there and all of its own modality, or those of
            its own identity and camera.
        indoor_probes: SYSU-MM01's probe cameras in indoor-search; in all-search they are always 3 and 6.
        drawn_queries: the drawn images are the queries, and everything is the gallery (LLCM's script since June 2023).
        trials: how many, 1 or more.
    """

    name: str
    data: str = "SYSU-MM01"
    selection: Selection = "official"
    cmc: CmcLevel = "identity"
    ap: ApRule = "rectangle"
    denominator: Denominator = "valid"
    hiding: Hiding = "place"
    indoor_probes: tuple[int, ...] = (3, 6)
    drawn_queries: bool = False
    trials: int = 10
