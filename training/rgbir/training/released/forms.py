"""How authors publish their weights: which of their tensors is which of ours.

Each table was compared with the authors' program: with the same weights both give the same embeddings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rgbir.index import did_you_mean, listed
from rgbir.training.errors import BadRecipe

_INSIDE = {"g": "g.0", "w": "W.0", "bn": "W.1", "theta": "theta", "phi": "phi"}
"""The parts of a non-local block, ours and theirs."""
_BLOCK = re.compile(r"stage(\d)_block(\d+)\.(\w+)\.(\w+)")
_RESNET = r"(conv1|bn1|layer[1-4]|fc)\."


@dataclass(frozen=True, slots=True)
class Release:
    """What a method's authors published.

    Attributes:
        method: ours with the same network.
        source: whose program wrote the file.
        licence: of that program, for the card; how it came to be known is on the method's page.
        modules: names of the file's dictionaries, one for each module; none where one dictionary holds the network.
        names: what our tensors' names begin with, and what theirs may begin with instead.
        blocks: what the names of our non-local blocks begin with, and of theirs.
        classifier: their tensor that has a row for each person.
        unused: the names of theirs that lie in the file and are read by none of their forward passes.
        without_blocks: the variant that a file without non-local blocks is.
    """

    method: str
    source: str
    licence: str
    modules: tuple[str, ...]
    names: Mapping[str, tuple[str, ...]]
    classifier: str
    unused: re.Pattern[str]
    blocks: tuple[str, str] | None = None
    without_blocks: str | None = None

    def translated(self, ours: Iterable[str], theirs: Iterable[str]) -> dict[str, str]:
        """Their name for each of our tensors, whether the file has it or not.

        Args:
            ours: all names of our network's tensors.
            theirs: all names of the file's, which settle how a name begins that has begun differently over time.

        Raises:
            KeyError: a tensor of ours that the table doesn't know.
        """
        known, names = set(theirs), list(ours)
        places: dict[str, list[int]] = {}
        for stage, block in {match.groups()[:2] for match in map(_BLOCK.search, names) if match}:
            places.setdefault(stage, []).append(int(block))
        return {name: self._translated(name, known, places) for name in names}

    def _translated(self, name: str, known: set[str], places: Mapping[str, list[int]]) -> str:
        if self.blocks and name.startswith(self.blocks[0]) and (match := _BLOCK.fullmatch(name[len(self.blocks[0]) :])):
            stage, block, part, tensor = match.groups()
            return f"{self.blocks[1]}NL_{stage}.{sorted(places[stage]).index(int(block))}.{_INSIDE[part]}.{tensor}"
        for begin, candidates in self.names.items():
            if name.startswith(begin):
                possible = [candidate + name.removeprefix(begin) for candidate in candidates]
                return next((other for other in possible if other in known), possible[0])
        raise KeyError(name)


RELEASES: dict[str, Release] = {
    "agw": Release(
        method="agw",
        source="mangye16/Cross-Modal-Re-ID-baseline",
        licence="MIT",
        modules=(),
        names={
            "streams.own.rgb.part.": ("visible_module.visible.",),
            "streams.own.ir.part.": ("thermal_module.thermal.",),
            "streams.shared.part.": ("base_resnet.base.",),
            "neck.": ("bottleneck.",),
            "classifier.": ("classifier.",),
        },
        classifier="classifier.weight",
        unused=re.compile(r"(visible_module\.visible|thermal_module\.thermal|base_resnet\.base)\." + _RESNET),
        blocks=("streams.shared.after.", ""),
        without_blocks="base-official-code",
    ),
    "expat": Release(
        method="expat",
        source="prismformore/expAT",
        licence="non-commercial (CC BY-NC 4.0)",
        modules=("feature_generator", "feature_embedder_rgb", "feature_embedder_ir", "id_classifier"),
        names={
            "backbone.": ("feature_generator.base.base.", "feature_generator.base."),
            "csbn.rgb.": ("feature_embedder_rgb.bottleneck.",),
            "csbn.ir.": ("feature_embedder_ir.bottleneck.",),
            "classifier.": ("id_classifier.classifier.",),
        },
        classifier="id_classifier.classifier.weight",
        unused=re.compile(r"feature_generator\.base\.(base\.)?fc\."),
    ),
    "lccrf": Release(
        method="lccrf",
        source="IVIPLab/LCCRF",
        licence="none stated: ask its authors",
        modules=("feature_rgb_generator", "feature_ir_generator", "feature_embedder", "id_classifier"),
        names={
            "stem.rgb.part.": ("feature_rgb_generator.base.",),
            "stem.ir.part.": ("feature_ir_generator.base.",),
            "trunk.part.": ("feature_embedder.base.",),
            "neck.": ("feature_embedder.bottleneck.",),
            "classifier.2.": ("id_classifier.classifier.",),
        },
        classifier="id_classifier.classifier.weight",
        unused=re.compile(r"feature_(rgb_generator|ir_generator|embedder)\.base\." + _RESNET),
        blocks=("trunk.after.", "feature_embedder."),
    ),
}


def release(name: str) -> Release:
    """The release of that name.

    Raises:
        BadRecipe: none is known.
    """
    if name not in RELEASES:
        hint = did_you_mean(name, RELEASES) or f"; there are {listed(RELEASES)}"
        raise BadRecipe(f"no released checkpoints are known as {name!r}{hint}")
    return RELEASES[name]
