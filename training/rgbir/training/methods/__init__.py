"""The methods by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rgbir.index import did_you_mean, listed
from rgbir.training.errors import BadRecipe
from rgbir.training.method import Method
from rgbir.training.methods import (
    agw,
    base_derivative,
    bdtr,
    caj,
    cmgan,
    deen,
    dfe,
    expat,
    expat_single,
    hat,
    hcml,
    hpiln,
    hsme,
    lccrf,
    mac,
    mpanet,
    mscm,
    msr,
    saai,
    strong,
    tone,
    xiv,
)
from rgbir.training.methods import sysu_baselines as sysu
from rgbir.training.methods.published import printed
from rgbir.training.recipe import AnyRecipe, BaselineRecipe


@dataclass(frozen=True, slots=True)
class Entry:
    """A method as `rgbir methods` lists it. `variants` and `rows` are changes to the recipe.

    Attributes:
        build: makes the network of a recipe and a number of identities.
        recipe: the settings of the first variant.
        paper: its reference.
        idea: the method in a line.
        variants: changes by the variant's name; the first variant is taken if none is named.
        rows: changes by the name of a row of the paper's tables.
        published: lines with what the paper prints.
    """

    build: Callable[[Any, int], Method]
    recipe: AnyRecipe
    paper: str
    idea: str
    variants: Mapping[str, Mapping[str, Any]]
    rows: Mapping[str, Mapping[str, Any]]
    published: tuple[str, ...]

    def resolve(self, variant: str | None = None, row: str | None = None) -> AnyRecipe:
        """The recipe of a variant (the first if none is named), and of a row of one of the paper's tables.

        Raises:
            BadRecipe: no such variant or row.
        """
        changes: dict[str, Any] = {}
        for kind, name, known in (("variant", variant, self.variants), ("row", row, self.rows)):
            if name is None:
                continue
            if name not in known:
                raise BadRecipe(none_such(kind, name, known))
            changes |= known[name]
        return self.recipe.changed(changes)


def _entry(module: Any, build: Callable[[Any, int], Method], recipe: AnyRecipe) -> Entry:
    """Of a method that has a file to itself."""
    return Entry(build, recipe, module.PAPER, module.IDEA, module.VARIANTS, module.ROWS, module.PUBLISHED)


def _of_sysu(
    name: str,
    build: Callable[[Any, int], Method],
    recipe: AnyRecipe,
    rows: Mapping[str, Mapping[str, Any]] | None = None,
) -> Entry:
    """Of one of the four that came with SYSU-MM01."""
    all_rows = {f"peers.{name}": {}, **(rows or {})}
    return Entry(build, recipe, sysu.PAPER, sysu.IDEAS[name], sysu.VARIANTS, all_rows, sysu.PUBLISHED[name])


METHODS: dict[str, Entry] = {
    "expat": _entry(expat, expat.ExpAT, expat.ExpATRecipe()),
    "expat_single": _entry(expat_single, expat_single.ExpATSingle, expat_single.ExpATSingleRecipe()),
    "lccrf": _entry(lccrf, lccrf.LCCRF, lccrf.LCCRFRecipe()),
    "dfe": _entry(dfe, dfe.DFE, dfe.DFERecipe()),
    "hpiln": _entry(hpiln, hpiln.HPILN, hpiln.HPILNRecipe()),
    "base_derivative": _entry(base_derivative, base_derivative.BaseDerivative, base_derivative.BaseDerivativeRecipe()),
    "agw": _entry(agw, agw.AGW, agw.AGWRecipe()),
    "caj": _entry(caj, caj.CAJ, caj.CAJRecipe()),
    "deen": _entry(deen, deen.DEEN, deen.DEENRecipe()),
    "mpanet": _entry(mpanet, mpanet.MPANet, mpanet.MPANetRecipe()),
    "saai": _entry(saai, saai.SAAI, saai.SAAIRecipe()),
    "mscm": _entry(mscm, mscm.MSCM, mscm.MSCMRecipe()),
    "xiv": _entry(xiv, xiv.XIV, xiv.XIVRecipe()),
    "hat": _entry(hat, hat.HAT, hat.HATRecipe()),
    "mac": _entry(mac, mac.MAC, mac.MACRecipe()),
    "msr": _entry(msr, msr.MSR, msr.MSRRecipe()),
    "cmgan": _entry(cmgan, cmgan.CmGAN, cmgan.CmGANRecipe()),
    "strong": _entry(strong, strong.Strong, strong.StrongRecipe()),
    "hsme": _entry(hsme, hsme.HSME, hsme.HSMERecipe()),
    "bdtr": _entry(bdtr, bdtr.BDTR, bdtr.BDTRRecipe()),
    "tone": _entry(tone, tone.TONE, tone.ToneRecipe()),
    "hcml": _entry(hcml, hcml.HCML, hcml.HcmlRecipe()),
    "one_stream": _of_sysu("one_stream", sysu.OneStreamNetwork, BaselineRecipe()),
    "two_stream": _of_sysu("two_stream", sysu.TwoStreamNetwork, sysu.TwoStreamRecipe(), sysu.SPLITS),
    "asymmetric_fc": _of_sysu("asymmetric_fc", sysu.AsymmetricNetwork, sysu.AsymmetricRecipe()),
    "zero_padding": _of_sysu("zero_padding", sysu.ZeroPaddingNetwork, BaselineRecipe()),
}


def entry(name: str) -> Entry:
    """The method of that name.

    Raises:
        BadRecipe: there is none.
    """
    if name not in METHODS:
        raise BadRecipe(none_such("method", name, METHODS))
    return METHODS[name]


def none_such(kind: str, name: str, known: Iterable[str]) -> str:
    """A message about a name that isn't known, with the nearest one that is."""
    known = list(known)
    meant = did_you_mean(name.lower(), known)
    return f"no {kind} {name!r}{f'{meant} There' if meant else '; there'} are {listed(known)}"


def published_rows() -> Mapping[str, Mapping[str, str]]:
    """What the papers print for rows of their tables, or why nothing, by method and row. Published, never measured here."""
    return {
        name: {row: text for row in listed.rows if (text := printed(name, row))} for name, listed in METHODS.items()
    }
