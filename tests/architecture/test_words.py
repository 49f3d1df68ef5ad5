"""Names and docstrings that a stranger understands: a variable is called what it holds, a docstring says it by itself."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.source import Source, findings, sources

# These say nothing about what they hold, or the same as a noun that there is.
NAMELESS = {"said", "own", "one", "found", "told", "known", "hers", "mine", "asked", "wish", "wishes", "at"}
DEPENDENT = ("The same", "See ")


def nameless_variables(source: Source) -> list[str]:
    """Variables and parameters with a name that says nothing. The keywords of a call are not its own."""
    return [source.at(node, f"a variable is called {name}") for node, name in bound_names(source) if name.lstrip("_") in NAMELESS]


def bound_names(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Every variable, parameter and attribute that the source gives a value to."""
    for node in source.nodes():
        match node:
            case ast.arg(arg=name) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield node, name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node, name
            case ast.ExceptHandler(name=str(name)) | ast.alias(asname=str(name)):
                yield node, name


def dependent_docstrings(source: Source) -> list[str]:
    """Docstrings that only a reader of another one understands."""
    return [
        source.at(node, f"its docstring begins with {opening.strip()!r}")
        for node in source.nodes()
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        for opening in DEPENDENT
        if (ast.get_docstring(node) or "").startswith(opening)
    ]


def test_a_variable_is_called_what_it_holds() -> None:
    assert findings(nameless_variables, sources("core", "menus", "gateway", "api", "load-tests", "locales")) == []


def test_a_docstring_says_it_by_itself() -> None:
    assert findings(dependent_docstrings, sources("core", "menus", "gateway", "api", "load-tests", "locales")) == []


@pytest.mark.parametrize(
    "planted",
    [
        "said = read()",
        "said: str = read()",
        "_found = read()",
        "one, other = read()",
        "[*found] = read()",
        "for one in rows: pass",
        "rows = [one for one in rows]",
        "rows = {key: one for key, one in rows.items()}",
        "if (found := read()): pass",
        "with opened() as found: pass",
        "self.told = read()",
        "def f(own): pass",
        "def f(*own): pass",
        "def f(**asked): pass",
        "def f(*, at): pass",
        "async def f(wish: Transfer) -> None: pass",
        "f = lambda hers: hers",
        "try: pass\nexcept ValueError as known: pass",
        "match row:\n    case [one]: pass",
        "match row:\n    case [*found]: pass",
        "from core import settings as at",
    ],
)
def test_the_rule_finds_a_variable_that_says_nothing(planted: str) -> None:
    assert nameless_variables(Source("core/x.py", planted))


@pytest.mark.parametrize(
    "innocent", ["row = one_of(rows)", "call(at=moment)", "clock.at(moment)", "oneself = 1", "def found(): pass"]
)
def test_the_rule_lets_a_name_be(innocent: str) -> None:
    assert nameless_variables(Source("core/x.py", innocent)) == []


@pytest.mark.parametrize("opening", ["The same for a stranger.", "See above.", "\n    The same, later."])
@pytest.mark.parametrize(
    "start", ["", "class C:\n    ", "def f():\n    ", "async def f():\n    ", "class C:\n  def f(self):\n    "]
)
def test_the_rule_finds_a_docstring_that_leans_on_another(start: str, opening: str) -> None:
    assert dependent_docstrings(Source("core/x.py", f'{start}"""{opening}"""\n'))


@pytest.mark.parametrize("text", ["`tell` for a stranger.", "Seeks a name.", "Sends the same message again. See below."])
def test_the_rule_lets_a_docstring_be(text: str) -> None:
    assert dependent_docstrings(Source("core/x.py", f'def f():\n    """{text}"""\n')) == []
