"""The map of the services names what is there: whoever looks for a feature finds its modules."""

import re
from pathlib import Path

import pytest

from core import services

MODULES = sorted(path.stem for path in Path(services.__file__).parent.glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("module", MODULES)
def test_every_service_is_on_the_map(module: str) -> None:
    assert re.search(rf"\b{module}\b", services.__doc__ or ""), f"{module} is missing in the docstring of core/services"


def test_the_map_names_no_module_that_is_gone() -> None:
    named = set(re.findall(r"\b[a-z]+_[a-z_]+\b", services.__doc__ or ""))
    assert named <= set(MODULES)
