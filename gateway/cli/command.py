"""What all subcommands of `jasho` use: settings, servers, a runtime, and errors in one line."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Any, NoReturn, TypeVar

import click
import psycopg
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from core.credentials import canaries
from core.errors import Busy
from core.ledger.refusals import ClockWrong
from core.runtime import Runtime
from core.settings import BadSettings, Settings, forget_owners, variable
from gateway import logs, wiring
from gateway.cli.embedded import CannotStart, embedded, serves

_Result = TypeVar("_Result")

# What a shell says of a command that was stopped from outside, by whichever signal.
_STOPPED = 128 + signal.SIGTERM


class Failure(click.ClickException):
    """An error in one line on standard error."""

    def show(self, _file: object = None) -> None:
        click.echo(f"jasho: {self.message}", err=True)


class OneLine(click.Group):
    """Says in one line what is wrong with a command, where click would also print its usage."""

    def main(self, *args: Any, **extra: Any) -> NoReturn:  # noqa: ANN401 - click's own signature
        try:
            result = super().main(*args, **{**extra, "standalone_mode": False})
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message())
            sys.exit(error.exit_code)
        except click.UsageError as error:
            where = error.ctx.command_path if error.ctx else "jasho"
            click.echo(f"jasho: {error.format_message()} See: {where} --help", err=True)
            sys.exit(error.exit_code)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except click.Abort:
            sys.exit(1)
        except ClockWrong:
            Failure("the clock of this machine is away from the database's. Nothing was done: set it by NTP and try again").show()
            sys.exit(1)
        except Busy:
            # Commands of the staff have said so themselves, and that nothing was done.
            Failure("the database is too busy: somebody else keeps locked what this needs. Try again").show()
            sys.exit(1)
        sys.exit(result if isinstance(result, int) else 0)


@contextmanager
def prepared() -> Iterator[Settings]:
    """Settings, for a command that needs no server. Whoever stops it, by SIGTERM or by closing its terminal, lets it clean up."""
    settings = read_settings()
    logs.configure(settings, "command")
    with _stopped_by_signals():
        yield settings


@contextmanager
def configured() -> Iterator[Settings]:
    """Settings with the addresses of database and Redis. Starts embedded servers where none are configured.

    Whoever stops the command, by SIGTERM or by closing its terminal, stops them too.
    """
    with prepared() as settings:
        if settings.database_url and settings.redis_url:
            yield settings
            return
        try:
            with embedded() as servers:
                yield replace(
                    settings,
                    database_url=settings.database_url or servers.database_url,
                    redis_url=settings.redis_url or servers.redis_url,
                )
        except CannotStart as error:
            raise Failure(str(error)) from error


@contextmanager
def until_stopped() -> Iterator[None]:
    """For a command that runs until somebody stops it: to be stopped is how it ends well."""
    try:
        yield
    except KeyboardInterrupt:
        pass  # as good an end, before and after the moments in which uvicorn and asyncio take it
    except SystemExit as end:
        if end.code != _STOPPED:
            raise


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Turns SIGTERM and SIGHUP into SystemExit, so that what is open is closed.

    What `nohup`, or the shell of a background job, ignores stays ignored: SIGHUP, and a worker's SIGINT.
    """
    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, _stop)}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, _pass_on)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    # Whoever is impatient does not interrupt the stopping of the servers.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(_STOPPED)


def _pass_on(_number: int, _frame: FrameType | None) -> None:
    """A closed terminal stops as SIGTERM does: by the handler of whoever is at work, uvicorn's or asyncio's."""
    signal.raise_signal(signal.SIGTERM)


def read_settings() -> Settings:
    """The environment's settings. Raises Failure."""
    try:
        return wiring.read_settings()
    except BadSettings as error:
        raise Failure("; ".join(str(error).splitlines())) from error


def begin_without_owners() -> None:
    """In production, begins this process anew where it was given the address of the database's owner or the key of backups."""
    if not read_settings().is_local and forget_owners():
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - the command itself, with its arguments


def run(settings: Settings, work: Callable[[Runtime], Awaitable[_Result]], *, uses_secrets: bool = True) -> _Result:
    """Does the work with a runtime of its own, until it is done or stopped.

    Raises Failure where the database is away, or was made with another pepper or data key than `settings` has.
    """

    async def working() -> _Result:
        task = asyncio.current_task()
        assert task is not None
        # A service manager sends SIGTERM where a person types Ctrl-C. Both let the work under way clean up.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        runtime = wiring.runtime(settings)
        try:
            if uses_secrets:
                await _require_secrets(runtime)
            return await work(runtime)
        finally:
            await runtime.close()

    before = signal.getsignal(signal.SIGTERM)
    try:
        return asyncio.run(working())
    except (SQLAlchemyError, psycopg.Error) as error:
        raise Failure(f"the database does not answer: {first_line(error)}") from error
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(_STOPPED)
    finally:
        # asyncio leaves the system's own handler behind, which would end the process and leave its servers running.
        signal.signal(signal.SIGTERM, before)


async def _require_secrets(runtime: Runtime) -> None:
    """Raises Failure where the database was made with another pepper or data key: no PIN or no ID number would be right."""
    try:
        await canaries.check(runtime)
    except canaries.OtherSecrets as error:
        names = " and ".join(variable(name) for name in error.names)
        put_back = f"the database was made with another {names}: give the old one again (a .env in this folder is read too)"
        forget = ", or delete the local data with `make forget`" if serves(runtime.settings.database_url) else ""
        raise Failure(put_back + forget) from error
    except ProgrammingError as error:
        if not isinstance(error.orig, psycopg.errors.UndefinedTable):
            raise
        raise Failure("the database is not at this version's schema: run `jasho migrate` first") from error


def first_line(error: SQLAlchemyError | psycopg.Error) -> str:
    """The database's own message."""
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().splitlines()[0]
