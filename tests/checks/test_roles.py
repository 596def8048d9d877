"""A role's defaults, its specification and its page tell the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.checks.common import REPO

ROLES = sorted(path.parent.parent for path in REPO.glob("roles/*/tasks/main.yml"))
PYTHON_TYPES = {
    "raw": object,
    "str": str,
    "int": int,
    "bool": bool,
    "float": float,
    "dict": dict,
    "list": list,
    "path": str,
}


@pytest.fixture(params=ROLES, ids=lambda role: role.name)
def role(request: pytest.FixtureRequest) -> Path:
    """Each role."""
    found: Path = request.param
    return found


def defaults(role: Path) -> dict[str, Any]:
    """The variables of the role with their defaults."""
    return yaml.safe_load((role / "defaults/main.yml").read_text()) or {}


def options(role: Path) -> dict[str, Any]:
    """The variables of the role as its specification has them."""
    entries = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"].values()
    return {name: option for entry in entries for name, option in entry["options"].items()}


def test_the_specification_has_the_keys_of_the_defaults(role: Path) -> None:
    without_default = {
        name for name, option in options(role).items() if option.get("required") or "default" not in option
    }
    assert set(options(role)) - without_default <= set(defaults(role))
    assert set(defaults(role)) <= set(options(role))


def test_a_variable_without_a_default_is_named_in_the_defaults_file(role: Path) -> None:
    text = (role / "defaults/main.yml").read_text()
    for name in set(options(role)) - set(defaults(role)):
        assert re.search(rf"^# ?{name}:", text, re.MULTILINE), f"{name} is not in defaults/main.yml"


def test_every_default_is_the_specified_one_and_of_its_type(role: Path) -> None:
    for name, value in defaults(role).items():
        option = options(role)[name]
        assert option.get("default", value) == value, f"{name}: the specification has another default"
        if not (isinstance(value, str) and "{{" in value) and value is not None:
            kind = PYTHON_TYPES[option["type"]]
            assert isinstance(value, kind), f"{name}: {value!r} is no {option['type']}"
            assert isinstance(value, bool) == (kind is bool), f"{name}: {value!r} is no {option['type']}"


def test_every_variable_is_explained_and_carries_the_name_of_a_role(role: Path) -> None:
    for name, option in options(role).items():
        assert option["description"], f"{name} is not explained"
        assert name.startswith(f"{role.name}_") or (role.name == "sglang_plan" and name.startswith("sglang_")), (
            f"{name} is not the role's"
        )


def test_the_page_of_the_role_names_every_variable(role: Path) -> None:
    page = (role / "README.md").read_text()
    missing = [name for name in options(role) if name not in page]
    assert not missing
