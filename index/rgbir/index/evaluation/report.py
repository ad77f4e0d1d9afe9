"""What an evaluation says: every trial, their mean, and everything needed to compare it with another."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgbir.index.datasets.protocol import Protocol, Way
from rgbir.index.evaluation.metrics import Measures
from rgbir.index.metric import Metric

RANKS = (1, 5, 10, 20)
COUNTED = ("queries", "valid_queries", "gallery_rows", "gallery_identities")
"""What a report tells of a trial beside its measures."""


@dataclass(frozen=True, slots=True)
class Report:
    """The trials of one protocol; its means are plain means of per-trial values.

    Attributes:
        protocol: the rules that were measured by.
        setting: what the data set left open, as it was chosen.
        metric: how embeddings were compared.
        trials: at least one, in the protocol's order.
        about: what was measured, such as the model, the data and versions; for readers only.
        directions: the trials of each direction alone, where both modalities ask; else empty. Some protocols also measure
            within one modality.
        rerank: by whose neighbours rankings were ordered again, and how; none where they weren't.
    """

    protocol: Protocol
    setting: dict[str, str]
    metric: Metric
    trials: tuple[Measures, ...]
    about: dict[str, str] = field(default_factory=dict)
    directions: dict[Way, tuple[Measures, ...]] = field(default_factory=dict)
    rerank: str = "none"

    @classmethod
    def joined(cls, parts: list[Report]) -> Report:
        """One report of several that were measured apart, such as RegDB's splits, each with a model of its own."""
        first, *others = parts
        if not others:
            return first
        trials = tuple(trial for part in parts for trial in part.trials)
        keys = dict.fromkeys(key for part in parts for key in part.about)
        about = {key: ", ".join(dict.fromkeys(part.about.get(key, "none") for part in parts)) for key in keys}
        return cls(first.protocol, first.setting, first.metric, trials, about, rerank=first.rerank)

    def rank(self, k: int) -> float:
        return float(np.mean([trial.rank(k) for trial in self.trials]))

    @property
    def mean_ap(self) -> float:
        return float(np.mean([trial.mean_ap for trial in self.trials]))

    @property
    def mean_inp(self) -> float:
        return float(np.mean([trial.mean_inp for trial in self.trials]))

    @property
    def curve(self) -> NDArray[np.float64]:
        """The mean of the trials' curves, float64 (U,) of the longest; a shorter one goes on with its last value."""
        longest = max(len(trial.curve) for trial in self.trials)
        padded = [np.pad(trial.curve, (0, longest - len(trial.curve)), mode="edge") for trial in self.trials]
        return np.asarray(np.mean(padded, axis=0), np.float64)

    def of_directions(self) -> dict[Way, Report]:
        """A report of each direction alone, where both modalities ask; else none."""
        return {way: replace(self, trials=trials, directions={}) for way, trials in self.directions.items()}

    def to_dict(self) -> dict[str, Any]:
        """Fractions in 0..1 in full precision; JSON can carry it."""
        ways = {way: part._means() for way, part in self.of_directions().items()}
        return {
            "protocol": {**asdict(self.protocol), **self.setting, "metric": str(self.metric), "rerank": self.rerank},
            **self._means(),
            **({"directions": ways} if ways else {}),
            "trials": [_trial(trial) for trial in self.trials],
            "about": self.about,
        }

    def _means(self) -> dict[str, Any]:
        return {
            "cmc": {str(k): self.rank(k) for k in RANKS},
            "curve": self.curve.tolist(),
            "mAP": self.mean_ap,
            "mINP": self.mean_inp,
            "spread": {
                "rank_1": _spread([t.rank(1) for t in self.trials]),
                "mAP": _spread([t.mean_ap for t in self.trials]),
            },
            **_counts(self.trials[0]),
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2)

    def trial_rows(self) -> list[list[str]]:
        """The table's lines, a trial each; percent with two decimals."""
        return [
            [str(number), *_percent(*(t.rank(k) for k in RANKS), t.mean_ap, t.mean_inp)]
            for number, t in enumerate(self.trials, 1)
        ]

    def mean_rows(self) -> list[list[str]]:
        """The table's last lines: the means of each direction, if there are two, and of all."""
        means: list[tuple[str, Report]] = [*self.of_directions().items(), ("mean", self)]
        return [[name, *_percent(*(part.rank(k) for k in RANKS), part.mean_ap, part.mean_inp)] for name, part in means]

    def to_markdown(self) -> str:
        """The title and the table."""
        lines = [f"| {' | '.join(row)} |" for row in (COLUMNS, *self.trial_rows(), *self.mean_rows())]
        rule = "|" + "---|" * len(COLUMNS)
        about = [f"* {key}: {value}" for key, value in self.about.items()]
        return "\n".join([*self.title.split("\n"), "", lines[0], rule, *lines[1:], "", *about]) + "\n"

    @property
    def title(self) -> str:
        p, first = self.protocol, self.trials[0]
        setting = "".join(f" {key}={value}" for key, value in self.setting.items())
        probes = f" indoor_probes={','.join(map(str, p.indoor_probes))}" if p.data == "SYSU-MM01" else ""
        rerank = "" if self.rerank == "none" else f"re-ranked by {self.rerank}\n"
        return (
            f"{p.name}{setting} metric={self.metric} selection={p.selection} cmc={p.cmc} ap={p.ap}"
            f" denominator={p.denominator} hiding={p.hiding}{probes} trials={len(self.trials)}\n{rerank}"
            f"{first.queries} queries, {first.valid_queries} valid, {first.gallery_rows} gallery rows,"
            f" {first.gallery_identities} identities"
        )


COLUMNS = ("trial", *(f"R{k}" for k in RANKS), "mAP", "mINP")


def _percent(*fractions: float) -> list[str]:
    return [f"{100 * fraction:.2f}" for fraction in fractions]


def _spread(values: list[float]) -> float:
    """Standard deviation over trials, n - 1; 0 of a single one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _counts(trial: Measures) -> dict[str, int]:
    return {name: getattr(trial, name) for name in COUNTED}


def _trial(trial: Measures) -> dict[str, Any]:
    """`by_query` is in the order of the protocol's queries; rank counts from 0 and is -1 for an invalid query."""
    return {
        "cmc": {str(k): trial.rank(k) for k in RANKS},
        "curve": trial.curve.tolist(),
        "mAP": trial.mean_ap,
        "mINP": trial.mean_inp,
        **_counts(trial),
        "by_query": {name: values.tolist() for name, values in trial.by_query._asdict().items()},
    }
