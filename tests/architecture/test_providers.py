"""A provider is named where it lives and where it is wired in: whoever adds or drops one changes nothing else."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.source import PACKAGES, ROOT, Source, sources

HOMES = ("gateway/providers/", "gateway/wiring.py")
# `local` is no company: it stands for a developer's machine, and anything may be called so.
PROVIDERS = {path.parent.name for path in (ROOT / "gateway" / "providers").glob("*/__init__.py")} - {"local"}
# Code that has to say a name, exactly so.
PERMITTED = {
    # What stands for the network on a developer's machine calls the address that the network would.
    ("gateway/cli/dial.py", "'/api/ussd/africastalking/'"),
    ("gateway/cli/texting.py", "'/api/sms/africastalking/'"),
    ("gateway/simulator/routes.py", "'/api/ussd/africastalking/'"),
    # The comment of a column in the database, for whoever reads its rows; and the migration that wrote it there.
    ("core/tables/messaging.py", "'who told us: sms, africastalking, twilio, ...'"),
    ("core/migrations/versions/0003_sms.py", "'who told us: sms, africastalking, twilio, ...'"),
}


def named(source: Source) -> list[tuple[str, int, str]]:
    """Every provider's name in the code of a file: in what is imported, in what is called so, and in texts. Not in docstrings."""
    documentation = {id(text) for node in source.nodes() for text in _docstring(node)}
    return [
        (source.path, getattr(node, "lineno", 1), said)
        for node in source.nodes()
        if id(node) not in documentation
        for said in _said(node)
        if any(provider in said.lower() for provider in PROVIDERS)
    ]


def _said(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Constant(value=str() | bytes()):
            yield ast.unparse(node)
        case ast.ImportFrom():
            yield node.module or ""
        case ast.alias():
            yield f"{node.name} {node.asname or ''}"
        case ast.Name():
            yield node.id
        case ast.Attribute():
            yield node.attr
        case ast.arg() | ast.keyword():
            yield node.arg or ""
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name


def _docstring(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
        first = node.body[0]
        assert isinstance(first, ast.Expr)
        yield first.value


def elsewhere() -> list[tuple[str, int, str]]:
    return [found for file in sources(*PACKAGES, "locales") if not file.path.startswith(HOMES) for found in named(file)]


def test_nobody_but_its_own_folder_and_the_wiring_knows_a_provider() -> None:
    assert [found for found in elsewhere() if (found[0], found[2]) not in PERMITTED] == []


def test_nothing_is_permitted_that_nobody_says() -> None:
    assert {(path, said) for path, _, said in elsewhere()} >= PERMITTED


def test_the_rule_knows_the_providers_there_are() -> None:
    assert {"africastalking", "twilio"} <= PROVIDERS
    assert named(Source("gateway/wiring.py", (ROOT / "gateway" / "wiring.py").read_text()))


@pytest.mark.parametrize(
    "text",
    [
        "import twilio",
        "from twilio.rest import Client",
        "from gateway.providers import twilio as sender",
        "from gateway.providers.africastalking.sms import Sender",
        "from gateway import providers\nproviders.twilio.sms",
        "from gateway import providers as twilio",
        "name = 'twilio'",
        "path = f'/api/sms/africastalking/{secret}'",
        "column == b'twilio'",
        "def send_by_twilio() -> None: ...",
        "def send(twilio: bool) -> None: ...",
        "send(africastalking=True)",
        "class TwilioSettings: ...",
        "AFRICASTALKING = 1",
        "def send() -> None:\n    '''Sends.'''\n    'twilio'",
    ],
)
def test_the_rule_finds_a_provider_where_it_has_no_business(text: str) -> None:
    assert named(Source("core/messaging/outbox.py", text))


@pytest.mark.parametrize(
    "text",
    [
        "'''As Twilio wants it.'''",
        "class Provider:\n    '''Twilio is one.'''",
        "send()  # twilio waits",
        "zone = 'Africa/Nairobi'",
    ],
)
def test_the_rule_lets_documentation_be(text: str) -> None:
    assert named(Source("core/messaging/outbox.py", text)) == []
