"""Tests that can fail: each of them looks at something."""

import ast

import pytest

from tests.architecture.source import Function, Source, dotted, findings, sources

LOOKS = ("assert", "check", "raises", "expect")


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
    """Tests that hope a while is long enough."""
    return [
        source.at(node, dotted(node))
        for node in source.nodes()
        if isinstance(node, ast.Attribute) and dotted(node) == "time.sleep"
    ]


def test_no_test_passes_without_looking_at_anything() -> None:
    assert findings(idle_tests, [file for file in sources("tests") if "/test_" in file.path]) == []


def test_no_test_is_switched_off() -> None:
    assert findings(skipped, sources("tests")) == []


def test_no_unit_test_hopes_that_a_while_is_long_enough() -> None:
    assert findings(sleepy, sources("tests/unit", "tests/architecture")) == []


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
    assert len(idle_tests(Source("tests/unit/test_x.py", f"{start}\n    {body}\n"))) == 1


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
    assert idle_tests(Source("tests/unit/test_x.py", f"def test_it():\n    {body}\n")) == []


def test_the_rules_find_a_test_that_is_off_and_one_that_sleeps() -> None:
    assert skipped(Source("tests/unit/test_x.py", "@pytest.mark.skip\ndef test_it(): assert send(5)"))
    assert sleepy(Source("tests/unit/test_x.py", "def test_it():\n    time.sleep(1)\n    assert send(5)"))
