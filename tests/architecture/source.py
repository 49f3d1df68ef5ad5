"""The service's own source, for rules to look through. A rule answers with findings, `path:line what`, a line each."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[2]
PACKAGES = ("gateway", "menus", "core", "api")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """A file: its path as people name it, and its text. Made by hand where a rule itself is tested."""

    path: str
    text: str

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls(path.relative_to(ROOT).as_posix(), path.read_text())

    def tree(self) -> ast.Module:
        return _parsed(self.text)

    def nodes(self) -> Iterator[ast.AST]:
        return ast.walk(self.tree())

    def at(self, node: ast.AST, what: str) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)} {what}"


Rule = Callable[[Source], list[str]]


def sources(*folders: str, ending: str = ".py") -> list[Source]:
    """Every file of the folders whose name ends so."""
    found = [Source.read(path) for folder in folders for path in sorted((ROOT / folder).rglob(f"*{ending}"))]
    assert found, f"nothing in {folders} ends in {ending}: the rule would look at nothing"
    return found


@cache
def _parsed(text: str) -> ast.Module:
    """Most rules look at the same files."""
    return ast.parse(text)


def findings(rule: Rule, files: list[Source]) -> list[str]:
    return [finding for file in files for finding in rule(file)]


def dotted(node: ast.AST) -> str:
    """`os.environ` of the expression os.environ; empty for what is no plain path of names."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


def names(node: ast.AST) -> set[str]:
    """Every variable and attribute that an expression mentions."""
    walked = list(ast.walk(node))
    return {part.id for part in walked if isinstance(part, ast.Name)} | {
        part.attr for part in walked if isinstance(part, ast.Attribute)
    }
