"""A new feature cannot forget its switch, nor a switch its feature."""

import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import core
from core import inventory
from core.errors import Kind
from core.inventory import list_refusals
from core.refusing import finder_of, switches_of
from core.settings import Settings
from gateway import wiring

# These take a PIN or a key, and moving money is not what they do, or it is the end of what has begun.
WITHOUT = {
    "core.credentials": "the PIN itself",
    "core.customers.pin_change": "changing a PIN protects the money",
    "core.approvals.consent": "each carrier obeys the switch of its family",
    "core.jobs.hiring.pay": "what is hired is paid",
    "core.jobs.escrow": "called within hiring, which obeys for new hires",
    "core.ledger": "below the families",
}


def services() -> Iterator[Callable[..., Any]]:
    """Every service that takes a customer's PIN or an idempotency key, but for those that look for what one has done."""
    listed = [service for module in inventory._modules(core) for service in services_of(module)]
    finders = {finder_of(service) for service in listed}
    return (service for service in listed if service not in finders)


def services_of(module: ModuleType) -> Iterator[Callable[..., Any]]:
    for name, value in vars(module).items():
        if name.startswith("_") or not inspect.iscoroutinefunction(value) or value.__module__ != module.__name__:
            continue
        names = set(inspect.signature(value).parameters)
        if "runtime" in names and names & {"pin", "key"}:
            yield value


def path(service: Callable[..., Any]) -> str:
    return f"{service.__module__}.{service.__qualname__}"


def forgetful(listed: Iterator[Callable[..., Any]]) -> list[str]:
    return [path(service) for service in listed if not switches_of(service) and not path(service).startswith(tuple(WITHOUT))]


def test_every_service_that_moves_money_obeys_a_switch() -> None:
    assert forgetful(services()) == []


def test_every_switch_is_obeyed_by_some_service() -> None:
    obeyed = {
        name
        for module in inventory._modules(core)
        for value in vars(module).values()
        if inspect.iscoroutinefunction(value)
        for name in switches_of(value)
    }
    assert obeyed == {refusal.switch for refusal in list_refusals() if refusal.switch}


def test_every_name_is_there_once_and_every_rail_provider_and_channel_has_one() -> None:
    names = wiring.switches(Settings())
    assert len(names) == len(set(names))
    assert {"rail:local", "provider:africastalking", "provider:twilio", "channel:ussd", "channel:sms"} <= set(names)
    vendors = [name for name in names if name.startswith("provider:")]
    assert len(vendors) == len(wiring.VENDORS)


def test_what_is_switched_off_is_away_and_not_the_customers_fault() -> None:
    assert {refusal.kind for refusal in list_refusals() if refusal.switch} == {Kind.AWAY}


async def _moves(runtime: object, pin: str) -> None: ...


def test_the_rule_finds_a_service_that_forgot() -> None:
    assert forgetful(iter([_moves])) == [path(_moves)]
