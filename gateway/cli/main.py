"""The `jasho` command, for people who run the service. Each subcommand says in one line what is wrong, and exits 1."""

import socket
import sys
from pathlib import Path

import click
import uvicorn
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError

import core
import gateway
from core import demo as demo_people
from core import features, inventory, migrations
from core.db import engine_url
from core.ledger import audit
from core.ledger import tariffs as tariff_tables
from core.runtime import Runtime
from core.settings import Settings, hand_down
from gateway import logs, wiring, worker
from gateway.cli.command import Failure, OneLine, configured, first_line, read_settings, run
from gateway.cli.dial import converse
from gateway.cli.staff import agents, claims, jobs
from gateway.cli.texting import text
from menus import draw
from menus.lint import lint
from menus.screens import SCREENS


@click.group(cls=OneLine, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(core.__version__, prog_name="jasho", message="%(prog)s %(version)s")
def main() -> None:
    """Jasho: money, savings, work and cover for people with a feature phone."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes that answer requests.")
@click.option("--no-worker", is_flag=True, help="Leave the outbox to `jasho worker`.")
def serve(host: str, port: int, workers: int, no_worker: bool) -> None:
    """Serves. With no database or Redis configured it starts the embedded ones."""
    _check_port(host, port)
    with configured() as settings:
        if settings.is_local:
            prepare(settings)
        elif not _is_current(settings.database_url):
            raise Failure("the database is not at this version's schema: run `jasho migrate` first")
        hand_down(settings)
        _say_where(settings, f"http://{host}:{port}")
        uvicorn.run(
            "gateway.app:create_without_worker" if no_worker else "gateway.app:create",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            loop="uvloop",
            http="httptools",
            # The callback's address holds its secret.
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=10,
        )


@main.command("worker")
def work() -> None:
    """Runs the background worker alone (`serve` runs one too, unless --no-worker)."""
    with configured() as settings:
        logs.configure(settings)
        run(settings, _work)


@main.command()
def migrate() -> None:
    """Brings the database to the newest schema."""
    with configured() as settings:
        _migrate(settings)
        click.echo("The database is at the newest schema.")


@main.command()
def demo() -> None:
    """Loads the demo people. Twice is harmless; refused in production."""
    with configured() as settings:
        if not settings.is_local:
            raise Failure("the demo people's PIN is public: they are not for production")
        prepare(settings)
        for person in demo_people.PEOPLE:
            click.echo(f"{person.phone}  {person.name}")
        click.echo("Their PIN is in the README.")


@main.command()
@click.argument("code")
@click.option("--phone", required=True, help="The number that dials, for example 0711000001.")
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Where the service runs.")
def dial(code: str, phone: str, url: str) -> None:
    """A phone in the terminal: shows screens, takes input. CODE is what you would dial, for example '*384*96#'."""
    try:
        converse(read_settings(), code, phone, url)
    except (ValueError, OSError) as error:
        raise Failure(str(error)) from error


@main.command()
@click.argument("message")
@click.option("--phone", required=True, help="The number that sends, for example 0711000001.")
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Where the service runs.")
def sms(message: str, phone: str, url: str) -> None:
    """Sends an SMS as a phone and prints what comes back. MESSAGE is what you would write, for example BAL."""
    try:
        text(read_settings(), message, phone, url)
    except (ValueError, OSError) as error:
        raise Failure(str(error)) from error


@main.group()
def ledger() -> None:
    """The books."""


@ledger.command()
def verify() -> None:
    """Proves the books: every invariant; exits 1 with the finding where one is broken."""
    with configured() as settings:
        report = run(settings, _verify)
    for invariant, finding in report.findings:
        click.echo(f"broken: {invariant}: {finding}", err=True)
    if report.findings:
        raise Failure("the books do not hold")
    counted = f"{report.transfers} transfers ({report.sealed} sealed) and {report.postings} postings"
    click.echo(f"The books hold: {report.invariants} invariants over {counted}.")


@main.group()
def tariffs() -> None:
    """What transfers cost."""


@tariffs.command("check")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check_tariffs(file: Path | None) -> None:
    """Reads a tariff file (the service's own, if none is named) and says what is wrong with it."""
    try:
        table = tariff_tables.read((file or tariff_tables.FILE).read_text())
    except (tariff_tables.BadTariffs, UnicodeDecodeError) as error:
        raise Failure("; ".join(str(error).splitlines())) from error
    for tariff in table:
        click.echo(f"{tariff.kind} in {tariff.currency} from {tariff.starts}: {len(tariff.bands)} bands, up to {tariff.most}")


main.add_command(agents.agent)
main.add_command(agents.float_)
main.add_command(claims.claims)
main.add_command(jobs.jobs)


@main.group()
def menus() -> None:
    """The menus."""


@menus.command("lint")
def lint_menus() -> None:
    """Checks every screen in every language."""
    findings = lint(sms=inventory.list_texts(gateway))
    for finding in findings:
        click.echo(finding, err=True)
    if findings:
        raise Failure(f"{len(findings)} findings in the menus")
    click.echo(f"{len(SCREENS)} screens are well in every language.")


@menus.command()
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Write a picture there instead.")
def graph(svg: Path | None) -> None:
    """Draws the menus, as Mermaid."""
    if svg is None:
        click.echo(draw.mermaid(), nl=False)
        return
    try:
        svg.write_text(draw.svg())
    except OSError as error:
        raise Failure(f"cannot write {svg}: {error.strerror}") from error


def prepare(settings: Settings) -> None:
    """Brings a developer's machine to the newest schema and loads the demo people."""
    _migrate(settings)
    run(settings, demo_people.create_people)


def _migrate(settings: Settings) -> None:
    try:
        migrations.migrate(settings.database_url)
    except SQLAlchemyError as error:
        raise Failure(f"the database could not be migrated: {first_line(error)}") from error
    except migrations.Blocked as error:
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


async def _work(runtime: Runtime) -> None:
    click.echo("The worker runs. Ctrl-C stops it.")
    await worker.work(runtime, wiring.sms_pool(runtime.settings))


async def _verify(runtime: Runtime) -> audit.AuditReport:
    async with runtime.database.transaction() as connection:
        return await audit.verify(connection, _show_progress, features.CHECKS)


def _show_progress(invariant: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"  {invariant} ...", err=True)


def _check_port(host: str, port: int) -> None:
    """It runs before anything is started, so that the error is one line."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise Failure(
                f"cannot serve on {host}:{port} ({reason}): choose another with --port, or PORT=... make run"
            ) from error


def _say_where(settings: Settings, url: str) -> None:
    click.echo(f"Jasho serves on {url}. Ctrl-C stops it.")
    if settings.is_local:
        click.echo(f"  {url}/simulator  a feature phone in the browser")
        click.echo(f"  .venv/bin/jasho dial '{settings.service_code}' --phone 0711000001 --url {url}  the same in a terminal")
        click.echo("  Demo people and their PIN: README.md.")
