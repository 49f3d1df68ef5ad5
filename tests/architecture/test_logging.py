"""What customers type never reaches a log: no log call is handed anything that may hold it."""

import ast

import pytest

from tests.architecture.source import PACKAGES, Source, dotted, findings, names, sources

LEVELS = {"debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "msg", "log", "bind"}
LOGGERS = {"log", "logger", "logging", "_log", "_logger"}
# A hop and a form hold the session's whole text, and after a PIN screen that holds a PIN.
SECRET = {"pin", "text", "previous_text", "typed", "hop", "fields", "form", "body", "password", "secret", "token"}
# Where a form is told by fields that were named one by one.
PERMITTED = {("gateway/providers/africastalking/ussd_events.py", "fields")}


def secrets_logged(source: Source) -> list[str]:
    """Every log call that mentions what may hold a PIN, in an argument's value or by an argument's name."""
    found = []
    for node in source.nodes():
        if isinstance(node, ast.Call) and _is_log(node.func):
            arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
            mentioned = {name for argument in arguments for name in names(argument)}
            mentioned |= {keyword.arg for keyword in node.keywords if keyword.arg}
            risky = {name for name in mentioned & SECRET if (source.path, name) not in PERMITTED}
            found += [source.at(node, f"{dotted(node.func)} is handed {name}") for name in sorted(risky)]
    return found


def _is_log(function: ast.expr) -> bool:
    """`log.info`, `self._log.info`, `log.bind(...).info`, `structlog.get_logger().info`."""
    if not isinstance(function, ast.Attribute) or function.attr not in LEVELS:
        return False
    on = function.value
    if isinstance(on, ast.Call):
        return dotted(on.func).endswith("get_logger") or dotted(on.func).endswith("getLogger") or _is_log(on.func)
    return dotted(on).rpartition(".")[2] in LOGGERS


def log_calls(source: Source) -> list[str]:
    return [source.at(node, dotted(node.func)) for node in source.nodes() if isinstance(node, ast.Call) and _is_log(node.func)]


def test_what_a_customer_types_is_handed_to_no_log_call() -> None:
    assert findings(secrets_logged, sources(*PACKAGES)) == []


def test_the_rule_sees_the_log_calls_there_are() -> None:
    told = findings(log_calls, sources("gateway"))
    assert any(finding.startswith("gateway/ussd/road.py:") for finding in told)
    assert any(finding.startswith("gateway/providers/africastalking/ussd_events.py:") for finding in told)


def test_nothing_is_permitted_that_nobody_needs() -> None:
    for path, name in PERMITTED:
        [file] = [file for file in sources(*PACKAGES) if file.path == path]
        assert any(finding.endswith(f" {name}") for finding in secrets_logged(Source("elsewhere.py", file.text)))


@pytest.mark.parametrize(
    "call",
    [
        "log.info('typed', text=step.text)",
        "log.info('typed', text='x')",
        "log.info(f'typed {step.text}')",
        "log.warning('wrong', pin=given)",
        "log.warning('wrong ' + pin)",
        "log.error('hop', hop=hop)",
        "log.error('hop', session=hop.session_id)",
        "log.exception('form', **fields)",
        "log.info('form', status=fields['status'])",
        "log.info('request', got=body[:20])",
        "logger.info('wrong %s', pin)",
        "logging.warning(typed)",
        "self._log.info('typed', last=session.typed)",
        "log.bind(pin=pin).info('x')",
        "structlog.get_logger().info('x', given=str(pin))",
    ],
)
def test_the_rule_finds_a_log_call_that_would_tell_a_pin(call: str) -> None:
    assert secrets_logged(Source("gateway/ussd/road.py", f"async def take():\n    {call}\n"))


@pytest.mark.parametrize(
    "call",
    [
        "log.info('ended', screen=session.screen)",
        "log.exception('hop failed')",
        "send(text, pin)",
        "math.log(text)",
        "click.echo(text)",
    ],
)
def test_the_rule_lets_the_rest_be(call: str) -> None:
    assert secrets_logged(Source("gateway/ussd/road.py", call)) == []
