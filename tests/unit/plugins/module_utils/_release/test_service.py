# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service that copies: its program, its request and its end."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Release
from ansible_collections.multinode.sglang.plugins.module_utils._release import service
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.cli import load
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.errors import Refused
from ansible_collections.multinode.sglang.plugins.module_utils._release.service import Service

RELEASE = Release("llama", "/data/llama", "/mnt/my models/llama", "d", "", 2, "10.0.0.1", 21500, exact=True)


@pytest.fixture(autouse=True)
def directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Directories of the test."""
    monkeypatch.setattr(service, "REQUESTS", str(tmp_path / "run"))
    monkeypatch.setattr(service, "LIBRARY", str(tmp_path / "library"))


def test_the_service_removes_the_request_with_its_secret(tmp_path: Path) -> None:
    words = service.service_words(RELEASE, ["python3", "x"], {"Nice": 10, "ProtectHome": None})
    assert words[words.index("--") + 1 :] == ["python3", "x"]
    assert "--unit=sglang-release-llama.service" in words
    assert "--property=Nice=10" in words
    assert f'--property=ReadWritePaths="-/data/llama" {tmp_path}/run' in words
    assert not [word for word in words if word.startswith("--property=ProtectHome")]
    assert f"--property=ExecStopPost=-/bin/rm -f {tmp_path}/run/llama.json" in words


def test_the_request_is_what_the_program_reads(tmp_path: Path) -> None:
    plan = {"own": 1, "hosts": [["10.0.0.1", 21500], ["10.0.0.2", 21500]], "grace": 60, "linger": 60, "token": "t"}
    service.write_request(RELEASE, "r1", plan)
    store, request = load(f"{tmp_path}/run/llama.json")
    assert (store.root, request.source, request.expect) == ("/data/llama", "/mnt/my models/llama", "d")
    assert (request.run, request.exact) == ("r1", True)
    assert request.plan is not None
    assert (request.plan.own, request.plan.hosts[1]) == (1, ("10.0.0.2", 21500))
    service.write_request(RELEASE, "r2", None)
    assert load(f"{tmp_path}/run/llama.json")[1].plan is None


def test_the_request_is_for_root_alone(tmp_path: Path) -> None:
    for run in ("one", "two"):
        service.write_request(RELEASE, run, None)
    path = tmp_path / "run/llama.json"
    assert json.loads(path.read_text())["run"] == "two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [name.name for name in path.parent.iterdir()] == ["llama.json"]


def test_the_request_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/llama.json.new").symlink_to(tmp_path / "elsewhere")
    service.write_request(RELEASE, "one", None)
    assert not (tmp_path / "elsewhere").exists()


def test_the_program_appears_complete_and_once(tmp_path: Path) -> None:
    path = str(tmp_path / "library/abc")
    for _attempt in range(2):
        service.write_program(path, {"release.py": "x", "_release/cli.py": "y"})
    assert Path(path, "_release/cli.py").read_text() == "y"
    assert os.listdir(tmp_path / "library") == ["abc"]


def test_the_program_has_all_its_files() -> None:
    folder = Path(service.__file__).with_name("program")
    names = {f"_release.program.{path.stem}" for path in folder.glob("*.py")} - {"_release.program.__init__"}
    assert set(service.MODULES) == {*names, "_base.reading", "_base.text"}


def test_another_version_of_the_program_lies_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    files = service.program_files()
    first = service.install()
    assert service.install() == first
    monkeypatch.setattr(service, "program_files", lambda: {**files, "multinode_sglang/_release/program/copy.py": ""})
    assert service.install() != first
    assert Path(first).read_text() == files[service.LAUNCHER]


def test_a_service_that_cannot_start_is_refused() -> None:
    with pytest.raises(Refused, match="systemd-run failed: no such property"):
        Service(lambda *_words, **_options: (1, "", "no such property"), {}).start(RELEASE)


@pytest.mark.parametrize(
    ("journal", "message"),
    [
        ('x\n{"msg": "busy"}\ny\n', "busy"),
        ("Traceback\nOSError: no\n", "OSError: no"),
        ("", "its journal is empty"),
        ("7", "7"),
    ],
)
def test_the_last_message_of_a_service(journal: str, message: str) -> None:
    def run(*_words: Any, **_options: Any) -> tuple[int, str, str]:
        return 0, journal, ""

    assert Service(run, {}).why("llama") == message
