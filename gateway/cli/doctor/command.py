"""`jasho doctor` runs every check at once and prints a line for each."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import click
from redis.asyncio import Redis

from core.db import APPLICATION_ROLE, Database
from core.deadline import within
from core.settings import Settings
from gateway.cli.command import Failure, configured, read_settings
from gateway.cli.doctor import configured as configuration
from gateway.cli.doctor import database, machine, providers, redis
from gateway.cli.doctor.finding import Finding, State, broken, wrong

_CHECK_SECONDS = 6.0
Check = Callable[[Settings], Awaitable[Finding]]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One object, for scripts.")
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Says what is configured, what answers and what is weak. Exits 1 where something must be mended."""
    findings = _examine()
    is_well = all(finding.state is not State.BROKEN for finding in findings.values())
    if as_json:
        checks = [
            {"name": name, "state": finding.state.value, "seen": finding.seen, "do": finding.do}
            for name, finding in findings.items()
        ]
        click.echo(json.dumps({"ok": is_well, "checks": checks}))
    else:
        for name, finding in findings.items():
            click.echo(f"{finding.state.value:7} {name}: {finding.seen}{f'. To do: {finding.do}' if finding.do else ''}")
    context.exit(0 if is_well else 1)


def _examine() -> dict[str, Finding]:
    try:
        read_settings()
    except Failure as error:
        return {"settings": broken(error.message, "correct the variables that are named")}
    try:
        with configured() as settings:
            return asyncio.run(_ask_all(settings))
    except Failure as error:
        return {"local servers": broken(error.message, "read that log")}


async def _ask_all(settings: Settings) -> dict[str, Finding]:
    checks: dict[str, Check] = {
        "settings": configuration.settings,
        "secrets": configuration.secrets,
        "public address": configuration.public_url,
        "callers": configuration.callers,
        "sms": providers.sms,
        "sms reach": providers.reach,
        **{name: partial(_in_database, check) for name, check in database.CHECKS.items()},
        **{name: partial(_in_redis, check) for name, check in redis.CHECKS.items()},
        "clocks": machine.clocks,
        "files": machine.files,
        "disk": machine.disk,
    }
    findings = await asyncio.gather(*(_bounded(check, settings) for check in checks.values()))
    return dict(zip(checks, findings, strict=True))


async def _bounded(check: Check, settings: Settings) -> Finding:
    """An error is told by its kind alone: a driver's message may quote an address with its password."""
    try:
        return await within(_CHECK_SECONDS, _of(check, settings))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what was found
        if f'role "{APPLICATION_ROLE}" does not exist' in str(error):
            return wrong(settings, "nothing is in the database yet", "run jasho migrate")
        return broken(
            f"no answer ({type(error).__name__})", "see whether the server runs, and what the setting of its address says"
        )


async def _of(check: Check, settings: Settings) -> Finding:
    return await check(settings)


async def _in_database(check: Callable[[Any, Settings], Awaitable[Finding]], settings: Settings) -> Finding:
    store = Database(settings.database_url, connections=1)
    try:
        async with store.autocommit() as connection:
            return await check(connection, settings)
    finally:
        await store.close()


async def _in_redis(check: Callable[[Any, Settings], Awaitable[Finding]], settings: Settings) -> Finding:
    client = Redis.from_url(settings.redis_url, socket_connect_timeout=2, socket_timeout=2)
    try:
        return await check(client, settings)
    finally:
        with suppress(OSError):
            await client.aclose()
