# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talking to a router: its keys, its list, and what it refuses."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base import paths, probe
from ansible_collections.multinode.sglang.plugins.module_utils._router.api import (
    Keys,
    Listed,
    RouterError,
    RunningRouter,
    listed_workers,
    read_keys,
)

from ...fake_router import FakeRouter
from ...planned import worker


@pytest.fixture(autouse=True)
def config(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the files of routers in a directory of this test, and the test pass for the unit of the router."""
    monkeypatch.setattr(paths, "CONFIG_DIR", str(tmp_path))
    monkeypatch.setattr(probe, "other_end", lambda *_words: {"unit": "sglang-router-a.service"})


@pytest.fixture
def fake() -> Iterator[FakeRouter]:
    router = FakeRouter(key="K", control="admin:key")
    yield router
    router.close()


def with_secrets(tmp_path: pathlib.Path, *arguments: str) -> None:
    """Write the arguments of the launcher."""
    (tmp_path / "sglang-router-a").mkdir()
    (tmp_path / "sglang-router-a" / "secrets.json").write_text(json.dumps(arguments))


@pytest.mark.parametrize(
    ("arguments", "api", "control"),
    [
        ([], "", ""),
        (["--api-key", "K"], "K", ""),
        (["--api-key", "K=L"], "K=L", ""),
        (["--control-plane-api-keys", "u:n:user:U", "a:n:admin:A:B", "b:n:admin:C", "--api-key", "K"], "K", "A:B"),
        (["--control-plane-api-keys", "a:n:Admin:A"], "", "A"),
        (["--control-plane-api-keys", "u:n:user:U", "--jwt-issuer", "x:y:admin:z"], "", ""),
    ],
)
def test_keys_of_the_launchers_arguments(arguments: list[str], api: str, control: str) -> None:
    assert Keys.from_arguments(arguments) == Keys(api, control)


def test_keys_are_in_no_representation() -> None:
    assert "secret" not in repr(Keys("secret", "secret"))


def test_no_file_means_no_keys_and_a_broken_one_is_an_error(tmp_path: pathlib.Path) -> None:
    assert read_keys(str(tmp_path / "none")) == Keys()
    (tmp_path / "broken").write_text("[")
    with pytest.raises(RouterError, match="broken is not JSON"):
        read_keys(str(tmp_path / "broken"))


@pytest.mark.parametrize("text", ["5", "null", '"--api-key"', '{"--api-key": "K"}'])
def test_secrets_that_are_no_list_are_an_error(tmp_path: pathlib.Path, text: str) -> None:
    (tmp_path / "broken").write_text(text)
    with pytest.raises(RouterError, match="broken is not a list of arguments; deploy this router again"):
        read_keys(str(tmp_path / "broken"))


def test_the_list_of_both_packages() -> None:
    listed = listed_workers(
        json.dumps(
            {
                "workers": [
                    {
                        "id": "1",
                        "url": "http://p:1/",
                        "worker_type": "prefill",
                        "bootstrap_port": 8998,
                        "is_healthy": True,
                    },
                    {
                        "id": "2",
                        "url": "http://d:1",
                        "worker_type": "decode",
                        "is_healthy": False,
                        "status": "draining",
                    },
                ]
            }
        )
    )
    assert listed["http://p:1"] == Listed("http://p:1", "prefill", 8998, True, False, ("1",))
    assert listed["http://d:1"] == Listed("http://d:1", "decode", 0, False, True, ("2",))


def test_the_ranks_of_data_parallelism_are_one_worker() -> None:
    ranks = [
        {"id": str(rank), "url": f"http://a:1@{rank}", "worker_type": "regular", "is_healthy": rank != 0}
        for rank in range(3)
    ]
    assert listed_workers(json.dumps({"workers": ranks})) == {
        "http://a:1": Listed("http://a:1", "regular", 0, False, False, ("0", "1", "2"))
    }


def test_each_call_has_the_key_that_it_wants(fake: FakeRouter, tmp_path: pathlib.Path) -> None:
    with_secrets(tmp_path, "--api-key", "K", "--control-plane-api-keys", "i:n:admin:admin:key")
    router = RunningRouter(fake.unit(worker(1, "prefill", 8998)))
    assert router.listed() == {}
    (place,) = router.workers
    assert router.add(router.workers[place])
    assert fake.asked[-1][2] == {"url": place, "worker_type": "prefill", "bootstrap_port": 8998, "api_key": "K"}
    assert list(router.listed()) == [place]
    assert router.complete(5) == (" Paris", "")


def test_a_wrong_key_names_the_file(fake: FakeRouter) -> None:
    with pytest.raises(
        RouterError, match=r"GET /workers answered 401: the keys in .*/sglang-router-a/secrets.json are not"
    ):
        RunningRouter(fake.unit()).listed()


def test_a_router_that_does_not_answer_is_named() -> None:
    fake = FakeRouter()
    fake.close()
    with pytest.raises(
        RouterError,
        match=r"router sglang-router-a on router1 \(http://127.*\): GET /workers: .*refused; see journalctl",
    ):
        RunningRouter(fake.unit()).listed()


def test_an_answer_that_is_no_list_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeRouter()
    monkeypatch.setattr(fake, "answer", lambda *_words: (200, {"hello": 1}))
    with pytest.raises(RouterError, match="the answer to GET /workers is not a list of workers"):
        RunningRouter(fake.unit()).listed()
    monkeypatch.setattr(fake, "answer", lambda *_words: (500, "broken"))
    with pytest.raises(RouterError, match='GET /workers answered 500: "broken"'):
        RunningRouter(fake.unit()).listed()
    fake.close()


@pytest.mark.parametrize("odd", [{"url": 5}, {"bootstrap_port": float("inf")}, {"bootstrap_port": "x"}])
def test_a_worker_that_is_none_is_an_error(monkeypatch: pytest.MonkeyPatch, odd: dict[str, object]) -> None:
    fake = FakeRouter()
    item = {"id": "1", "url": "http://a:1", "worker_type": "regular", "is_healthy": True, **odd}
    monkeypatch.setattr(fake, "answer", lambda *_words: (200, {"workers": [item]}))
    with pytest.raises(RouterError, match="the answer to GET /workers is not a list of workers"):
        RunningRouter(fake.unit()).listed()
    fake.close()


def test_a_known_url_is_not_added_and_what_is_gone_is_removed() -> None:
    fake = FakeRouter(smg=True)
    fake.hold(worker(1))
    router = RunningRouter(fake.unit(worker(1)))
    assert not router.add(worker(1))
    router.remove(Listed("http://10.0.0.9:30000", "decode", 0, True, False, ("gone",)))
    assert router.says_of(Listed("", "decode", 0, True, False, ("x",))) == "No workers found"
    fake.close()
