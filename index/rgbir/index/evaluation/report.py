"""What an evaluation says: every trial, their mean, and everything needed to compare it with another."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from rgbir.index.evaluation.metrics import Measures
from rgbir.index.evaluation.protocols import Protocol
from rgbir.index.metric import Metric

RANKS = (1, 5, 10, 20)


@dataclass(frozen=True, slots=True)
class Report:
    """The trials of one protocol; its means are plain means of per-trial values."""

    protocol: Protocol
    setting: dict[str, str]
    metric: Metric
    trials: tuple[Measures, ...]
    about: dict[str, str] = field(default_factory=dict)

    def rank(self, k: int) -> float:
        return float(np.mean([trial.rank(k) for trial in self.trials]))

    @property
    def mean_ap(self) -> float:
        return float(np.mean([trial.mean_ap for trial in self.trials]))

    @property
    def mean_inp(self) -> float:
        return float(np.mean([trial.mean_inp for trial in self.trials]))

    def to_dict(self) -> dict[str, Any]:
        """Fractions in 0..1 in full precision; JSON can carry it."""
        curves = [trial.curve for trial in self.trials]
        longest = max(len(curve) for curve in curves)
        padded = [np.pad(curve, (0, longest - len(curve)), mode="edge") for curve in curves]
        spread = {
            "rank_1": float(np.std([trial.rank(1) for trial in self.trials], ddof=1)) if len(self.trials) > 1 else 0.0,
            "mAP": float(np.std([trial.mean_ap for trial in self.trials], ddof=1)) if len(self.trials) > 1 else 0.0,
        }
        return {
            "protocol": {**asdict(self.protocol), **self.setting, "metric": str(self.metric)},
            "cmc": {str(k): self.rank(k) for k in RANKS},
            "curve": np.mean(padded, axis=0).tolist(),
            "mAP": self.mean_ap,
            "mINP": self.mean_inp,
            "spread": spread,
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

    @property
    def title(self) -> str:
        p, first = self.protocol, self.trials[0]
        setting = " ".join(f"{key}={value}" for key, value in self.setting.items())
        return (
            f"{p.name} {setting} metric={self.metric} selection={p.selection} cmc={p.cmc} ap={p.ap} denominator={p.denominator}"
            f" indoor_probes={','.join(map(str, p.indoor_probes))} trials={len(self.trials)}\n"
            f"{first.queries} queries, {first.valid_queries} valid, {first.gallery_rows} gallery rows, {first.gallery_identities} identities"
        )


COLUMNS = ("trial", *(f"R{k}" for k in RANKS), "mAP", "mINP")


def _percent(*fractions: float) -> list[str]:
    return [f"{100 * fraction:.2f}" for fraction in fractions]


def _counts(trial: Measures) -> dict[str, int]:
    return {
        "queries": trial.queries,
        "valid_queries": trial.valid_queries,
        "gallery_rows": trial.gallery_rows,
        "gallery_identities": trial.gallery_identities,
    }


def _trial(trial: Measures) -> dict[str, Any]:
    return {
        "cmc": {str(k): trial.rank(k) for k in RANKS},
        "curve": trial.curve.tolist(),
        "mAP": trial.mean_ap,
        "mINP": trial.mean_inp,
        **_counts(trial),
    }
