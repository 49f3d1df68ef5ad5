"""Small faults to plant in the source: each is one that somebody could make, and that a test should miss.

Those of plain Python are cosmic-ray's. What it has none for is here: statements left out, conditions, locks and order taken out
of a query, and the SQL in our files and texts. Left alone is what no test should hold: annotations, assertions, constants whose
value somebody has chosen, the texts of screens, and versions of the schema that are released.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

FOLDERS = ("core", "menus", "gateway")
_LEFT_ALONE = re.compile(
    r"core/(migrations/versions/|demo\.py|ledger/post_before\.sql|tables/)|gateway/(cli|simulator)/|.*/(texts|refusals)\.py$"
)
_OPERATORS = {
    "comparison": [
        f"ReplaceComparisonOperator_{change}"
        for change in ("Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is")
    ],
    "truth": [
        *("ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd", "AddNot"),
        *("ReplaceUnaryOperator_Delete_Not", "ReplaceUnaryOperator_Delete_Invert"),
        *("ReplaceBinaryOperator_BitAnd_BitOr", "ReplaceBinaryOperator_BitOr_BitAnd"),
    ],
    "number": [
        "NumberReplacer",
        *(f"ReplaceBinaryOperator_{change}" for change in ("Add_Sub", "Sub_Add", "Mul_Add", "FloorDiv_Mul")),
    ],
    "flow": ["ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ZeroIterationForLoop", "ExceptionReplacer"],
}
_SQL = re.compile(r"\b(SELECT|UPDATE|INSERT|DELETE|LOCK TABLE)\b")
_OPERAND = r"(?:(?!NOT\b|EXISTS\b)[\w.:%]+(?:\([^()]*\))?|'[^']*'|\([^()]*\))"
_END_OF_CONDITION = r"(?=\s*(?:[);\n\"]|$|(?:AND|OR|THEN|ORDER|GROUP|LIMIT|RETURNING|FOR)\b))"
# In a text of SQL: what to look for, and what to put in its place.
_IN_SQL = {
    "lock": [
        (r"\s+FOR (?:NO KEY )?UPDATE(?: OF \w+)?(?: SKIP LOCKED)?", ""),
        (r"\s+SKIP LOCKED", ""),
        (r"NOT pg_try_advisory_xact_lock\([^;]*?\)\)", "false"),
        (r"PERFORM pg_advisory_xact_lock\([^;]*\);", ""),
        (r"\bLOCK TABLE [^;]*;", ""),
    ],
    "query": [
        (r"(?<![<>=-])<(?![<>=])", "<="),
        (r"<=(?!>)", "<"),
        (r"(?<![<>=-])>(?![<>=])", ">="),
        (r">=", ">"),
        (r"<>", "="),
        (rf"\bAND (?:NOT )?{_OPERAND}(?: (?:=|<>|<=|>=|<|>|IS|IN) (?:NOT )?{_OPERAND})?{_END_OF_CONDITION}", ""),
        (r"\bNOT EXISTS\b", "EXISTS"),
        (r"\bIS NOT NULL\b", "IS NULL"),
        (r"(?<!ORDER)(?<=\s)OR\b(?! REPLACE)", "AND"),
        (r"\bORDER BY [\w., ]+? LIMIT", "LIMIT"),
        (r" DESC\b", ""),
        (r"\bleast\(", "greatest("),
        (r"\bgreatest\(", "least("),
    ],
}
# Of a query in Python: the parts that can be left out.
_PARTS = dict.fromkeys(("where", "filter", "order_by", "limit", "distinct"), "query") | {"with_for_update": "lock"}


@dataclass(frozen=True, slots=True)
class Mutation:
    """`before` and `after` are the line that changes; `text` is the whole file with the fault in it."""

    path: str
    line: int
    kind: str
    before: str
    after: str
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fault can be planted: by an operator of cosmic-ray, or in place of a part of the text."""

    path: str
    line: int
    kind: str
    operator: str = ""
    occurrence: int = 0
    start: int = 0
    end: int = 0
    replacement: str = ""

    def plant(self, root: Path) -> Mutation | None:
        """None where nothing would change, or the file would be no Python any more."""
        text = (root / self.path).read_text()
        if self.operator:
            mutated = mutate_code(text, get_operator(f"core/{self.operator}")(), self.occurrence)
        else:
            mutated = text[: self.start] + self.replacement + text[self.end :]
        if mutated is None or mutated == text or not _compiles(self.path, mutated):
            return None
        line, before, after = _difference(text, mutated)
        return Mutation(self.path, line, self.kind, before, after, mutated)


def places(root: Path, path: str) -> Iterator[Place]:
    """All the places of one file."""
    text = (root / path).read_text()
    if path.endswith(".sql"):
        yield from _in_sql(path, text, 0, re.sub(r"--.*", lambda comment: " " * len(comment[0]), text))
        return
    tree = ast.parse(text)
    skipped = _skipped_lines(tree)
    every_place = [*_of_cosmic_ray(path, text), *_in_statements(path, text, tree), *_in_texts(path, text, tree)]
    yield from (place for place in every_place if place.line not in skipped)


def files(root: Path) -> list[str]:
    paths = [path for folder in FOLDERS for ending in ("py", "sql") for path in (root / folder).rglob(f"*.{ending}")]
    names = (path.relative_to(root).as_posix() for path in paths)
    return sorted(name for name in names if not _LEFT_ALONE.match(name))


def _of_cosmic_ray(path: str, text: str) -> Iterator[Place]:
    nodes = list(ast_nodes(get_ast(text)))
    for kind, names in _OPERATORS.items():
        for name in names:
            operator, occurrence = get_operator(f"core/{name}")(), 0
            for node in nodes:
                for start, _ in operator.mutation_positions(node):
                    yield Place(path, start[0], kind, name, occurrence)
                    occurrence += 1


def _in_statements(path: str, text: str, tree: ast.Module) -> Iterator[Place]:
    """Statements left out; and conditions, locks and order left out of queries."""
    offsets = _Offsets(text)
    for node in ast.walk(tree):
        match node:
            case ast.Raise(exc=ast.AST()) | ast.Expr(value=ast.Await() | ast.Call()):
                yield Place(path, node.lineno, "statement", start=offsets.start(node), end=offsets.end(node), replacement="pass")
            case ast.Call(func=ast.Attribute(value=value, attr=attribute)) if attribute in _PARTS:
                kind = _PARTS[attribute]
                yield Place(path, _line_of_end(value), kind, start=offsets.end(value), end=offsets.end(node))
                if attribute == "where" and len(node.args) > 1:
                    for argument in node.args:
                        yield _without_argument(path, text, offsets, argument)
            case ast.BinOp(op=ast.BitAnd()):
                yield Place(path, node.lineno, "query", start=offsets.end(node.left), end=offsets.end(node))
                yield Place(path, node.lineno, "query", start=offsets.start(node.left), end=offsets.start(node.right))


def _line_of_end(node: ast.expr) -> int:
    assert node.end_lineno is not None
    return node.end_lineno


def _without_argument(path: str, text: str, offsets: "_Offsets", argument: ast.expr) -> Place:
    end = offsets.end(argument)
    comma = re.match(r"\s*,", text[end:])
    return Place(
        path, argument.lineno, "query", start=offsets.start(argument), end=end + (len(comma[0]) if comma else 0), replacement=""
    )


def _in_texts(path: str, text: str, tree: ast.Module) -> Iterator[Place]:
    """In the SQL of a module's texts."""
    offsets = _Offsets(text)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and _is_sql(node) and id(node) not in docstrings:
            start, end = offsets.start(node), offsets.end(node)
            yield from _in_sql(path, text, start, text[start:end])


def _in_sql(path: str, text: str, begin: int, part: str) -> Iterator[Place]:
    for kind, changes in _IN_SQL.items():
        for pattern, replacement in changes:
            for match in re.finditer(pattern, part):
                start = begin + match.start()
                line = text.count("\n", 0, start + len(match[0]) - len(match[0].lstrip())) + 1
                yield Place(path, line, kind, start=start, end=begin + match.end(), replacement=replacement)


def _skipped_lines(tree: ast.Module) -> set[int]:
    """Lines of annotations, decorators, assertions and of a module's or class's plain constants."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Assert() | ast.Import() | ast.ImportFrom():
                skipped |= _lines(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                skipped |= set(range(min(_first_lines(node)), node.body[0].lineno))
            case ast.AnnAssign(annotation=annotation):
                skipped.add(annotation.lineno)
            case ast.Module(body=body) | ast.ClassDef(body=body):
                skipped |= {decorator.lineno for decorator in getattr(node, "decorator_list", [])}
                for statement in body:
                    if isinstance(statement, ast.Assign | ast.AnnAssign) and not any(map(_has_logic, ast.walk(statement))):
                        skipped |= _lines(statement)
    return skipped


def _has_logic(node: ast.AST) -> bool:
    """Is it a comparison, a query, or a text of SQL?"""
    match node:
        case ast.Compare() | ast.Call(func=ast.Attribute(attr="where" | "filter" | "order_by")):
            return True
    return _is_sql(node)


def _is_sql(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(_SQL.search(node.value))


def _first_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[int]:
    yield node.lineno
    yield from (decorator.lineno for decorator in node.decorator_list)


def _lines(node: ast.stmt) -> set[int]:
    return set(range(node.lineno, (node.end_lineno or node.lineno) + 1))


class _Offsets:
    """Where a node stands in a text. Python counts the bytes of a line, and we its characters."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def start(self, node: ast.expr | ast.stmt) -> int:
        return self._offset(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._offset(node.end_lineno, node.end_col_offset)

    def _offset(self, line: int, column: int) -> int:
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())


def _compiles(path: str, text: str) -> bool:
    if not path.endswith(".py"):
        return True
    try:
        compile(text, path, "exec")
    except SyntaxError:
        return False
    return True


def _difference(text: str, mutated: str) -> tuple[int, str, str]:
    """The first line that differs, and what it says before and after."""
    before, after = text.splitlines(), [*mutated.splitlines(), ""]
    pairs = enumerate(zip(before, after, strict=False))
    number = next((place for place, (old, new) in pairs if old != new), len(before) - 1)
    return number + 1, before[number].strip(), after[number].strip()
