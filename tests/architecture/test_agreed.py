"""A channel hands on what it has shown: the fee, the terms, and the customer herself beside her number."""

import ast
import importlib
import inspect
from typing import Any

from tests.architecture.source import Source, dotted, sources

# What a service is told of what the customer was shown before her yes. Without them it judges by what is so now.
SHOWN = {"agreed", "agreed_fee", "recipient_id", "customer_id"}


def forgotten(source: Source, names: dict[str, Any]) -> list[str]:
    """Calls of services that could be told what was shown, and are not. `names` are those of the module."""
    found = []
    for node in source.nodes():
        service = _called(node, names)
        if not isinstance(node, ast.Call) or service is None:
            continue
        parameters = inspect.signature(service).parameters
        wanted = {name for name in SHOWN & {*parameters} if parameters[name].default is not inspect.Parameter.empty}
        handed_on = {keyword.arg for keyword in node.keywords} | {*[*parameters][: len(node.args)]}
        found += [source.at(node, f"does not hand on {name}") for name in sorted(wanted - handed_on)]
    return found


def _called(node: ast.AST, names: dict[str, Any]) -> Any:
    if not isinstance(node, ast.Call):
        return None
    first, *rest = dotted(node.func).split(".")
    value = names.get(first)
    for part in rest:
        value = getattr(value, part, None)
    return value if inspect.isfunction(value) else None


def test_every_channel_hands_on_what_it_has_shown() -> None:
    looked_at = 0
    for source in sources("menus", "gateway/sms", "core/orders"):
        module = importlib.import_module(source.path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
        assert forgotten(source, vars(module)) == []
        looked_at += sum(f"{name}=" in source.text for name in SHOWN)
    assert looked_at


async def _pays(amount: int, agreed_fee: int | None = None) -> None: ...


def test_the_rule_finds_a_channel_that_forgot() -> None:
    names = {"pays": _pays}
    assert forgotten(Source("menus/send.py", "pays(1)"), names) == ["menus/send.py:1 does not hand on agreed_fee"]
    assert forgotten(Source("menus/send.py", "pays(1, agreed_fee=2)\npays(1, 2)\nother(1)"), names) == []
