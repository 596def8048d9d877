# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service that copies, and how the program is asked."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._release import host
from ansible_collections.multinode.sglang.plugins.module_utils._release.host import Program, ReleaseError

RELEASE = {"name": "llama", "store": "/data/llama", "source": "/mnt/my models/llama"}


def words_of(**options: Any) -> list[str]:
    """Return the command that starts the service."""
    return host.service_words(
        {**RELEASE, "port": 21500}, ["python3", "x"], {"Nice": 10}, (options.get("opened", []), 21500)
    )


def properties(words: list[str], name: str) -> list[str]:
    """Return the values of a property."""
    return [word.partition(f"{name}=")[2] for word in words if word.startswith(f"--property={name}=")]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "../x"}, "is not a name for a systemd unit"),
        ({"source": ""}, "an element has no source"),
        ({"store": "x"}, "is no absolute path"),
    ],
)
def test_a_release_that_cannot_be_is_refused(changes: dict[str, Any], sentence: str) -> None:
    host.check(RELEASE)
    with pytest.raises((ReleaseError, ValueError), match=sentence):
        host.check({**RELEASE, **changes})


def test_the_service_ends_with_the_command() -> None:
    words = words_of()
    assert words[words.index("--") + 1 :] == ["python3", "x"]
    assert "--unit=sglang-release-llama.service" in words
    assert properties(words, "Nice") == ["10"]
    assert properties(words, "ExecStartPre") == []
    assert properties(words, "ExecStopPost") == ["-/bin/rm -f /run/sglang-release/llama.json"]


def test_a_port_is_open_to_the_others_for_as_long_as_the_service_lives() -> None:
    words = words_of(opened=["10.0.0.1", "10.0.0.2", "fd00::1"])
    assert properties(words, "ExecStartPre") == [
        "/usr/sbin/iptables -w -I INPUT -p tcp --dport 21500 -s 10.0.0.1,10.0.0.2 -j ACCEPT",
        "/usr/sbin/ip6tables -w -I INPUT -p tcp --dport 21500 -s fd00::1 -j ACCEPT",
    ]
    opened = [rule.replace("-I INPUT", "-D INPUT") for rule in properties(words, "ExecStartPre")]
    assert properties(words, "ExecStopPost")[:2] == [f"-{rule}" for rule in opened]


@pytest.mark.parametrize(
    ("text", "on"),
    [
        ("# /etc/ufw/ufw.conf\nENABLED=yes\nLOGLEVEL=low\n", True),
        ("ENABLED=no\n", False),
        ("#ENABLED=yes\n", False),
        ("", False),
    ],
)
def test_whether_ufw_refuses(text: str, on: bool) -> None:
    assert host.ufw_is_on(text) is on


def test_the_program_is_told_what_the_release_says() -> None:
    words = host.sync_words({**RELEASE, "expected": "d", "exact": True, "threads": 4, "stall": None}, "r1", peers=True)
    assert words == [
        "sync", "/data/llama", "--source", "/mnt/my models/llama", "--run", "r1", "--threads", "4",
        "--expect", "d", "--exact", "yes", "--peers", "/run/sglang-release/llama.json",
    ]  # fmt: skip
    assert "--peers" not in host.sync_words(RELEASE, "r1", peers=False)


def test_the_token_is_for_root_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "RUN_DIRECTORY", str(tmp_path / "run"))
    for token in ("one", "two"):
        host.write_peers("llama", {"token": token})
    path = tmp_path / "run/llama.json"
    assert json.loads(path.read_text()) == {"token": "two"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [name.name for name in path.parent.iterdir()] == ["llama.json"]


def test_the_token_follows_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "RUN_DIRECTORY", str(tmp_path))
    (tmp_path / "llama.json.new").symlink_to(tmp_path / "elsewhere")
    host.write_peers("llama", {"token": "one"})
    assert not (tmp_path / "elsewhere").exists()


def test_the_program_appears_complete_and_once(tmp_path: Path) -> None:
    path = str(tmp_path / "library/abc")
    for _attempt in range(2):
        host.write_program(path, {"release.py": "x", "_release/cli.py": "y"})
    assert Path(path, "_release/cli.py").read_text() == "y"
    assert os.listdir(tmp_path / "library") == ["abc"]


def asked(rc: int, out: str, err: str = "") -> Any:
    """Ask a program that answers so."""
    return Program("/p", "release.py", lambda *_words, **_options: (rc, out, err)).ask("list", name="llama", limit=7)


def test_a_refusal_names_the_release() -> None:
    with pytest.raises(ReleaseError, match="llama: no space"):
        asked(1, '{"failed": true, "msg": "no space"}')
    with pytest.raises(ReleaseError, match="llama: the program of releases failed: usage"):
        asked(2, "", "usage")
    with pytest.raises(ReleaseError, match="llama: listing the source took more than 7 s"):
        asked(137, "")


def test_a_verification_that_finds_something_is_an_answer() -> None:
    assert asked(1, '{"ok": false, "failed": true}') == {"ok": False, "failed": True}


@pytest.mark.parametrize(
    ("journal", "word"),
    [
        ('x\n{"failed": true, "msg": "busy"}\ny\n', "busy"),
        ("Traceback\nOSError: no\n", "OSError: no"),
        ("", "its journal is empty"),
        ("7", "7"),
    ],
)
def test_the_last_word_of_a_service(journal: str, word: str) -> None:
    assert host.last_word(journal) == word
