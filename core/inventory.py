"""Finds every refusal and every SMS text of a package, for the lints of menus and catalogues."""

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from types import ModuleType

import core
from core.errors import Refusal


@cache
def list_refusals() -> tuple[type[Refusal], ...]:
    """Every refusal of `core`, in the order of its modules."""
    return tuple(
        value
        for module in _modules(core)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Refusal) and value is not Refusal and value.__module__ == module.__name__
    )


def list_texts(package: ModuleType) -> tuple[str, ...]:
    """Every SMS that a package writes: the constants of its modules called `texts`."""
    return tuple(
        value
        for module in _modules(package)
        if module.__name__.endswith(".texts")
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str)
    )


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for submodule in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        # Only Alembic itself can import its versions.
        if not submodule.name.startswith("core.migrations."):
            yield importlib.import_module(submodule.name)
