"""`jasho serve`: prepares a developer's database, and serves until it is stopped."""

import signal
import socket
from contextlib import nullcontext

import click
import structlog
from uvicorn.supervisors.multiprocess import Multiprocess

from core import demo as demo_people
from core.runtime import Runtime
from core.settings import Settings, hand_down
from gateway import logs
from gateway.cli import address, embedded, schema, web
from gateway.cli.command import Failure, begin_without_owners, configured, run, until_stopped

log = structlog.get_logger()


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes that answer requests.")
@click.option("--no-worker", is_flag=True, help="Leave the outbox and all duties to `jasho worker`.")
def serve(host: str, port: int, workers: int, no_worker: bool) -> None:
    """Serves phones, SMS and the API. With no database or Redis configured it starts the embedded ones."""
    begin_without_owners()
    _check_port(host, port)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        # A closed terminal stops several processes too, where uvicorn would start them anew.
        Multiprocess.handle_hup = Multiprocess.handle_term  # type: ignore[method-assign]
    with until_stopped(), configured() as settings:
        if settings.is_local:
            prepare(settings)
        else:
            schema.check(settings)
            run(settings, _do_nothing)
        logs.configure(settings, "web")
        hand_down(settings)
        url = f"http://{host}:{port}"
        # Another database's service is not the one that a terminal in this checkout means.
        with web.signals_held(), address.kept(url) if embedded.serves(settings.database_url) else nullcontext():
            _say_where(settings, url)
            web.serve(host, port, workers=workers, with_worker=not no_worker)


async def _do_nothing(_: Runtime) -> None:
    """`run` looks at the pepper and the data key before any work, and that is all of it."""


def prepare(settings: Settings) -> None:
    """Brings a developer's machine to the newest schema and loads the demo people."""
    schema.migrate(settings)
    run(settings, demo_people.create_people)


def _check_port(host: str, port: int) -> None:
    """It runs before anything is started, so that the error is one line."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise Failure(
                f"cannot serve on {host}:{port} ({reason}): choose another with --port, or PORT=... make run"
            ) from error


def _say_where(settings: Settings, url: str) -> None:
    if settings.is_local:
        click.echo(f"Jasho serves on {url}. Ctrl-C stops it.")
        click.echo(f"  {url}/simulator  a feature phone in the browser")
        click.echo(f"  .venv/bin/jasho dial '{settings.service_code}' --phone 0711000001  the same in a terminal")
        click.echo("  Demo people and their PIN: README.md.")
    else:
        log.info("the service listens", url=url)
