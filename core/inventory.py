"""Every refusal and every SMS text of a package, found by looking: what the lints hold against the menus and the catalogues."""

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from types import ModuleType

import core
from core.errors import Refusal


@cache
def list_refusals() -> tuple[type[Refusal], ...]:
    """Every refusal of the core, by where it is written."""
    return tuple(
        value
        for module in _modules(core)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Refusal) and value is not Refusal and value.__module__ == module.__name__
    )


def list_texts(package: ModuleType) -> tuple[str, ...]:
    """Every SMS that a package writes: the constants of its modules that are called `texts`."""
    return tuple(
        value
        for module in _modules(package)
        if module.__name__.endswith(".texts")
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str)
    )


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for submodule in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        # Alembic's own files run only where it calls them.
        if not submodule.name.startswith("core.migrations."):
            yield importlib.import_module(submodule.name)
