# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of several hosts with the real program, whose services are processes of the test."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base.systemd import LIMIT
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Release
from ansible_collections.multinode.sglang.plugins.module_utils._release import service
from ansible_collections.multinode.sglang.plugins.module_utils._release import steps as steps_module
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.errors import Refused
from ansible_collections.multinode.sglang.plugins.module_utils._release.service import Service
from ansible_collections.multinode.sglang.plugins.module_utils._release.steps import Steps, actions_of, difference, take
from ansible_collections.multinode.sglang.plugins.plugin_utils._release import agree

from .program.conftest import prove


class Host:
    """A host: its directory, and a systemd that runs services as processes."""

    def __init__(self, root: Path, number: int) -> None:
        self.root, self.number = root, number
        self.services: dict[str, subprocess.Popen[str]] = {}
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]

    def run(self, words: list[str], **_options: Any) -> tuple[int, str, str]:
        """Run a command of the module."""
        words = words[len(LIMIT) :] if words[: len(LIMIT)] == LIMIT else words
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

    def release(self, source: Path, **changes: Any) -> Release:
        """Return the release of this host."""
        name, store = f"m{self.number}", str(self.root / "store")
        return replace(Release(name, store, str(source), "", "", 1, "127.0.0.1", self.port), **changes)

    def steps(self, run: str = "r1", entry: dict[str, Any] | None = None, **options: Any) -> Steps:
        """Return the steps of a call; entry: what the run says of the release of this host."""
        decided = {"run": run, "releases": {f"m{self.number}": entry or {}}}
        return Steps(Service(self.run, {}), self.run, decided, token="t", timeout=30, others=True, **options)


@pytest.fixture(autouse=True)
def directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Directories and an interpreter of the test; a gigabyte that stays free would depend on the machine."""
    monkeypatch.setattr(service, "REQUESTS", str(tmp_path / "run"))
    monkeypatch.setattr(service, "LIBRARY", str(tmp_path / "library"))
    monkeypatch.setattr(service, "PYTHON", (sys.executable, *service.PYTHON[1:]))
    monkeypatch.setattr(steps_module, "REFERENCES", str(tmp_path / "*.service"))


@pytest.fixture
def hosts(quick: Path) -> Iterator[list[Host]]:
    """Three hosts."""
    found = []
    for number in range(3):
        (quick / f"host{number}").mkdir()
        found.append(Host(quick / f"host{number}", number))
    yield found
    for one in found:
        for process in one.services.values():
            if process.poll() is None:
                process.kill()
            if process.stdout and not process.stdout.closed:
                process.communicate()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory to publish."""
    path = tmp_path / "source"
    path.mkdir()
    (path / "config.json").write_text("{}")
    (path / "weights.bin").write_bytes(bytes(range(256)) * 30000)
    return path


def inspect(hosts: list[Host], source: Path, **changes: Any) -> agree.Found:
    """Inspect all hosts, and settle what they find."""
    found = {str(one.number): one.steps().inspect(one.release(source, **changes)) for one in hosts}
    return agree.settle({"m": found})


def bring(hosts: list[Host], source: Path, run: str = "r1") -> dict[str, Any]:
    """Take all steps but the last; return what the controller says."""
    found = inspect(hosts, source)
    entry = agree.plan(found, 5)["m"]
    taking_part = [one for one in hosts if str(one.number) in entry["hosts"]]
    for one in taking_part:
        own = entry["hosts"].index(str(one.number))
        shared = {"hosts": entry["addresses"], "witness": entry["witness"], "grace": 30, "linger": 30}
        place = {"own": own, **shared} if len(entry["hosts"]) > 1 else {}
        one.steps(run, place).copy(one.release(source))
    copies = {"m": {str(one.number): one.steps(run).wait(one.release(source), 60) for one in taking_part}}
    return {"copies": copies["m"], "digest": agree.agreed(found, copies).get("m")}


def switch(hosts: list[Host], source: Path, digest: str, **changes: Any) -> list[dict[str, Any]]:
    """Take the last step."""
    return [one.steps(entry={"digest": digest}).switch(one.release(source, **changes)) for one in hosts]


def deploy(hosts: list[Host], source: Path, text: str) -> str:
    """Put something new at the source, and take all steps; return its digest."""
    (source / "config.json").write_text(text)
    digest = str(bring(hosts, source, run=text)["digest"])
    switch(hosts, source, digest)
    return digest


def go_back(hosts: list[Host], source: Path) -> set[str]:
    """Take all steps with release: previous; return what is the current release on the hosts then."""
    found = inspect(hosts, source, release="previous")
    if agree.plan(found, 5):
        switch(hosts, source, agree.agreed(found, {})["m"], release="previous")
    return {one.steps().verify(one.release(source))["digest"] for one in hosts}


@pytest.mark.parametrize("proved", [True, False])
def test_all_get_it_while_one_reads_and_nobody_switches_before_the_end(
    hosts: list[Host], source: Path, proved: bool
) -> None:
    size = sum(path.stat().st_size for path in source.iterdir())
    if proved:
        prove(source)
    result = bring(hosts, source)
    # Without sums, a second host reads the source, too.
    assert sum(copy["source_bytes"] for copy in result["copies"].values()) == (1 if proved else 2) * size
    assert not any((one.root / "store/current").exists() for one in hosts)
    for entry in switch(hosts, source, result["digest"]):
        assert entry["switched"]
        assert Path(entry["path"], "weights.bin").read_bytes() == (source / "weights.bin").read_bytes()
    assert all(process.poll() is not None for one in hosts for process in one.services.values())
    found = inspect(hosts, source)
    assert agree.plan(found, 5) == {}
    assert actions_of("inspect", found["m"]) == []


def test_a_new_host_gets_it_from_the_old_ones(hosts: list[Host], source: Path) -> None:
    first = bring(hosts[:2], source)
    switch(hosts[:2], source, first["digest"])
    second = bring(hosts, source, run="r2")
    assert second["digest"] == first["digest"]
    assert sum(copy["source_bytes"] for copy in second["copies"].values()) == 0
    assert [copy["changed"] for copy in second["copies"].values()] == [False, False, True]


def test_going_back_is_the_same_however_often_and_on_all_hosts(hosts: list[Host], source: Path) -> None:
    pair = hosts[:2]
    old, new = (deploy(pair, source, text) for text in ("old", "new"))
    found = inspect(pair, source, release="previous")
    assert agree.staying(found) == []
    assert actions_of("inspect", {"m": found["m"]["0"]}) == [f"m: switch from {new} to {old}"]
    assert difference("inspect", {"m": found["m"]["0"]}) == {"before": f"m: {new}\n", "after": f"m: {old}\n"}
    assert [go_back(pair, source) for _run in range(3)] == [{old}] * 3
    assert agree.staying(inspect(pair, source, release="previous")) == [
        f"m: stays on {old}: it has gone back from the newest ({new}) already"
    ]
    newer = deploy(pair, source, "newer")
    assert pair[0].steps().verify(pair[0].release(source))["releases"] == [newer, old]
    assert [go_back(pair, source) for _run in range(3)] == [{old}] * 3


def test_hosts_go_back_together_where_the_newest_has_come_to_some_only(hosts: list[Host], source: Path) -> None:
    pair = hosts[:2]
    old, new = (deploy(pair, source, text) for text in ("old", "new"))
    # The next release comes to the first host, and is switched to there.
    (source / "config.json").write_text("half")
    half = str(bring(pair[:1], source, run="half")["digest"])
    switch(pair[:1], source, half)
    assert go_back(pair, source) == {new}
    assert go_back(pair, source) == {new}
    assert old in pair[1].steps().verify(pair[1].release(source))["releases"]


def test_what_is_old_goes_and_a_digest_that_is_gone_is_refused(hosts: list[Host], source: Path) -> None:
    alone, digests = hosts[:1], []
    for text in ("one", "two", "three"):
        (source / "config.json").write_text(text)
        digests.append(bring(alone, source, run=text)["digest"])
        (switched,) = switch(alone, source, digests[-1])
    assert switched["removed"] == [digests[0]]
    assert inspect(alone, source, release=digests[1])["m"]["0"]["digest"] == digests[1]
    with pytest.raises(Refused, match=f"has no release {digests[0]}; verify_weights.yml lists"):
        inspect(alone, source, release=digests[0])
    alone[0].steps(entry={"digest": digests[1]}).switch(alone[0].release(source, release=digests[1]))
    assert go_back(alone, source) == {digests[1]}


def test_a_host_without_a_release_before_says_so(hosts: list[Host], source: Path) -> None:
    digest = deploy(hosts[:1], source, "one")
    with pytest.raises(
        agree.Disagreement, match=f"m: 0: .* has no release before {digest}; set release: previous for other models"
    ):
        inspect(hosts[:1], source, release="previous")


def test_a_unit_keeps_the_release_that_it_names(hosts: list[Host], source: Path, tmp_path: Path) -> None:
    alone, digests = hosts[:1], []
    for text in ("one", "two", "three"):
        (source / "config.json").write_text(text)
        digests.append(bring(alone, source, run=text)["digest"])
        (tmp_path / "a.service").write_text(f"--model-path /x/releases/{digests[0]}")
        (switched,) = switch(alone, source, digests[-1])
    assert switched["removed"] == []


def test_a_release_that_is_damaged_is_not_switched_to(hosts: list[Host], source: Path) -> None:
    digest = bring(hosts[:1], source)["digest"]
    (hosts[0].root / f"store/releases/{digest}/config.json").unlink()
    with pytest.raises(Refused, match=r"config\.json \(missing\); run weights\.yml or deploy\.yml again to repair it"):
        switch(hosts[:1], source, digest)
    assert not (hosts[0].root / "store/current").exists()


def test_an_inspection_says_what_would_be_copied_and_leaves_nothing(hosts: list[Host], source: Path) -> None:
    before = sorted(hosts[0].root.iterdir())
    found = {"m": hosts[0].steps().inspect(hosts[0].release(source))}
    assert actions_of("inspect", found) == [f"m: copy 2 files, 7.7 MB, to {hosts[0].root}/store, and switch to them"]
    assert difference("inspect", found)["after"] == "m: a copy of 2 files, 7.7 MB\n"
    assert sorted(hosts[0].root.iterdir()) == before


def test_a_refusal_names_the_release(hosts: list[Host], source: Path) -> None:
    release = hosts[0].release(source / "x")
    with pytest.raises(
        Refused, match=f"^m0: {source}/x cannot be read: .*; mount it or correct source in sglang_models"
    ):
        take(hosts[0].steps(), "inspect", (release,), 0)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "../x"}, "'../x' is not a name for a service"),
        ({"source": "x"}, "m0: 'x' is not an absolute path"),
        ({"store": ""}, "m0: '' is not an absolute path"),
    ],
)
def test_a_release_that_cannot_be_is_refused(
    hosts: list[Host], source: Path, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Refused, match=sentence):
        take(hosts[0].steps(), "inspect", (replace(hosts[0].release(source), **changes),), 0)


def test_a_source_that_hangs_while_it_is_listed_is_given_up(
    hosts: list[Host], source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    monkeypatch.setattr(steps_module, "missing", lambda *_words: over.wait(20))
    monkeypatch.setattr(steps_module, "LISTING", 0.1)
    with pytest.raises(Refused, match=f"{source} cannot be listed: .*; make its file server available and run again"):
        hosts[0].steps().inspect(hosts[0].release(source))
    over.set()


def test_copies_on_one_disk_share_its_space(hosts: list[Host], source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size, reserve = sum(path.stat().st_size for path in source.iterdir()), steps_module.RESERVE
    monkeypatch.setattr("os.statvfs", lambda _path: SimpleNamespace(f_bavail=1, f_frsize=int(1.5 * size) + reserve))
    steps = hosts[0].steps()
    steps.inspect(hosts[0].release(source))
    with pytest.raises(
        Refused, match=r"store2: 1\.09 GB are free \(expected 1\.09 GB\); free space there, or lower keep"
    ):
        steps.inspect(hosts[0].release(source, name="two", store=f"{hosts[0].root}/store2"))


def test_a_copy_that_cannot_begin_says_why(hosts: list[Host], source: Path) -> None:
    release, steps = hosts[0].release(source, expected="f" * 64), hosts[0].steps()
    steps.copy(release)
    found = steps.wait(release, 60)
    assert found["state"] == "failed"
    assert f"(expected {'f' * 64})" in found["msg"]


def test_a_killed_copy_is_told_from_a_running_one(hosts: list[Host], source: Path) -> None:
    (hosts[0].root / "store/.state").mkdir(parents=True)
    status = {"run": "r1", "state": "running", "updated": 0}
    (hosts[0].root / "store/.state/status.json").write_text(json.dumps(status))
    killed = subprocess.Popen(["echo", "Killed"], stdout=subprocess.PIPE, text=True)
    hosts[0].services["sglang-release-m0.service"] = killed
    killed.wait()
    found = hosts[0].steps().wait(hosts[0].release(source), 1)
    assert found == {"state": "failed", "msg": "the copy has ended: Killed"}


def test_a_run_that_was_left_behind_is_ended_by_the_next(hosts: list[Host], source: Path) -> None:
    left = subprocess.Popen(["sleep", "600"], stdout=subprocess.PIPE, text=True)
    hosts[0].services["sglang-release-m0.service"] = left
    bring(hosts[:1], source)
    assert left.poll() is not None


def test_a_host_with_two_copies_waits_once_a_call(
    hosts: list[Host], source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def wait(_steps: Steps, _release: Release, seconds: float) -> dict[str, Any]:
        waits.append(seconds)
        return {"state": "running"}

    monkeypatch.setattr(Steps, "wait", wait)
    take(hosts[0].steps(), "wait", (hosts[0].release(source), hosts[0].release(source, name="two")), 5)
    assert waits == [5, 0]


def test_a_verification_names_the_file(hosts: list[Host], source: Path) -> None:
    result = bring(hosts[:1], source)
    steps, release = hosts[0].steps(), hosts[0].release(source)
    assert steps.verify(release)["lost"].endswith("has no current release")
    (entry,) = switch(hosts[:1], source, result["digest"])
    assert steps.verify(release)["ok"]
    with Path(entry["path"], "weights.bin").open("r+b") as handle:
        handle.write(b"damage")
    found = steps.verify(release)
    assert not found["ok"]
    assert found["problems"] == {"weights.bin": "damaged in the 1048576 bytes at 0"}
