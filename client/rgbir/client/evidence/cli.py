"""`rgbir evidence …`: a case from a server, and whether a ZIP is what was written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from rgbir.client.casework import Evidence, Language, Paper, Report
from rgbir.client.client import Client
from rgbir.client.commands import CaOption, KeyOption, UrlOption
from rgbir.client.download import written
from rgbir.client.evidence.manifest import grouped
from rgbir.client.evidence.verify import UNSIGNED, Verified
from rgbir.client.evidence.verify import verify as verified
from rgbir.client.output import Answer, remark

evidence = typer.Typer(
    help="Get a case as evidence, and verify what somebody else got.", no_args_is_help=True, add_completion=False
)
CaseArgument = Annotated[str, typer.Argument(help="The case's number, or its id.")]
OutOption = Annotated[Path, typer.Option(help="The file to write; it isn't there yet.")]
LanguageOption = Annotated[Language, typer.Option(help="Of the report.")]
PaperOption = Annotated[Paper, typer.Option(help="That the report is printed on.")]
ZoneOption = Annotated[str, typer.Option(help="Whose clocks the report shows, such as Europe/Berlin.")]


@dataclass(frozen=True, slots=True)
class NewKey:
    """A pair of keys that was made.

    Attributes:
        private: the file that signs; it stays with the server.
        public: the file that whoever verifies needs.
        fingerprint: sha256 of the public key, to be compared by telephone or on paper.
    """

    private: Path
    public: Path
    fingerprint: str


@evidence.command("key")
def make_key(
    file: Annotated[Path, typer.Argument(help="Of the private key; FILE.pub becomes the public one.")],
) -> Answer[NewKey]:
    """Make a pair of keys. `rgbir serve --evidence-key FILE` signs with the private one; give FILE.pub to whoever verifies.

    Examples:
        rgbir evidence key /mnt/stick/evidence.pem
        rgbir evidence key evidence.pem --json
    """
    from rgbir.client.evidence.signing import make_pair

    public, fingerprint = make_pair(file)
    lines = [
        f"{file} signs, and nobody else may read it",
        f"{public} verifies; its fingerprint is {grouped(fingerprint)}",
    ]
    return Answer(NewKey(file, public, fingerprint), lines)


@evidence.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="The ZIP.")],
    key: Annotated[
        Path | None, typer.Option(help="The public key that it must be signed by, from whoever made it: FILE.pub.")
    ] = None,
) -> Answer[Verified]:
    """Prove that a ZIP of evidence is what was written. Exit code 1 if it isn't. No server is needed, and no network.

    Examples:
        rgbir evidence verify case-26-117.zip --key evidence.pem.pub
        rgbir evidence verify case-26-117.zip --json
    """
    public = None
    if key is not None:
        from rgbir.client.evidence.signing import read_public

        public = read_public(key)
    outcome = verified(file, public)
    for text in outcome.remarks:
        remark(text)
    return Answer(outcome, list(_told(outcome, signed_by_whom=key is not None)), 0 if outcome.whole else 1)


def _told(outcome: Verified, signed_by_whom: bool) -> list[str]:
    if not outcome.whole:
        return [f"NOT what was written: {problem}" for problem in outcome.problems]
    signature = "unsigned" if outcome.signed_by is None else f"signed by the key {grouped(outcome.signed_by)}"
    return [
        f"case {outcome.case}, made {outcome.made_at:%Y-%m-%d %H:%M} UTC by {outcome.made_by}: whole and unchanged, {signature}"
        f"{', which is the key given' if signed_by_whom else ''}",
        f"{outcome.files:,} files, {outcome.marks:,} decisions, {outcome.entries:,} entries of the audit log",
    ]


@evidence.command("get")
def get(
    case: CaseArgument,
    url: UrlOption,
    out: OutOption,
    key: KeyOption = None,
    ca: CaOption = None,
    language: LanguageOption = "en",
    paper: PaperOption = "a4",
    zone: ZoneOption = "UTC",
) -> Answer[Evidence]:
    """Write a case down as a ZIP: report, pictures, decisions, searches, log, and a manifest of all of it.

    Examples:
        rgbir evidence get 26-117 --url http://127.0.0.1:8077 --out case-26-117.zip
        rgbir evidence get 26-117 --url https://rgbir.example --key KEY --out case.zip --language de --zone Europe/Berlin
    """
    with Client(url, key=key, ca=ca) as client:
        made = client.evidence(case, out, language=language, paper=paper, zone=zone)
    if made.signed_by is None:
        remark(UNSIGNED)
    signature = "unsigned" if made.signed_by is None else f"signed by the key {grouped(made.signed_by)}"
    return Answer(made, [f"{out}: {signature}, sha256 of its manifest {made.manifest}"])


@evidence.command("report")
def report(
    case: CaseArgument,
    url: UrlOption,
    out: OutOption,
    key: KeyOption = None,
    ca: CaOption = None,
    language: LanguageOption = "en",
    paper: PaperOption = "a4",
    zone: ZoneOption = "UTC",
) -> Answer[Report]:
    """Write a case's report: one page of HTML that prints, with its pictures in it and no script.

    Examples:
        rgbir evidence report 26-117 --url http://127.0.0.1:8077 --out case-26-117.html
        rgbir evidence report 26-117 --url https://rgbir.example --key KEY --out case.html --paper letter --json
    """
    with Client(url, key=key, ca=ca) as client:
        page = client.case_report(case, language=language, paper=paper, zone=zone).encode()
    with written(out) as file:
        file.write(page)
    return Answer(Report(file=out, bytes=len(page)), [f"{out}: {len(page):,} bytes"])
