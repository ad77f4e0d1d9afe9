"""`rgbir serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
import uvicorn

from rgbir.index import Bundle
from rgbir.index.addresses import open_gallery
from rgbir.server.app import create_app
from rgbir.server.errors import BadSettings
from rgbir.server.galleries import Galleries
from rgbir.server.keys import Keyring
from rgbir.server.log import to_standard_error
from rgbir.server.settings import Settings


def serve(
    gallery: Annotated[
        str, typer.Option(help="The gallery: its folder, or milvus://HOST:PORT/NAME.", envvar="RGBIR_GALLERY")
    ],
    bundle: Annotated[Path, typer.Option(help="The model bundle it was made with.", envvar="RGBIR_BUNDLE")],
    host: Annotated[str, typer.Option(help="Address to listen on.", envvar="RGBIR_HOST")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535, envvar="RGBIR_PORT")] = 8077,
    open_to_all: Annotated[
        bool, typer.Option("--open", help="Listen beyond this machine without keys.", envvar="RGBIR_OPEN")
    ] = False,
    threads: Annotated[int | None, typer.Option(help="Threads of the model.", min=1, envvar="RGBIR_THREADS")] = None,
    device: Annotated[
        Literal["cpu", "gpu", "auto"], typer.Option(help="Where the gallery is searched.", envvar="RGBIR_DEVICE")
    ] = "auto",
    gpu_half: Annotated[bool, typer.Option(help="Embeddings as float16 on the GPU.", envvar="RGBIR_GPU_HALF")] = False,
    gpu_bytes: Annotated[
        int | None, typer.Option(help="Most bytes of GPU memory to take.", min=1, envvar="RGBIR_GPU_BYTES")
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(help="Who may do what: a file that `rgbir keys` keeps.", envvar="RGBIR_KEYS")
    ] = None,
    audit: Annotated[
        Path | None, typer.Option(help="Log every search and erasure here, chained.", envvar="RGBIR_AUDIT")
    ] = None,
    need_purpose: Annotated[
        bool, typer.Option(help="Refuse searches that don't state a purpose.", envvar="RGBIR_NEED_PURPOSE")
    ] = False,
    json_logs: Annotated[
        bool, typer.Option(help="A line of JSON for every request, on standard error.", envvar="RGBIR_JSON_LOGS")
    ] = False,
    traces: Annotated[
        bool, typer.Option(help="OpenTelemetry: send traces to OTEL_EXPORTER_OTLP_ENDPOINT.", envvar="RGBIR_TRACES")
    ] = False,
    bundles: Annotated[
        Path | None,
        typer.Option(
            help="A folder of bundles that administrators may change to while it runs.",
            envvar="RGBIR_BUNDLES",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option(help="Example queries for the page, named <camera>_….jpg.", exists=True, file_okay=False),
    ] = None,
) -> None:
    """Answer searches over HTTP, with a page to try them."""
    settings = Settings(
        gallery, bundle, host, port, open_to_all, threads,
        samples=samples, device=device, gpu_half=gpu_half, gpu_bytes=gpu_bytes,
        keys=keys, audit=audit, need_purpose=need_purpose, bundles=bundles, traces=traces,
    )  # fmt: skip
    run(settings, json_logs)


def run(settings: Settings, json_logs: bool = False) -> None:
    # Opened once before the server starts, so that what is wrong is said in one line.
    bundle, address = Galleries(settings).chosen()
    with open_gallery(address) as gallery:
        gallery.expect(Bundle(bundle).card)
        if settings.keys is not None and not Keyring(settings.keys).keys:
            raise BadSettings(
                f"{settings.keys} has no key; make one with `rgbir keys add NAME --role admin --keys {settings.keys}`"
            )
        print(
            f"{len(gallery):,} sightings, {bundle.name}; http://{settings.host}:{settings.port}/ (Ctrl-C ends it)",
            flush=True,
        )
    to_standard_error(json_logs)
    uvicorn.run(create_app(settings), host=settings.host, port=settings.port, log_level="warning", server_header=False)
