"""What a server is started with."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rgbir.index import GalleryAddress, why
from rgbir.server.errors import BadSettings

MEBIBYTE = 1024 * 1024
_HOST_NAME = re.compile(r"[a-z0-9._:-]+")
_ROOT_PATH = re.compile(r"(/(?!\.)[A-Za-z0-9._~-]+)*")


@dataclass(frozen=True, slots=True)
class Settings:
    """A server's options. Their limits are for one request, where nothing else is said.

    Attributes:
        gallery: a folder, or milvus://HOST:PORT/NAME.
        bundle: the folder of the model that answers.
        host, port: where the server listens.
        open_to_all: it may listen without keys where others reach it.
        threads: of the model, in each process; the cores, divided among the workers, if None.
        workers: processes that answer together.
        runner: what computes the model, as `Runner.read` reads it.
        max_bytes: most bytes of a body, and of an image in an archive.
        max_pixels: most pixels of an image.
        max_request_pixels: most pixels of a request's images together.
        max_images: most images.
        max_top_k: most hits that may be wanted.
        max_distances: most sightings that /distances tells of.
        max_in_flight: most requests at once; further ones are refused.
        max_batch: most images in one run of the model, unless one request alone has more.
        max_waiting: most images that wait for the model.
        deadline_s: seconds that an answer may take.
        slowest_s: seconds that each step of a peer may take, such as a piece of a body.
        max_archive_bytes: most bytes of an archive to enrol.
        max_footage_bytes, max_footage_seconds: most bytes and seconds of a film to enrol.
        samples: a folder of example queries that the page offers, named `<camera>_<anything>.jpg`.
        plan: a picture of the plan that positions of cameras are on.
        reports: a folder of evaluation reports that are shown.
        detector: the folder of a detector's bundle, which finds people in whole pictures; without it the server finds nobody.
        no_retention: people are detected and enrolled though the gallery keeps for ever.
        footage: folders of recordings of which clips may be played.
        keep_footage: a folder that keeps films whose people were enrolled, for as long as the gallery keeps people.
        bundles: a folder of bundles that an administrator may change to while the server runs.
        traces: whether spans are sent for OpenTelemetry.
        device: where the gallery is searched; auto takes GPUs where there are some.
        gpu_half: embeddings as float16 there; answers stay.
        gpu_bytes: most of their memory to take.
        keys: who may do what; without it whoever reaches the server may do everything.
        key_routes: administrators may make and end keys over HTTP.
        audit: the log of searches and erasures.
        audit_heads: where its heads are noted each minute, on a medium that who can write the log can't.
        need_purpose: refuse searches that don't state one.
        cases: a folder that keeps cases, with the pictures that people decided on.
        case_days: for which a case is kept where nothing else is said.
        need_basis: each case names its legal basis.
        bases: the only ones that may be named; any if empty.
        need_approval: a second person approves a case before its first search, and nothing is searched without a case.
        erase_under_hold: two administrators together may erase what a legal hold keeps.
        evidence_key: a private key (Ed25519, PEM) that signs what cases are written down as; without it that is unsigned.
        host_names: by which it may be asked; with keys and none named, by any.
        trusted_proxies: addresses and networks whose X-Forwarded-For and X-Forwarded-Proto are believed.
        max_head_bytes: most bytes of a request's line and headers.
        max_connections: most connections at once.
        ending_s: seconds that requests have to end once the server is told to.
        root_path: the path below which a proxy shows the server to others, such as `/rgbir`; nothing where it has a host of its own.
        tls_cert, tls_key: a certificate in PEM with its intermediate ones, and its key; with them the server speaks HTTPS alone.

    Raises:
        BadSettings: cases without an audit log, or rules for cases without any; a host that others can reach, without `open_to_all`; heads of an audit log without one; a host name or a proxy
            that is none; a root path that is none; a certificate without a key, or a key without a certificate.
    """

    gallery: str | Path
    bundle: Path
    host: str = "127.0.0.1"
    port: int = 8077
    open_to_all: bool = False
    threads: int | None = None
    runner: str = "onnxruntime"
    max_bytes: int = 32 * MEBIBYTE
    max_pixels: int = 24_000_000
    max_request_pixels: int = 300_000_000
    max_images: int = 32
    max_top_k: int = 1000
    max_distances: int = 100_000
    max_in_flight: int = 64
    max_batch: int = 16
    max_waiting: int = 256
    deadline_s: float = 30.0
    slowest_s: float = 20.0
    max_archive_bytes: int = 4096 * MEBIBYTE
    max_footage_bytes: int = 8192 * MEBIBYTE
    max_footage_seconds: float = 6 * 3600.0
    samples: Path | None = None
    plan: Path | None = None
    reports: Path | None = None
    bundles: Path | None = None
    detector: Path | None = None
    no_retention: bool = False
    footage: tuple[Path, ...] = ()
    keep_footage: Path | None = None
    traces: bool = False
    device: Literal["cpu", "gpu", "auto"] = "auto"
    gpu_half: bool = False
    gpu_bytes: int | None = None
    keys: Path | None = None
    key_routes: bool = True
    audit: Path | None = None
    audit_heads: Path | None = None
    need_purpose: bool = False
    cases: Path | None = None
    case_days: int = 180
    need_basis: bool = False
    bases: tuple[str, ...] = ()
    need_approval: bool = False
    erase_under_hold: bool = False
    evidence_key: Path | None = None
    host_names: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    max_head_bytes: int = 65_536
    max_connections: int = 1024
    ending_s: int = 20
    root_path: str = ""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    workers: int = 1

    def __post_init__(self) -> None:
        if self.workers > 1:
            self._expect_shareable()
        if self.audit_heads is not None and self.audit is None:
            raise BadSettings("--audit-heads notes heads of an audit log; start the server with --audit FILE, too")
        if self.cases is None and (self.need_basis or self.bases or self.need_approval or self.erase_under_hold):
            raise BadSettings(
                "--need-basis, --basis, --need-approval and --erase-under-hold are rules for cases; start the server with --cases FOLDER, too"
            )
        if self.cases is None and self.evidence_key is not None:
            raise BadSettings(
                "--evidence-key signs what cases are written down as; start the server with --cases FOLDER, too"
            )
        if self.cases is not None and self.audit is None:
            raise BadSettings(
                "--cases keeps what people decided, and who did what is in the audit log; start the server with --audit FILE, too"
            )
        if (self.need_approval or self.erase_under_hold) and self.keys is None:
            raise BadSettings(
                f"{'--need-approval' if self.need_approval else '--erase-under-hold'} asks for a second person, and without keys nobody can be told from another; give --keys FILE, too"
            )
        if (self.tls_cert is None) != (self.tls_key is None):
            alone, other = ("--tls-cert", "--tls-key") if self.tls_key is None else ("--tls-key", "--tls-cert")
            raise BadSettings(f"{alone} is half of a pair; give {other} FILE, too, or leave both out for plain HTTP")
        if not _ROOT_PATH.fullmatch(self.root_path):
            raise BadSettings(
                f"--root-path begins with a slash, ends without one, and has letters, digits and ._~- between them, such as /rgbir; not"
                f" {self.root_path!r}"
            )
        for name in self.host_names:
            if not _HOST_NAME.fullmatch(name):
                raise BadSettings(f"--host-name is a name or an address without a port, in small letters, not {name!r}")
        for proxy in self.trusted_proxies:
            try:
                ipaddress.ip_network(proxy)
            except ValueError as error:
                raise BadSettings(
                    f"--trusted-proxy is an address or a network such as 10.0.0.0/8: {why(error)}"
                ) from None
        if self.keys is None and not self.open_to_all and not loopback(self.host):
            raise BadSettings(
                f"the server has no keys, so it listens on this machine only; {self.host} can be reached by others:"
                " make keys (`rgbir keys add … --keys FILE`) and start it with --keys, or say --open if everyone who reaches it may do"
                " everything"
            )

    def _expect_shareable(self) -> None:
        """Refuses what several workers can't do rightly.

        Raises:
            BadSettings: that is wanted.
        """
        alone = f"leave --workers {self.workers} out, or"
        if GalleryAddress.of(self.gallery).in_milvus:
            raise BadSettings(
                f"{alone} start several servers: a gallery in Milvus is shared by servers, not by workers"
            )
        if self.bundles is not None:
            raise BadSettings(f"{alone} leave --bundles out: the model is changed for one process only")
        if self.device == "gpu" or self.gpu_half or self.gpu_bytes is not None:
            raise BadSettings(
                f"{alone} leave --device gpu, --gpu-half and --gpu-bytes out: a GPU holds the gallery for one process only"
            )
        if self.max_waiting // self.workers < self.max_images:
            raise BadSettings(
                f"--max-waiting is divided among the workers, and {self.max_waiting} // {self.workers} is fewer than the"
                f" {self.max_images} images that a request may have; raise it, or lower --max-images or --workers"
            )


def loopback(host: str) -> bool:
    """Whether that name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
