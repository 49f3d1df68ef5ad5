"""Money is never a float: not in Python, not in SQL. Seconds may be, under a name that says so."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.source import Source, dotted, findings, sources

# Where two numbers that are divided are likely to be money.
EXACT = ("core/",)
# Joins paths.
NO_MONEY = {"core/i18n.py"}
INEXACT_COLUMNS = {"Float", "Double", "DOUBLE", "DOUBLE_PRECISION", "REAL"}
FLOAT = re.compile(r"\bfloat\b")
INEXACT_SQL = re.compile(r"\b(float[48]?|real|double\s+precision)\b", re.IGNORECASE)
SECONDS = re.compile(r"(?:.*_)?seconds", re.IGNORECASE)


def floats(source: Source) -> list[str]:
    """Every float of a file, and every division that makes one where money is."""
    tree = source.tree()
    permitted = {id(part) for root in _seconds(tree) for part in ast.walk(root)}
    return [source.at(node, what) for node in ast.walk(tree) if id(node) not in permitted and (what := _inexact(node, source))]


def _inexact(node: ast.AST, source: Source) -> str:
    match node:
        case ast.Constant(value=float() as value):
            return f"the float {value}"
        case ast.Name(id="float"):  # an agent's float is an attribute, never a plain name
            return "float"
        case ast.Name() | ast.Attribute() if dotted(node).rpartition(".")[2] in INEXACT_COLUMNS:
            return dotted(node)
        case ast.arg(annotation=ast.Constant(value=str(quoted))) | ast.AnnAssign(annotation=ast.Constant(value=str(quoted))):
            return quoted if FLOAT.search(quoted) else ""
        case (
            ast.FunctionDef(returns=ast.Constant(value=str(quoted)))
            | ast.AsyncFunctionDef(returns=ast.Constant(value=str(quoted)))
        ):
            return quoted if FLOAT.search(quoted) else ""
        case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()) if (
            source.path.startswith(EXACT) and source.path not in NO_MONEY and not _is_path(node)
        ):
            return "a division that makes a float; // and divmod do not"
    return ""


def inexact_columns(source: Source) -> list[str]:
    """Every type of an SQL file that rounds."""
    bare = [re.sub(r"'[^']*'|--.*", "", line) for line in source.text.splitlines()]
    return [f"{source.path}:{number} {match[0]}" for number, line in enumerate(bare, 1) if (match := INEXACT_SQL.search(line))]


def _seconds(tree: ast.AST) -> Iterator[ast.AST]:
    """What is said about a name in seconds: its annotation, its default, its value."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arguments):
            both = [*node.posonlyargs, *node.args]
            defaults = [
                *zip(reversed(both), reversed(node.defaults), strict=False),
                *zip(node.kwonlyargs, node.kw_defaults, strict=True),
            ]
            yield from (default for arg, default in defaults if default is not None and SECONDS.fullmatch(arg.arg))
        elif isinstance(node, ast.arg) and SECONDS.fullmatch(node.arg):
            yield node
        elif isinstance(node, ast.keyword) and SECONDS.fullmatch(node.arg or ""):
            yield node.value
        elif isinstance(node, ast.AnnAssign) and SECONDS.fullmatch(dotted(node.target).rpartition(".")[2]):
            yield node
        elif isinstance(node, ast.Assign) and all(
            SECONDS.fullmatch(dotted(target).rpartition(".")[2]) for target in node.targets
        ):
            yield node.value


def _is_path(node: ast.BinOp | ast.AugAssign) -> bool:
    """Joins a folder and a name rather than dividing."""
    right = node.right if isinstance(node, ast.BinOp) else node.value
    return isinstance(right, ast.JoinedStr) or (isinstance(right, ast.Constant) and isinstance(right.value, str))


def test_no_amount_is_ever_rounded_by_a_float() -> None:
    assert findings(floats, sources("core")) == []


def test_no_column_of_the_ledger_rounds() -> None:
    assert findings(inexact_columns, sources("core", ending=".sql")) == []


@pytest.mark.parametrize(
    "text",
    [
        "fee = 0.07",
        "fee = amount_minor * 1e-2",
        "fee = float(text)",
        "def fee(amount: float) -> int: ...",
        "def fee(amount: 'int | float') -> int: ...",
        "def fee(amount: int) -> float: ...",
        "def fee(amount: int, *, rate=0.5) -> int: ...",
        "def fee(amount: int) -> 'float': ...",
        "async def fee(amount: int) -> 'float': ...",
        "balance: float",
        "balance: 'float | None'",
        "balance: list[float] = []",
        "share = total_minor / 3",
        "total_minor /= 3",
        "Column('amount', sa.Float())",
        "Column('amount', Double)",
        "timedelta(hours=0.5)",
        "seconds, fee = 0.5, 0.07",
    ],
)
def test_the_rule_finds_a_float(text: str) -> None:
    assert floats(Source("core/ledger/fees.py", text))


@pytest.mark.parametrize(
    "text",
    [
        "fee_minor = total_minor * 7 // 1_000",
        "def within(seconds: float) -> None: ...",
        "def within(*, wait_seconds: float = 0.5) -> None: ...",
        "def within(amount: int, wait_seconds: float = 0.5) -> None: ...",
        "PATIENCE_SECONDS = 6.0",
        "self.patience_seconds: float = 6.0",
        "timedelta(seconds=0.5)",
        "FILE = Path(__file__).parent / 'tariffs.toml'",
        "FILE = FOLDER / f'{name}.sql'",
        "FLOAT = 'float'",
        "agent.float = Money(100, 'KES')",
        "def fee(floats: 'Floats') -> int: ...",
    ],
)
def test_the_rule_lets_whole_numbers_seconds_and_paths_be(text: str) -> None:
    assert floats(Source("core/ledger/fees.py", text)) == []


@pytest.mark.parametrize("line", ["amount double precision NOT NULL", "x := 1::real;", "p_fee FLOAT8,"])
def test_the_rule_finds_an_sql_type_that_rounds(line: str) -> None:
    assert inexact_columns(Source("core/ledger/post.sql", f"-- money\n{line}")) != []


@pytest.mark.parametrize("line", ["amount bigint NOT NULL -- never real", "kind = 'float'", "really boolean"])
def test_the_rule_lets_an_sql_text_and_comment_be(line: str) -> None:
    assert inexact_columns(Source("core/ledger/post.sql", line)) == []
