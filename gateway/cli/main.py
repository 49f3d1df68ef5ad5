"""The `jasho` command, for people who run the service. Each subcommand says in one line what is wrong, and exits 1."""

import socket
from pathlib import Path

import click

import core
import gateway
from core import chores, inventory, migrations
from core import demo as demo_people
from core.ledger import tariffs as tariff_tables
from core.ledger.proof import SealName
from core.runtime import Runtime
from gateway import log_file, logs, wiring, worker
from gateway.cli import address, backups, books, embedded, schema
from gateway.cli.command import Failure, OneLine, begin_without_owners, configured, read_settings, run, until_stopped
from gateway.cli.dial import converse
from gateway.cli.doctor.command import doctor
from gateway.cli.serve import prepare, serve
from gateway.cli.staff import agents, claims, jobs, switches
from gateway.cli.texting import text
from menus import draw
from menus.lint import lint
from menus.screens import SCREENS


@click.group(cls=OneLine, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(core.__version__, prog_name="jasho", message="%(prog)s %(version)s")
def main() -> None:
    """Jasho: money, savings, work and cover for people with a feature phone."""
    log_file.hold_standard_files()


main.add_command(serve)
main.add_command(doctor)


@main.command("worker")
@click.option("--check", is_flag=True, help="Only say whether a worker of this machine works; exit 1 where none does.")
def work(check: bool) -> None:
    """Runs the background worker alone. `serve` runs one too, unless --no-worker."""
    if check:
        with configured() as settings:
            click.echo(run(settings, _check_worker))
        return
    begin_without_owners()
    with until_stopped(), configured() as settings:
        if not settings.is_local:
            schema.check(settings)
        run(settings, _work)


@main.command()
def migrate() -> None:
    """Brings the database to the newest schema."""
    with configured() as settings:
        version = schema.migrate(settings)
        if version == migrations.newest():
            click.echo("The database is at the newest schema.")
        else:
            click.echo(f"The database is at version {version}, ahead of this release, which may run on it. Nothing was changed.")


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
def forget() -> None:
    """Deletes this checkout's local data. Refused while a service works with them."""
    try:
        embedded.forget()
    except embedded.InUse as error:
        raise Failure("a service or a command works with the local data: stop it first") from error
    except (embedded.CannotStart, OSError) as error:
        raise Failure(f"the local data could not be deleted: {error}") from error
    click.echo("The local data are deleted.")


@main.command()
@click.argument("code")
@click.option("--phone", required=True, help="The number that dials, for example 0711000001.")
@click.option("--url", default=address.find, help="Where the service runs, unless it is this checkout's.")
def dial(code: str, phone: str, url: str) -> None:
    """A phone in the terminal: shows screens, takes input. CODE is what you would dial, for example '*384*96#'."""
    try:
        converse(read_settings(), code, phone, url)
    except (ValueError, OSError) as error:
        raise Failure(str(error)) from error


@main.command()
@click.argument("message")
@click.option("--phone", required=True, help="The number that sends, for example 0711000001.")
@click.option("--url", default=address.find, help="Where the service runs, unless it is this checkout's.")
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
@click.option("--since", metavar="SEAL", help="The last seal that an earlier proof named: what it covers is not proved again.")
def verify(since: str | None) -> None:
    """Proves every invariant of the books. Exits 1 with the finding where one is broken."""
    try:
        seal = None if since is None else SealName.parse(since)
    except ValueError as error:
        raise Failure(str(error)) from error
    with configured() as settings:
        click.echo(books.prove(settings, seal))


@main.group()
def tariffs() -> None:
    """What transfers cost."""


@tariffs.command("check")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check_tariffs(file: Path | None) -> None:
    """Reads a tariff file and says what is wrong with it. The service's own, if none is named."""
    try:
        table = tariff_tables.read((file or tariff_tables.FILE).read_text())
    except (tariff_tables.BadTariffs, UnicodeDecodeError) as error:
        raise Failure("; ".join(str(error).splitlines())) from error
    for tariff in table:
        click.echo(f"{tariff.kind} in {tariff.currency} from {tariff.starts}: {len(tariff.bands)} bands, up to {tariff.most}")


main.add_command(backups.backup)
main.add_command(backups.restore)
main.add_command(backups.keep)
main.add_command(agents.agent)
main.add_command(agents.float_)
main.add_command(claims.claims)
main.add_command(jobs.jobs)
main.add_command(switches.switch)
main.add_command(switches.banner)


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


async def _work(runtime: Runtime) -> None:
    logs.configure(runtime.settings, "worker")
    logs.tell_start(runtime.settings)
    if runtime.settings.is_local:
        click.echo("The worker runs. Ctrl-C stops it.")
    await worker.work(runtime, wiring.sms_pool(runtime.settings, runtime.switches))


async def _check_worker(runtime: Runtime) -> str:
    async with runtime.database.autocommit() as connection:
        since = await chores.since_beat(connection, socket.gethostname())
    if since is None or since > chores.LATE:
        ended = "" if since is None else f": the last did {since.total_seconds():.0f} s ago"
        raise Failure(f"no worker of this machine works{ended}")
    return "A worker of this machine works."
