# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which release a server gets."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._units.models import UNKNOWN, links, resolved
from ansible_collections.multinode.sglang.plugins.module_utils._units.server import Unit

DIGESTS = ("1" * 64, "2" * 64)


def unit(*argv: str, **changes: Any) -> Unit:
    """Return a unit of the plan."""
    base: dict[str, Any] = {
        "name": "sglang-a-0", "instance": "a-0", "deployment": "a", "rank": 0, "nnodes": 1, "address": "10.0.0.11",
        "ranks": [], "ports": {}, "gpus": [0], "argv": ["-m", "sglang.launch_server", *argv], "environment": {}, "digest": "1",
    }  # fmt: skip
    return Unit.from_plan({**base, **changes})


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


def test_the_release_is_named_and_told_and_the_api_keeps_its_name(store: pathlib.Path) -> None:
    found = resolved(unit("--model-path", f"{store}/current", "--tp-size", "2"), {})
    assert found.argv[2:] == (
        "--model-path", f"{store}/releases/{DIGESTS[0]}", "--tp-size", "2",
        "--weight-version", DIGESTS[0], "--served-model-name", f"{store}/current",
    )  # fmt: skip


def test_what_the_plan_says_stays(store: pathlib.Path) -> None:
    argv = [f"--model-path={store}/current", "--weight-version", "v1", "--served-model-name=llama"]
    assert resolved(unit(*argv), {}).argv[2:] == (f"--model-path={store}/releases/{DIGESTS[0]}", *argv[1:])


def test_ranks_with_different_releases_never_start_together(store: pathlib.Path) -> None:
    argv = ["--model-path", f"{store}/current", "--weight-version", "v1", "--served-model-name", "llama"]
    first = resolved(unit(*argv), {})
    flip(store)
    assert resolved(unit(*argv), {}).digest != first.digest


def test_a_model_elsewhere_is_left_alone(store: pathlib.Path) -> None:
    (store / "other").mkdir()
    (store / "other/current").symlink_to("../releases")
    for path in (f"{store}", f"{store}/none/current", f"{store}/other/current", "Qwen/Qwen3-8B"):
        assert resolved(unit("--model-path", path), {}) == unit("--model-path", path)


def test_a_check_shows_where_the_link_will_lead(store: pathlib.Path) -> None:
    argv = ["--model-path", f"{store}/current"]
    now = resolved(unit(*argv), {})
    assert resolved(unit(*argv), {str(store): DIGESTS[0], "/other": DIGESTS[1]}) == now
    flip(store)
    then = resolved(unit(*argv), {})
    assert resolved(unit(*argv), {str(store): DIGESTS[1]}) == then != now
    unknown = resolved(unit(*argv), {str(store): ""})
    assert unknown.argv[3] == f"{store}/releases/{UNKNOWN}"
    assert unknown.digest not in {now.digest, then.digest}


def test_every_path_is_that_of_a_release_and_no_other_word(store: pathlib.Path) -> None:
    link, release = f"{store}/current", f"{store}/releases/{DIGESTS[0]}"
    argv = [
        "--model-path",
        "/models/a",
        "--speculative-draft-model-path",
        link,
        f"--tokenizer-path={link}",
        "--served-model-name",
        link,
    ]
    found = resolved(unit(*argv, "--tp-size", "2", "--pp-size", "2"), {})
    assert found.argv[2:] == (
        "--model-path", "/models/a", "--speculative-draft-model-path", release, f"--tokenizer-path={release}", "--served-model-name", link,
        "--tp-size", "2", "--pp-size", "2",
    )  # fmt: skip
    assert found.digest != "1"


def test_links_are_known_by_their_place() -> None:
    argv = [
        "--model-path",
        "/data/a/current",
        "--speculative-draft-model-path=/data/b/current",
        "--tokenizer-path",
        "owner/current",
    ]
    assert links(unit(*argv, "--served-model-name", "/data/c/current")) == ("/data/a/current", "/data/b/current")
