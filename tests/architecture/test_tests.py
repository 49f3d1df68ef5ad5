"""Tests that can fail: each of them looks at something."""

import ast
from pathlib import Path

import pytest

from gateway.cli.embedded import embedded
from tests.architecture.source import Function, Source, dotted, findings, sources

LOOKS = ("assert", "check", "raises", "expect")
# They look again and again until another process has got there, and fail where it never does.
PATIENT = {
    "tests/conftest.py",
    "tests/core/ledger/test_verify.py",
    "tests/crash/test_lost_answer.py",
    "tests/crash/gifts.py",
    "tests/gateway/cli/recovery/clusters.py",
    "tests/gateway/sms/test_crash.py",
    "tests/gateway/ussd/conftest.py",
}


def idle_tests(source: Source) -> list[str]:
    """Test functions that assert nothing, themselves or by a call that says it does."""
    return [
        source.at(node, f"{node.name} looks at nothing")
        for node in source.nodes()
        if isinstance(node, Function) and node.name.startswith("test") and not any(_looks(part) for part in ast.walk(node))
    ]


def _looks(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return not isinstance(node.test, ast.Constant)
    return isinstance(node, ast.Call) and any(word in dotted(node.func).rpartition(".")[2] for word in LOOKS)


def skipped(source: Source) -> list[str]:
    """Tests that are switched off for good."""
    return [
        source.at(node, dotted(node))
        for node in source.nodes()
        if isinstance(node, ast.Attribute) and dotted(node) == "pytest.mark.skip"
    ]


def sleepy(source: Source) -> list[str]:
    """Tests that hope a while is long enough. `asyncio.sleep(0)` is a turn of the loop and no while."""
    return [
        source.at(node, dotted(node.func))
        for node in source.nodes()
        if isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] == "sleep" and not _is_a_turn(node)
    ]


def _is_a_turn(sleep: ast.Call) -> bool:
    return dotted(sleep.func) == "asyncio.sleep" and [ast.unparse(argument) for argument in sleep.args] == ["0"]


def test_no_test_passes_without_looking_at_anything() -> None:
    assert findings(idle_tests, [file for file in sources("tests") if "/test_" in file.path]) == []


def test_no_test_is_switched_off() -> None:
    assert findings(skipped, sources("tests")) == []


def test_no_test_hopes_that_a_while_is_long_enough() -> None:
    hoping = findings(sleepy, sources("tests"))
    assert {finding.partition(":")[0] for finding in hoping} == PATIENT, hoping


def test_a_test_of_make_unit_that_starts_a_server_fails(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("unit")
    with pytest.raises(pytest.fail.Exception, match="system"), embedded(tmp_path):
        pass


def test_every_folder_of_tests_is_a_package_so_that_none_is_missed() -> None:
    folders = {file.path.rpartition("/")[0] for file in sources("tests") if "/test_" in file.path}
    packages = {file.path.rpartition("/")[0] for file in sources("tests", ending="__init__.py")}
    assert folders - packages == set()


@pytest.mark.parametrize(
    "body",
    [
        "pass",
        "send(5)",
        "assert True",
        "assert 'it works'",
        "result = send(5) == 3",
        "print(send(5))",
        "try:\n        send(5)\n    except Exception:\n        pass",
    ],
)
@pytest.mark.parametrize("start", ["def test_it():", "async def test_it():", "class TestIt:\n  def test_it(self):"])
def test_the_rule_finds_a_test_that_cannot_fail(start: str, body: str) -> None:
    assert len(idle_tests(Source("tests/core/test_x.py", f"{start}\n    {body}\n"))) == 1


@pytest.mark.parametrize(
    "body",
    [
        "assert send(5) == 3",
        "with pytest.raises(ValueError):\n        send(5)",
        "check_sms(send(5))",
        "expect(page).to_be_open()",
        "mock.assert_called()",
    ],
)
def test_the_rule_lets_a_test_that_looks_be(body: str) -> None:
    assert idle_tests(Source("tests/core/test_x.py", f"def test_it():\n    {body}\n")) == []


def test_the_rule_finds_a_test_that_is_off() -> None:
    assert skipped(Source("tests/core/test_x.py", "@pytest.mark.skip\ndef test_it(): assert send(5)"))


@pytest.mark.parametrize("nap", ["time.sleep(1)", "await asyncio.sleep(0.1)", "sleep(1)", "time.sleep(0)"])
def test_the_rule_finds_a_test_that_sleeps(nap: str) -> None:
    assert sleepy(Source("tests/core/test_x.py", f"async def test_it():\n    {nap}\n    assert send(5)"))


def test_the_rule_lets_a_turn_of_the_loop_be() -> None:
    assert sleepy(Source("tests/core/test_x.py", "async def test_it():\n    await asyncio.sleep(0)\n    assert send(5)")) == []
