# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of several hosts with the real program, whose services are processes of the test."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._release import host
from ansible_collections.multinode.sglang.plugins.module_utils._release.steps import Steps, actions_of, difference
from ansible_collections.multinode.sglang.plugins.plugin_utils._release import agree, program


class Host:
    """A host: its directory, and a systemd that runs services as processes."""

    def __init__(self, root: Path, number: int) -> None:
        self.root, self.number = root, number
        self.services: dict[str, subprocess.Popen[str]] = {}
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]
        host.write_program(str(root / "program"), program.files())

    def run(self, words: list[str], **_options: Any) -> tuple[int, str, str]:
        """Run a command of the module."""
        if words[0] == "systemd-run":
            unit = next(word.partition("=")[2] for word in words if word.startswith("--unit="))
            command = words[words.index("--") + 1 :]
            self.services[unit] = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            return 0, "", ""
        if words[0] == "systemctl":
            return self._systemctl(words[1], self.services.get(words[-1]))
        if words[0] == "journalctl":
            return 0, self.services[words[-1]].communicate()[0], ""
        done = subprocess.run(words, check=False, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    @staticmethod
    def _systemctl(verb: str, service: subprocess.Popen[str] | None) -> tuple[int, str, str]:
        active = service is not None and service.poll() is None
        if verb == "stop" and service:
            service.terminate()
            service.communicate()
        return (0 if active else 3), "", ""

    def release(self, source: Path, **changes: Any) -> dict[str, Any]:
        """Return the release of this host."""
        base = {
            "name": f"m{self.number}",
            "store": str(self.root / "store"),
            "source": str(source),
            "reserve": 1,
            "keep": 1,
        }
        return {**base, "address": "127.0.0.1", "port": self.port, **changes}

    def steps(self, **params: Any) -> Steps:
        """Return the steps of a call."""
        given = {
            "token": "t",
            "run": "r1",
            "firewall": True,
            "service_options": {},
            "references": [],
            "full": False,
            "timeout": 30,
            "others": True,
        }
        asked = host.Program(str(self.root / "program"), program.LAUNCHER_NAME, self.run)
        return Steps(asked, self.run, {**given, **params})


@pytest.fixture(autouse=True)
def directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Directories and an interpreter of the test."""
    monkeypatch.setattr(host, "RUN_DIRECTORY", str(tmp_path / "run"))
    monkeypatch.setattr(host, "_UFW", str(tmp_path / "ufw.conf"))
    monkeypatch.setattr(host, "PYTHON", (sys.executable, *program.INTERPRETER_OPTIONS))


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[list[Host]]:
    """Three hosts."""
    found = []
    for number in range(3):
        (tmp_path / f"host{number}").mkdir()
        found.append(Host(tmp_path / f"host{number}", number))
    yield found
    for one in found:
        for service in one.services.values():
            if service.poll() is None:
                service.kill()
            if service.stdout and not service.stdout.closed:
                service.communicate()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory to publish."""
    path = tmp_path / "source"
    path.mkdir()
    (path / "config.json").write_text("{}")
    (path / "weights.bin").write_bytes(bytes(range(256)) * 30000)
    return path


def bring(hosts: list[Host], source: Path, run: str = "r1") -> dict[str, Any]:
    """Take all steps but the last; return what the controller says."""
    looks = {"m": {str(one.number): one.steps().look(one.release(source)) for one in hosts}}
    entry = agree.plan(looks, 5)["m"]
    taking_part = [one for one in hosts if str(one.number) in entry["hosts"]]
    for one in taking_part:
        peers = {"own": entry["hosts"].index(str(one.number)), "hosts": entry["addresses"], "grace": 30, "linger": 30}
        one.steps(run=run).start(one.release(source, peers=peers if len(entry["hosts"]) > 1 else None))
    copies = {"m": {str(one.number): one.steps(run=run).follow(one.release(source), 60) for one in taking_part}}
    return {"copies": copies["m"], "digest": agree.agreed(looks, copies).get("m")}


def publish(hosts: list[Host], source: Path, digest: str, **params: Any) -> list[dict[str, Any]]:
    """Take the last step."""
    return [one.steps(**params).publish(one.release(source, digest=digest), check=False) for one in hosts]


def test_all_get_it_while_one_reads_and_nobody_switches_before_the_end(hosts: list[Host], source: Path) -> None:
    result = bring(hosts, source)
    size = sum(path.stat().st_size for path in source.iterdir())
    assert sum(copy["source_bytes"] for copy in result["copies"].values()) == size
    assert not any((one.root / "store/current").exists() for one in hosts)
    for entry in publish(hosts, source, result["digest"]):
        assert entry["flipped"]
        assert Path(entry["path"], "weights.bin").read_bytes() == (source / "weights.bin").read_bytes()
    assert all(service.poll() is not None for one in hosts for service in one.services.values())
    looks = {"m": {str(one.number): one.steps().look(one.release(source)) for one in hosts}}
    assert agree.plan(looks, 5) == {}
    assert actions_of("look", looks["m"]) == []


def test_a_new_host_gets_it_from_the_old_ones(hosts: list[Host], source: Path) -> None:
    first = bring(hosts[:2], source)
    publish(hosts[:2], source, first["digest"])
    second = bring(hosts, source, run="r2")
    assert second["digest"] == first["digest"]
    assert sum(copy["source_bytes"] for copy in second["copies"].values()) == 0
    assert [copy["changed"] for copy in second["copies"].values()] == [False, False, True]


def test_back_and_forth_and_what_is_old_goes(hosts: list[Host], source: Path) -> None:
    alone, digests = hosts[:1], []
    for text in ("one", "two", "three"):
        (source / "config.json").write_text(text)
        digests.append(bring(alone, source, run=text)["digest"])
        (published,) = publish(alone, source, digests[-1])
    assert published["removed"] == [digests[0]]
    found = alone[0].steps().look(alone[0].release(source, release="previous"))
    assert (found["digest"], found["missing"], found["current"]) == (digests[1], False, digests[2])
    assert actions_of("look", {"m": found}) == [f"m: switch from {digests[2]} to {digests[1]}"]
    assert difference("look", {"m": found}) == {"before": f"m: {digests[2]}\n", "after": f"m: {digests[1]}\n"}
    assert publish(alone, source, digests[1])[0]["flipped"]
    with pytest.raises(host.ReleaseError, match="the release is not there"):
        alone[0].steps().look(alone[0].release(source, release=digests[0]))


def test_a_unit_keeps_the_release_that_it_names(hosts: list[Host], source: Path, tmp_path: Path) -> None:
    alone, digests = hosts[:1], []
    for text in ("one", "two", "three"):
        (source / "config.json").write_text(text)
        digests.append(bring(alone, source, run=text)["digest"])
        (tmp_path / "a.service").write_text(f"--model-path /x/releases/{digests[0]}")
        (published,) = publish(alone, source, digests[-1], references=[f"{tmp_path}/*.service"])
    assert published["removed"] == []


def test_a_look_says_what_would_be_copied_and_leaves_nothing(hosts: list[Host], source: Path) -> None:
    before = sorted(hosts[0].root.iterdir())
    found = {"m": hosts[0].steps().look(hosts[0].release(source))}
    assert actions_of("look", found) == [f"m: copy 2 files, 7.7 MB, to {hosts[0].root}/store, and switch to them"]
    assert sorted(hosts[0].root.iterdir()) == before


def test_a_source_that_is_not_there_is_one_sentence(hosts: list[Host], source: Path) -> None:
    with pytest.raises(
        host.ReleaseError, match=f"m0: {source}/x cannot be read: .*; mount it or correct the path in sglang_models"
    ):
        hosts[0].steps().look(hosts[0].release(source / "x"))


def test_a_lack_of_space_is_told_before_anything_is_copied(hosts: list[Host], source: Path) -> None:
    with pytest.raises(host.ReleaseError, match=r"m0: .*store needs \d+\.\d\d GB and .* are free"):
        hosts[0].steps().look(hosts[0].release(source, reserve=10**9))


def test_copies_on_one_disk_share_its_space(hosts: list[Host], source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = sum(path.stat().st_size for path in source.iterdir())
    monkeypatch.setattr("os.statvfs", lambda _path: SimpleNamespace(f_bavail=1, f_frsize=int(1.5 * size) + (1 << 20)))
    steps = hosts[0].steps()
    steps.look(hosts[0].release(source))
    with pytest.raises(host.ReleaseError, match=r"two: .* are free"):
        steps.look(hosts[0].release(source, name="two", store=f"{hosts[0].root}/store2"))


def test_a_copy_that_cannot_begin_says_why(hosts: list[Host], source: Path) -> None:
    release, steps = hosts[0].release(source, expected="f" * 64), hosts[0].steps()
    steps.start(release)
    found = steps.follow(release, 60)
    assert found["state"] == "failed"
    assert "not f" in found["msg"]


def test_a_killed_copy_is_told_from_a_running_one(hosts: list[Host], source: Path) -> None:
    (hosts[0].root / "store/.state").mkdir(parents=True)
    status = {"run": "r1", "state": "running", "updated": 0}
    (hosts[0].root / "store/.state/status.json").write_text(json.dumps(status))
    hosts[0].services["sglang-release-m0.service"] = subprocess.Popen(
        ["echo", "Killed"], stdout=subprocess.PIPE, text=True
    )
    hosts[0].services["sglang-release-m0.service"].wait()
    found = hosts[0].steps().follow(hosts[0].release(source), 1)
    assert found == {"state": "failed", "msg": "the copy has ended: Killed"}


def test_a_run_that_was_left_behind_is_ended_by_the_next(hosts: list[Host], source: Path) -> None:
    left = subprocess.Popen(["sleep", "600"], stdout=subprocess.PIPE, text=True)
    hosts[0].services["sglang-release-m0.service"] = left
    bring(hosts[:1], source)
    assert left.poll() is not None


def test_a_verification_names_the_file(hosts: list[Host], source: Path) -> None:
    result = bring(hosts[:1], source)
    steps, release = hosts[0].steps(), hosts[0].release(source)
    assert steps.verify(release)["lost"].endswith("has no current release")
    (entry,) = publish(hosts[:1], source, result["digest"])
    assert steps.verify(release)["ok"]
    with Path(entry["path"], "weights.bin").open("r+b") as handle:
        handle.write(b"damage")
    found = steps.verify(release)
    assert not found["ok"]
    assert found["problems"] == {"weights.bin": "damaged in the 1048576 bytes at 0"}
