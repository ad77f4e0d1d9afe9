"""What an evaluation says: every trial, their mean, and everything needed to compare it with another."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgbir.index.datasets.protocol import Protocol
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
    """

    protocol: Protocol
    setting: dict[str, str]
    metric: Metric
    trials: tuple[Measures, ...]
    about: dict[str, str] = field(default_factory=dict)

    @classmethod
    def joined(cls, parts: list[Report]) -> Report:
        """One report of several that were measured apart, such as RegDB's splits, each with a model of its own."""
        first = parts[0]
        trials = tuple(trial for part in parts for trial in part.trials)
        keys = dict.fromkeys(key for part in parts for key in part.about)
        about = {key: ", ".join(dict.fromkeys(part.about.get(key, "none") for part in parts)) for key in keys}
        return cls(first.protocol, first.setting, first.metric, trials, about)

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

    def to_dict(self) -> dict[str, Any]:
        """Fractions in 0..1 in full precision; JSON can carry it."""
        return {
            "protocol": {**asdict(self.protocol), **self.setting, "metric": str(self.metric)},
            "cmc": {str(k): self.rank(k) for k in RANKS},
            "curve": self.curve.tolist(),
            "mAP": self.mean_ap,
            "mINP": self.mean_inp,
            "spread": {
                "rank_1": _spread([t.rank(1) for t in self.trials]),
                "mAP": _spread([t.mean_ap for t in self.trials]),
            },
            **_counts(self.trials[0]),
            "trials": [_trial(trial) for trial in self.trials],
            "about": self.about,
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2)

    def rows(self) -> list[list[str]]:
        """The table's lines: a trial each, then the mean; percent with two decimals."""
        lines = [
            [str(number), *_percent(*(t.rank(k) for k in RANKS), t.mean_ap, t.mean_inp)]
            for number, t in enumerate(self.trials, 1)
        ]
        return [*lines, ["mean", *_percent(*(self.rank(k) for k in RANKS), self.mean_ap, self.mean_inp)]]

    def to_markdown(self) -> str:
        """The title and the table."""
        lines = [f"| {' | '.join(row)} |" for row in (COLUMNS, *self.rows())]
        rule = "|" + "---|" * len(COLUMNS)
        about = [f"* {key}: {value}" for key, value in self.about.items()]
        return "\n".join([*self.title.split("\n"), "", lines[0], rule, *lines[1:], "", *about]) + "\n"

    @property
    def title(self) -> str:
        p, first = self.protocol, self.trials[0]
        setting = "".join(f" {key}={value}" for key, value in self.setting.items())
        probes = f" indoor_probes={','.join(map(str, p.indoor_probes))}" if p.data == "SYSU-MM01" else ""
        return (
            f"{p.name}{setting} metric={self.metric} selection={p.selection} cmc={p.cmc} ap={p.ap}"
            f" denominator={p.denominator} hiding={p.hiding}{probes} trials={len(self.trials)}\n"
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
