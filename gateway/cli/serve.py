"""`jasho serve`: prepares a developer's database, and serves until it is stopped."""

import signal
import socket
from contextlib import nullcontext
from dataclasses import replace

import click
import psycopg
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError
from uvicorn.supervisors.multiprocess import Multiprocess

from core import demo as demo_people
from core import migrations
from core.db import engine_url
from core.migrations import logins
from core.settings import Settings, hand_down
from gateway import logs
from gateway.cli import address, embedded, web
from gateway.cli.command import Failure, configured, first_line, run, until_stopped


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes that answer requests.")
@click.option("--no-worker", is_flag=True, help="Leave the outbox and all duties to `jasho worker`.")
def serve(host: str, port: int, workers: int, no_worker: bool) -> None:
    """Serves phones, SMS and the API. With no database or Redis configured it starts the embedded ones."""
    _check_port(host, port)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        # A closed terminal stops several processes too, where uvicorn would start them anew.
        Multiprocess.handle_hup = Multiprocess.handle_term  # type: ignore[method-assign]
    with until_stopped(), configured() as settings:
        if settings.is_local:
            prepare(settings)
        elif not _is_current(settings.database_url):
            raise Failure("the database is not at this version's schema: run `jasho migrate` first")
        # No process that answers strangers needs the owner's address.
        hand_down(replace(settings, migrate_database_url=""))
        logs.configure(settings)
        url = f"http://{host}:{port}"
        # Another database's service is not the one that a terminal in this checkout means.
        with address.kept(url) if embedded.serves(settings.database_url) else nullcontext():
            _say_where(settings, url)
            web.serve(host, port, workers=workers, with_worker=not no_worker)


def prepare(settings: Settings) -> None:
    """Brings a developer's machine to the newest schema and loads the demo people."""
    bring_up_to_date(settings)
    run(settings, demo_people.create_people)


def bring_up_to_date(settings: Settings) -> None:
    """As the owner. Where the service has a login of its own, it is made too."""
    owner_url = settings.migrate_database_url or settings.database_url
    try:
        migrations.migrate(owner_url)
        if settings.migrate_database_url:
            logins.align(owner_url, settings.database_url)
    except (SQLAlchemyError, psycopg.Error) as error:
        raise Failure(f"the database could not be migrated: {first_line(error)}") from error
    except (migrations.Blocked, logins.NoLogin) as error:
        raise Failure(f"the database could not be migrated: {error}") from error


def _is_current(database_url: str) -> bool:
    engine = create_engine(engine_url(database_url))
    try:
        with engine.connect() as connection:
            return migrations.is_current(connection)
    except SQLAlchemyError as error:
        raise Failure(f"the database does not answer: {first_line(error)}") from error
    finally:
        engine.dispose()


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
    click.echo(f"Jasho serves on {url}. Ctrl-C stops it.")
    if settings.is_local:
        click.echo(f"  {url}/simulator  a feature phone in the browser")
        click.echo(f"  .venv/bin/jasho dial '{settings.service_code}' --phone 0711000001  the same in a terminal")
        click.echo("  Demo people and their PIN: README.md.")
