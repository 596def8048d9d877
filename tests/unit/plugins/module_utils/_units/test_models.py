# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which release a server gets."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Option, ServerUnit
from ansible_collections.multinode.sglang.plugins.module_utils._units.models import UNKNOWN, Resolved, links, resolved

from ...planned import options, server

DIGESTS = ("1" * 64, "2" * 64)


def unit(model: str, **named: Any) -> ServerUnit:
    """Return a server of a model with further options."""
    return server(model=model, options=options(model_path=model, **named), served_model="name")


@pytest.fixture
def store(tmp_path: pathlib.Path) -> pathlib.Path:
    """A store with two releases."""
    for digest in DIGESTS:
        (tmp_path / "releases" / digest).mkdir(parents=True)
    (tmp_path / "current").symlink_to(f"releases/{DIGESTS[0]}")
    return tmp_path


def flip(store: pathlib.Path) -> None:
    """Make the other release the current one."""
    (store / "current").unlink()
    (store / "current").symlink_to(f"releases/{DIGESTS[1]}")


def test_the_release_is_named_and_the_api_keeps_its_name(store: pathlib.Path) -> None:
    release = f"{store}/releases/{DIGESTS[0]}"
    found = resolved(unit(f"{store}/current", tp_size=2), {})
    assert found.releases == (DIGESTS[0],)
    assert found.unit.model == release
    assert found.unit.options == options(
        model_path=release, tp_size=2, weight_version=DIGESTS[0], served_model_name="name"
    )


def test_what_the_plan_sets_stays(store: pathlib.Path) -> None:
    further = {"weight_version": "v1", "served_model_name": "llama"}
    found = resolved(unit(f"{store}/current", **further), {}).unit
    assert found.options == options(model_path=f"{store}/releases/{DIGESTS[0]}", **further)


def test_ranks_with_different_releases_never_start_together(store: pathlib.Path) -> None:
    planned = unit(f"{store}/current", weight_version="v1", served_model_name="llama")
    first = resolved(planned, {})
    flip(store)
    assert resolved(planned, {}).releases != first.releases


def test_a_model_elsewhere_is_left_alone(store: pathlib.Path) -> None:
    (store / "other").mkdir()
    (store / "other/current").symlink_to("../releases")
    for path in (f"{store}", f"{store}/none/current", f"{store}/other/current", "Qwen/Qwen3-8B"):
        assert resolved(unit(path), {}) == Resolved(unit(path))


def test_a_check_shows_where_the_link_will_lead(store: pathlib.Path) -> None:
    planned = unit(f"{store}/current")
    now = resolved(planned, {})
    assert resolved(planned, {str(store): DIGESTS[0], "/other": DIGESTS[1]}) == now
    flip(store)
    then = resolved(planned, {})
    assert resolved(planned, {str(store): DIGESTS[1]}) == then != now
    unknown = resolved(planned, {str(store): ""})
    assert unknown.unit.model == f"{store}/releases/{UNKNOWN}"
    assert unknown.releases == (UNKNOWN,)


def test_every_path_is_that_of_a_release_and_no_other_value(store: pathlib.Path) -> None:
    link, release = f"{store}/current", f"{store}/releases/{DIGESTS[0]}"
    found = resolved(
        unit("/models/a", speculative_draft_model_path=link, tokenizer_path=link, served_model_name=link), {}
    )
    assert found.unit.options == options(
        model_path="/models/a", speculative_draft_model_path=release, tokenizer_path=release, served_model_name=link
    )
    assert found.releases == (DIGESTS[0],)


def test_links_are_the_paths_of_the_options() -> None:
    further = {"speculative_draft_model_path": "/data/b/current", "tokenizer_path": "owner/current"}
    planned = unit("/data/a/current", **further, served_model_name="/data/c/current")
    assert links(planned) == ("/data/a/current", "/data/b/current")


def test_an_option_with_several_values_is_no_path() -> None:
    several = Option("lora-path", ("/data/a/current", "/data/b/current"))
    assert links(server(options=(several,))) == ()
