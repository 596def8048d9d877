# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The launcher: secrets are in no command line, a router never starts without them, and waiting is bounded."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from ...fake_server import FakeServer

Launch = Callable[..., "subprocess.CompletedProcess[str]"]
MODULE = """
import json, os, pathlib, sys
seen = pathlib.Path(f"/proc/{os.getpid()}/cmdline").read_text().split(chr(0))
generation = pathlib.Path(os.environ["RUNTIME_DIRECTORY"], "generation").read_text()
print(json.dumps({"argv": sys.argv, "name": __name__, "seen": seen, "generation": generation}))
"""


@pytest.fixture
def launch(library: pathlib.Path) -> Launch:
    """Run the launcher to its end."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(library / "router.py"), *arguments]
        environ = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environment}
        return subprocess.run(command, check=False, capture_output=True, text=True, env=environ, timeout=30)

    return run


@pytest.fixture
def environment(tmp_path: pathlib.Path) -> dict[str, str]:
    """Return what systemd sets for a router, which is a small module here."""
    (tmp_path / "modules/fake_router").mkdir(parents=True)
    (tmp_path / "modules/fake_router/launch.py").write_text(MODULE)
    (tmp_path / "credentials").mkdir()
    return {
        "PYTHONPATH": str(tmp_path / "modules"),
        "RUNTIME_DIRECTORY": str(tmp_path),
        "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials"),
        "SGLANG_UNIT_DIGEST": "abc",
    }


def test_a_router_gets_its_arguments_and_the_secrets_unseen(
    launch: Launch, environment: dict[str, str], tmp_path: pathlib.Path
) -> None:
    (tmp_path / "credentials/secrets.json").write_text(json.dumps(["--api-key", "canary"]))
    done = launch("run-with-secrets", "fake_router.launch", "--port", "8000", "--help", **environment)
    told = json.loads(done.stdout)
    assert told["argv"][1:] == ["--port", "8000", "--help", "--api-key", "canary"]
    assert told["name"] == "__main__"
    assert "canary" not in " ".join(told["seen"])
    assert told["generation"] == "abc\n"


def test_without_secrets_there_are_none(launch: Launch, environment: dict[str, str], tmp_path: pathlib.Path) -> None:
    (tmp_path / "credentials/secrets.json").write_text(json.dumps(["--api-key", "canary"]))
    told = json.loads(launch("run", "fake_router.launch", "--port", "8000", **environment).stdout)
    assert told["argv"][1:] == ["--port", "8000"]


def test_a_router_never_starts_without_the_secrets_that_it_should_have(
    launch: Launch, environment: dict[str, str], tmp_path: pathlib.Path
) -> None:
    done = launch("run-with-secrets", "fake_router.launch", **environment)
    assert done.returncode == 1
    assert done.stderr.startswith("refused: systemd did not pass the secrets of this unit")
    assert "No such file or directory" in done.stderr
    assert not (tmp_path / "generation").exists()


@pytest.fixture
def status() -> Iterator[tuple[str, list[int]]]:
    """Serve a router's URL; the list's last number is the status of its answers."""
    codes = [200]

    class Router(FakeServer):
        def respond(self, _method: str, path: str, _key: str, _body: str) -> tuple[int, str]:
            return (codes[-1] if path == "/readiness" else 404), ""

    router = Router()
    yield f"http://127.0.0.1:{router.port}", codes
    router.close()


@pytest.fixture
def waited(launch: Launch) -> Callable[..., float]:
    """Wait for a router; return for how long, with a clean end."""

    def wait(url: str, seconds: float, **environment: str) -> float:
        begin = time.monotonic()
        assert launch("wait", url, str(seconds), **environment).returncode == 0
        return time.monotonic() - begin

    return wait


@pytest.mark.parametrize("code", [200, 401, 404])
def test_a_router_that_serves_ends_the_wait(
    waited: Callable[..., float], status: tuple[str, list[int]], code: int
) -> None:
    status[1].append(code)
    assert waited(status[0], 20) < 10


def test_proxies_of_the_environment_are_not_asked(waited: Callable[..., float], status: tuple[str, list[int]]) -> None:
    assert waited(status[0], 20, http_proxy="http://127.0.0.1:9") < 10


def test_a_router_without_workers_is_waited_for_but_not_for_ever(
    waited: Callable[..., float], status: tuple[str, list[int]]
) -> None:
    status[1].append(503)
    assert waited(status[0], 1.5) >= 1.5


def test_the_wait_ends_with_the_router(waited: Callable[..., float], status: tuple[str, list[int]]) -> None:
    status[1].append(503)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert waited(status[0], 20, MAINPID=str(ended.pid)) < 10
    assert waited(status[0], 1.5, MAINPID=str(os.getpid())) >= 1.5


def test_nobody_there_is_no_error(waited: Callable[..., float]) -> None:
    assert waited("http://127.0.0.1:9", 0.5) >= 0.5
