"""Staff switch features, rails, providers and channels off and on: `jasho switch`. `jasho banner` writes above the first menu."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from core import clock, reading
from core.countries import COUNTRIES
from core.db import Database
from core.i18n import LANGUAGES
from core.operations import board
from core.operations.board import Banner, Board, Change
from core.runtime import Runtime
from core.settings import Settings
from gateway import wiring
from gateway.cli.command import Failure, configured, run
from gateway.cli.staff import words
from menus import home

_MOST_WHY_CHARACTERS = 200
_TIMES = ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d")


@click.group("switch")
def switch() -> None:
    """Turns features, rails, providers and channels off and on."""


@switch.command()
@click.argument("name")
@click.option("--why", required=True, metavar="TEXT", help="For colleagues: what is the matter.")
@click.option("--by", required=True, metavar="NAME", help="Who in the office does it.")
def off(name: str, why: str, by: str) -> None:
    """Switches NAME off, for all processes within 5 seconds. Money that is on its way arrives or comes back."""
    reason = reading.tidy(why)
    if not reason.isprintable() or not 0 < len(reason) <= _MOST_WHY_CHARACTERS:
        raise Failure(f"--why is a line of text, {_MOST_WHY_CHARACTERS} characters at most")
    _turn(name, by, is_off=True, why=reason)


@switch.command()
@click.argument("name")
@click.option("--by", required=True, metavar="NAME", help="Who in the office does it.")
def on(name: str, by: str) -> None:
    """Switches NAME on again."""
    _turn(name, by, is_off=False)


@switch.command("list")
def list_switches() -> None:
    """Shows every switch, who turned it, when and why."""
    with configured() as settings:
        seen = run(settings, lambda runtime: _read(runtime.database))
        names = wiring.switches(settings)
        for name in (*names, *sorted(seen.changes.keys() - set(names))):
            click.echo(_describe(name, seen.changes.get(name), settings))


def _turn(name: str, by: str, *, is_off: bool, why: str = "") -> None:
    member, state = words.staff(by), "off" if is_off else "on"
    with configured() as settings:
        names = wiring.switches(settings)

        async def work(runtime: Runtime) -> Change | None:
            # What an earlier release has switched off and this one does not have can still be switched on.
            if name not in names and (is_off or name not in (await _read(runtime.database)).off):
                raise Failure(f"there is no switch {name}: there are {', '.join(names)}")
            return await board.turn(runtime.database, name, is_off=is_off, by=member, why=why)

        earlier = run(settings, work)
        if earlier is not None:
            click.echo(f"{name} is {state} already: {_since(earlier, settings)}. Nothing was changed.")
        else:
            click.echo(f"{name} is {state}. All processes know it within 5 seconds.")


def _describe(name: str, change: Change | None, settings: Settings) -> str:
    if change is None:
        return f"{name:24} on"
    return f"{name:24} {'OFF' if change.is_off else 'on '}  {_since(change, settings)}"


def _since(change: Change, settings: Settings) -> str:
    moment = change.changed_at.astimezone(COUNTRIES[settings.country].zone)
    return f"since {moment:%Y-%m-%d %H:%M} by {change.by}" + (f", {change.why}" if change.why else "")


async def _read(database: Database) -> Board:
    async with database.autocommit() as connection:
        return await board.read(connection)


@click.group("banner")
def banner() -> None:
    """A line above the first menu, for all customers."""


def _text_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for language, name in reversed(LANGUAGES.items()):
        command = click.option(f"--{language}", required=True, metavar="TEXT", help=f"The line in {name}.")(command)
    return command


@banner.command("set")
@_text_options
@click.option("--until", type=click.DateTime(_TIMES), metavar="TIME", help="Shown before then, like '2026-12-24 18:00' here.")
def set_banner(until: datetime | None, **texts: str) -> None:
    """Shows a line above the first menu, in the place of the one before."""
    for language, text in texts.items():
        if fault := home.find_fault(text, language):
            raise Failure(f"--{language}: {fault}")
    with configured() as settings:
        end = None if until is None else until.replace(tzinfo=COUNTRIES[settings.country].zone)
        if end is not None and end <= clock.now():
            raise Failure("--until is over already")
        run(settings, lambda runtime: board.set_banner(runtime.database, Banner(texts, end)))
        click.echo("The banner is shown within 5 seconds.")


@banner.command()
def clear() -> None:
    """Takes the banner away."""
    with configured() as settings:
        run(settings, lambda runtime: board.set_banner(runtime.database, None))
        click.echo("The banner is gone within 5 seconds.")
