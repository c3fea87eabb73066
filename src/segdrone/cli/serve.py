"""`segdrone serve`: models as a service. Everything is imported at run time, so that --help is fast."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from segdrone.errors import ConfigError
from segdrone.serve.settings import OPTIONS, ModelFile, ServeSettings


def serve(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL", help="Exported models or checkpoints: PATH, or NAME=PATH (default: the stem)."),
    ],
    host: Annotated[str, typer.Option(help=OPTIONS["host"])] = ServeSettings.host,
    port: Annotated[int, typer.Option(help=OPTIONS["port"])] = ServeSettings.port,
    device: Annotated[str, typer.Option(help=OPTIONS["device"])] = ServeSettings.device,
    workers: Annotated[int, typer.Option(help=OPTIONS["workers"])] = ServeSettings.workers,
    spool: Annotated[Path | None, typer.Option(help=OPTIONS["spool"])] = ServeSettings.spool,
    max_megabytes: Annotated[float, typer.Option(help=OPTIONS["max_megabytes"])] = ServeSettings.max_megabytes,
    max_megapixels: Annotated[float, typer.Option(help=OPTIONS["max_megapixels"])] = ServeSettings.max_megapixels,
    max_queue: Annotated[int, typer.Option(help=OPTIONS["max_queue"])] = ServeSettings.max_queue,
    timeout: Annotated[float, typer.Option(help=OPTIONS["timeout"])] = ServeSettings.timeout,
    upload_timeout: Annotated[float, typer.Option(help=OPTIONS["upload_timeout"])] = ServeSettings.upload_timeout,
    jobs: Annotated[Path | None, typer.Option(help=OPTIONS["jobs"])] = ServeSettings.jobs,
    job_workers: Annotated[int, typer.Option(help=OPTIONS["job_workers"])] = ServeSettings.job_workers,
    max_jobs: Annotated[int, typer.Option(help=OPTIONS["max_jobs"])] = ServeSettings.max_jobs,
    max_job_megabytes: Annotated[
        float, typer.Option(help=OPTIONS["max_job_megabytes"])
    ] = ServeSettings.max_job_megabytes,
    job_hours: Annotated[float, typer.Option(help=OPTIONS["job_hours"])] = ServeSettings.job_hours,
    job_upload_timeout: Annotated[
        float, typer.Option(help=OPTIONS["job_upload_timeout"])
    ] = ServeSettings.job_upload_timeout,
    keep_hours: Annotated[float, typer.Option(help=OPTIONS["keep_hours"])] = ServeSettings.keep_hours,
    statistics: Annotated[Path | None, typer.Option(help=OPTIONS["statistics"])] = ServeSettings.statistics,
    per_client: Annotated[int, typer.Option(help=OPTIONS["per_client"])] = ServeSettings.per_client,
    token_file: Annotated[Path | None, typer.Option(help=OPTIONS["token_file"])] = ServeSettings.token_file,
    no_auth: Annotated[bool, typer.Option("--no-auth", help=OPTIONS["no_auth"])] = ServeSettings.no_auth,
    cors: Annotated[list[str] | None, typer.Option(metavar="ORIGIN", help=OPTIONS["cors"])] = None,
    label_studio: Annotated[
        str | None, typer.Option(metavar="URL", help=OPTIONS["label_studio"])
    ] = ServeSettings.label_studio,
) -> None:
    r"""Serve models over HTTP, and as a web page: photographs in, masks out.

    For example:

        segdrone serve best.onnx
        segdrone serve best.onnx careful=best.ckpt --workers 2
        segdrone serve best.onnx --host 0.0.0.0 --token-file tokens.txt --jobs jobs

        curl --data-binary @photograph.jpg -H 'Content-Type: image/jpeg' \
            -H 'Accept: image/png' -o mask.png http://127.0.0.1:8000/v1/segment

    The answer has the bytes that segdrone predict writes. docs/serve.md and
    /docs of the service describe the API. A line of JSON for each request goes
    to stdout; it holds neither photographs nor their names or places.

    SIGTERM and Ctrl+C let requests that have begun end first (exit code 0); a
    second Ctrl+C ends at once (130). Exit code 2 if it cannot start.
    """
    settings = ServeSettings(
        [ModelFile.parse(model) for model in models],
        host=host, port=port, device=device, workers=workers, spool=spool, max_megabytes=max_megabytes,
        max_megapixels=max_megapixels, max_queue=max_queue, timeout=timeout, upload_timeout=upload_timeout, jobs=jobs,
        job_workers=job_workers, max_jobs=max_jobs, max_job_megabytes=max_job_megabytes, job_hours=job_hours,
        job_upload_timeout=job_upload_timeout, keep_hours=keep_hours, statistics=statistics,
        per_client=per_client, token_file=token_file, no_auth=no_auth, cors=tuple(cors or ()),
        label_studio=label_studio,
    )  # fmt: skip
    try:
        from segdrone.serve.app import create_app, start_service
        from segdrone.serve.server import bound_socket, exit_on_sigterm, log_requests, make_server
    except ModuleNotFoundError as error:
        raise ConfigError(f"segdrone serve needs {error.name}: pip install 'segdrone[serve]'") from None

    try:
        with exit_on_sigterm(), bound_socket(settings) as listener, start_service(settings) as service:
            server = make_server(create_app(service), service.pool.drain)
            log_requests()
            address = f"[{host}]" if ":" in host else host
            names = ", ".join(service.models.files)
            print(f"serving {names} on http://{address}:{listener.getsockname()[1]}/", file=sys.stderr, flush=True)
            try:
                server.run([listener])
            except KeyboardInterrupt:  # the second one
                service.kill()
                raise
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise typer.Exit(130) from None
