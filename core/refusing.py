"""A service declares its refusals: `@refuses(NotEnoughMoney, pins.check)`.

Among them may be the refusal of a switch, `@refuses(SendOff, ...)`: then nothing of the service runs while that is off.

A service with an idempotency key declares how it answers a repetition, too: `@repeats(find_receipt)`, above its refusals. What
was done stays done, whatever has changed since: the recipient has closed her account, the tariff is another one, the PIN was
replaced or locked, the service is switched off. So the key is looked up first, and only a new one is judged.

The PIN of a repetition is neither compared nor counted. The answer is the same whichever PIN comes with it, so nobody learns from
it whether a PIN is right, and a network that repeats uses up nobody's tries. It shows what the first caller read and no more: the
balance of then, which stands in the SMS receipt on the same phone too, and never the one of now. To ask again takes the key,
which the phone's own session, SMS or approval has made.
"""

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, Protocol, TypeVar, cast

import structlog

from core.errors import Busy, Refusal

_Params = ParamSpec("_Params")
_Result = TypeVar("_Result")
_Find = Callable[..., Coroutine[Any, Any, Any]]

# Tests set it: an undeclared refusal is an error there.
is_strict = False

# The switches that the service at work obeys.
_obeyed: ContextVar[tuple[type[Refusal], ...]] = ContextVar("obeyed", default=())

log = structlog.get_logger()


class Undeclared(AssertionError):
    """A function refused with something that it had not declared."""


def refuses(*declared: type[Refusal] | Callable[..., Any]) -> Callable[[Callable[_Params, _Result]], Callable[_Params, _Result]]:
    """Declares what a function refuses with: these refusals, and those that the functions among them have declared.

    The menu lint checks menus against it. An undeclared refusal still reaches the customer and is logged; in tests it is an
    error.
    """
    direct = tuple(source for source in declared if isinstance(source, type) and issubclass(source, Refusal))
    switched = tuple(refusal for refusal in direct if refusal.switch)
    all_declared = frozenset(
        refusal for source in declared for refusal in ({source} if isinstance(source, type) else refused_by(source))
    )

    def declare(function: Callable[_Params, _Result]) -> Callable[_Params, _Result]:
        if switched and (
            not inspect.iscoroutinefunction(function) or [*inspect.signature(function).parameters][:1] != ["runtime"]
        ):
            raise TypeError(f"{function.__qualname__} obeys a switch, so it is async and takes a runtime first")
        if inspect.iscoroutinefunction(function):
            work = cast("Callable[_Params, Awaitable[Any]]", function)

            @wraps(function)
            async def held(*args: _Params.args, **kwargs: _Params.kwargs) -> Any:  # noqa: ANN401 - whatever it returns
                if switched:
                    await _check_on(switched, args[0] if args else kwargs["runtime"])
                before = _obeyed.set(switched or _obeyed.get())
                try:
                    return await work(*args, **kwargs)
                except Refusal as refusal:
                    _check_declared(function, refusal, all_declared)
                    raise
                finally:
                    _obeyed.reset(before)

        else:

            @wraps(function)
            def held(*args: _Params.args, **kwargs: _Params.kwargs) -> Any:  # noqa: ANN401
                try:
                    return function(*args, **kwargs)
                except Refusal as refusal:
                    _check_declared(function, refusal, all_declared)
                    raise

        held.refuses = all_declared  # type: ignore[attr-defined]
        held.switches = frozenset(refusal.switch for refusal in switched)  # type: ignore[attr-defined]
        return cast("Callable[_Params, _Result]", held)

    return declare


def repeats(
    find: _Find,
) -> Callable[[Callable[_Params, Coroutine[Any, Any, _Result]]], Callable[_Params, Coroutine[Any, Any, _Result]]]:
    """Answers a request whose key was used before with what `find` returns: the first answer.

    `find` takes some of the service's parameters, by their names, and never the PIN. It returns None where nothing was done under
    the key, and raises KeyConflict where it was another request. A request that is refused is looked up again: the same one may
    have overtaken it. So is one that was refused as busy: what it waited for may have been the same one, whose call was lost and
    whose caller knows of nothing, and it was not for "nothing was done". What a deadlock undid is asked for once more.
    """
    names = [*inspect.signature(find).parameters]

    def declare(service: Callable[_Params, Coroutine[Any, Any, _Result]]) -> Callable[_Params, Coroutine[Any, Any, _Result]]:
        signature = inspect.signature(service)
        if strange := {*names} - {*signature.parameters} | {*names} & {"pin"}:
            raise TypeError(f"{find.__qualname__} takes {', '.join(sorted(strange))}, which it gets from no request")

        @wraps(service)
        async def answer(*args: _Params.args, **kwargs: _Params.kwargs) -> _Result:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            request = {name: bound.arguments[name] for name in names}
            first = cast("_Result | None", await find(**request))
            if first is not None:
                return first
            for is_last in (False, True):
                try:
                    return await service(*args, **kwargs)
                except Refusal as refusal:
                    first = cast("_Result | None", await find(**request))
                    if first is not None:
                        return first
                    if is_last or not (isinstance(refusal, Busy) and refusal.is_worth_another_try):
                        raise
            raise AssertionError("the last try returns or raises")

        answer.finder = find  # type: ignore[attr-defined]
        answer.refuses = refused_by(service) | refused_by(find)  # type: ignore[attr-defined]
        return answer

    return declare


def finder_of(service: Callable[..., Any]) -> _Find | None:
    """What finds a service's first answer; None where it has not declared any."""
    finder: _Find | None = getattr(service, "finder", None)
    return finder


def refused_by(function: Callable[..., Any]) -> frozenset[type[Refusal]]:
    """What a function has declared by `refuses`; nothing where it has not."""
    declared: frozenset[type[Refusal]] = getattr(function, "refuses", frozenset())
    return declared


def switches_of(function: Callable[..., Any]) -> frozenset[str]:
    """The switches that a function obeys itself."""
    names: frozenset[str] = getattr(function, "switches", frozenset())
    return names


async def check_still_on(runtime: Any) -> None:  # noqa: ANN401 - it stands on a higher floor
    """For what takes its time, as a PIN does: the service at work is refused where it was switched off meanwhile."""
    if switched := _obeyed.get():
        await _check_on(switched, runtime)


class _Switches(Protocol):
    def is_off(self, name: str) -> bool: ...

    async def look(self) -> None: ...


async def _check_on(switched: tuple[type[Refusal], ...], runtime: Any) -> None:  # noqa: ANN401 - it stands on a higher floor
    switches: _Switches = runtime.switches
    await switches.look()
    for refusal in switched:
        if switches.is_off(refusal.switch):
            raise refusal


def _check_declared(function: Callable[..., Any], refusal: Refusal, declared: frozenset[type[Refusal]]) -> None:
    # Any transaction may be refused with Busy (core/db.py), and any screen knows what to do.
    if type(refusal) in declared or refusal.switch or isinstance(refusal, Busy):
        return
    if is_strict:
        raise Undeclared(f"{function.__module__}.{function.__qualname__} refused with {refusal.code}") from refusal
    log.error("a refusal that was not declared", function=f"{function.__module__}.{function.__qualname__}", code=refusal.code)
