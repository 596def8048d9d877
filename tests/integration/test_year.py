# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A year of operation by playbooks alone: after each step the model answers, or one sentence says why not."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab import Lab, engine, hosts
from tests.lab.ask import plan, post
from tests.lab.settings import REPO

from .conftest import INVENTORY, command

# There is no 0.5.24: this is the code of 0.5.23 under a number that the plan does not know. So its parser is asked.
RELEASES = r"""
set -eu
old=/opt/sglang/0.5.23 new=/opt/releases/0.5.24
rm -rf /opt/releases
mkdir -p "$new/bin" "$new/lib/python3.11/site-packages"
ln -s "$old" /opt/releases/0.5.23
cp "$old/pyvenv.cfg" "$new"
ln -s /usr/bin/python3.11 "$new/bin/python3"
ln -s python3 "$new/bin/python"
ln -s "$old"/lib/python3.11/site-packages/* "$new/lib/python3.11/site-packages"
rm "$new"/lib/python3.11/site-packages/sglang-*.dist-info
cp -r "$old"/lib/python3.11/site-packages/sglang-*.dist-info "$new/lib/python3.11/site-packages/sglang-0.5.24.dist-info"
sed -i 's/^Version: .*/Version: 0.5.24/' "$new"/lib/python3.11/site-packages/sglang-0.5.24.dist-info/METADATA
"""
LOCK = "/run/sglang-deploy.lock"
UNITS = "cd /etc/systemd/system && ls sglang-*.service 2>/dev/null || true"


@dataclass
class Cluster:
    """An inventory that changes, and the hosts that it is about."""

    lab: Lab
    folder: Path
    serving: list[str] = field(default_factory=lambda: ["node1"])
    name: str = "llama"
    shape: dict[str, Any] = field(default_factory=dict)
    args: dict[str, Any] = field(default_factory=dict)
    version: str = "0.5.23"

    def words(self) -> list[str]:
        """Write the inventory as it is now, and return what ansible-playbook is told."""
        known = yaml.safe_load((INVENTORY / "hosts.yml").read_text(encoding="utf-8"))["integration"]
        key = str(REPO / ".lab/id_ed25519")
        known["vars"] |= {"ansible_ssh_private_key_file": key, "sglang_version": self.version}
        known["vars"] |= {"sglang_runtime_method": "existing", "sglang_runtime_path": "/opt/releases/{version}"}
        known["children"] = {"serving": {"hosts": dict.fromkeys(self.serving)}}
        group = {"hosts": "serving", "server_args": f"{{{{ lab_server_args | combine({self.args}) }}}}", **self.shape}
        known["vars"]["sglang_deployments"] = {self.name: {"model": "/models/tiny", "server": group}}
        (self.folder / "hosts.yml").write_text(yaml.safe_dump({"integration": known}), encoding="utf-8")
        return ["-e", f"@{REPO / 'inventories/lab_pd/group_vars/all/cpu.yml'}"]

    def play(self, name: str, *extra: str, ok: bool = True) -> str:
        """Run a playbook, which must succeed or fail, and return what it printed."""
        words = command(name, self.folder / "hosts.yml", *self.words(), *extra)
        done = subprocess.run(
            words, cwd=REPO, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600
        )
        assert (done.returncode == 0) is ok, f"{name} ended with {done.returncode}\n{done.stdout}"
        return done.stdout

    def answering(self) -> list[str]:
        """Ask each instance of the plan, and return their names."""
        planned = plan(self.folder / "hosts.yml", *self.words())
        found = [instance for entry in planned["deployments"].values() for instance in entry["instances"]]
        for instance in found:
            body = {"text": "abc", "sampling_params": {"max_new_tokens": 4, "ignore_eos": True}}
            assert len(post(f"{instance['url']}/generate", body)["output_ids"]) == 4
        return [instance["instance"] for instance in found]

    def on(self, host: str, script: str) -> str:
        """Run a script on a host."""
        code, output = self.lab.exec(host, ["sh", "-c", script])
        assert code == 0, output
        return output.strip()

    def units(self) -> dict[str, list[str]]:
        """Return the units that are on each host."""
        return {host: self.on(host, UNITS).split() for host in self.lab.hosts}

    def since(self, host: str, unit: str) -> str:
        """Return when a unit was started."""
        return self.on(host, f"systemctl show -P ActiveEnterTimestampMonotonic {unit}")


@pytest.fixture
def cluster(lab: Lab, tmp_path: Path) -> Iterator[Cluster]:
    """Hosts with two releases and without units; they run and are empty at the end, whatever happened."""
    made = Cluster(lab, tmp_path)
    for host in lab.hosts:
        made.on(host, RELEASES)
    yield made
    lab.up()
    made.serving, made.shape = list(lab.hosts), {}
    made.play("remove", "-e", "sglang_remove_hosts=integration", "-e", "deploy_lock_break=true")


def dies(cluster: Cluster, host: str) -> None:
    """Cut the power of a host."""
    hosts.find(engine.connect(), host, cluster.lab.name).kill()


def test_a_year(cluster: Cluster) -> None:
    hosts_come_and_go(cluster)
    it_is_called_and_shaped_otherwise(cluster)
    another_release_and_back(cluster)
    cluster.play("remove")
    assert cluster.units() == {"node1": [], "node2": [], "node3": []}
    assert cluster.on("node2", "ls -d /etc/sglang /usr/local/lib/sglang 2>/dev/null || true") == ""


def hosts_come_and_go(cluster: Cluster) -> None:
    """One host, a second one, the first one dies, is taken out, comes back with its old units and is cleaned."""
    cluster.play("deploy")
    assert cluster.answering() == ["llama-0@node1"]
    first = cluster.since("node1", "sglang-llama-0")
    cluster.serving = ["node1", "node2"]
    cluster.play("deploy")
    assert cluster.answering() == ["llama-0@node1", "llama-0@node2"]
    assert cluster.since("node1", "sglang-llama-0") == first

    dies(cluster, "node1")
    assert re.search(r"node1.*(does not answer|unreachable)", cluster.play("status", ok=False))
    said = cluster.play("deploy", ok=False)
    assert re.search(r"node1.*(does not answer|unreachable)", said), said
    cluster.serving = ["node2"]
    second = cluster.since("node2", "sglang-llama-0")
    cluster.play("deploy")
    assert cluster.answering() == ["llama-0@node2"]
    assert cluster.since("node2", "sglang-llama-0") == second

    cluster.lab.up()
    assert cluster.units()["node1"] == ["sglang-llama-0.service"]
    said = cluster.play("status", ok=False)
    assert re.search(r"node1.*not in the plan", said), said
    assert "the inventory has no host or group 'nodd1'" in cluster.play(
        "remove", "-e", "sglang_remove_hosts=nodd1", ok=False
    )
    cluster.play("remove", "-e", "sglang_remove_hosts=node1")
    assert cluster.units() == {"node1": [], "node2": ["sglang-llama-0.service"], "node3": []}
    assert "not in the plan" not in cluster.play("status")


def it_is_called_and_shaped_otherwise(cluster: Cluster) -> None:
    """The old unit stops before the new one starts on the same GPU and ports."""
    cluster.name = "qwen"
    assert "not in the plan" in cluster.play("status", ok=False)
    cluster.play("deploy")
    assert cluster.answering() == ["qwen-0@node2"]
    assert cluster.units()["node2"] == ["sglang-qwen-0.service"]
    cluster.serving, cluster.shape = ["node1", "node2"], {"nnodes": 2, "tp_size": 2}
    cluster.play("deploy")
    assert cluster.answering() == ["qwen-0@node1"]


def another_release_and_back(cluster: Cluster) -> None:
    """Its parser refuses an option before anything is touched; two deploys at once; the way back warns."""
    cluster.version, cluster.args = "0.5.24", {"new-thing": 1}
    started = cluster.since("node2", "sglang-qwen-0")
    said = cluster.play("deploy", ok=False)
    assert "SGLang 0.5.24 refuses it: unrecognized arguments: --new-thing 1; correct server_args" in said
    assert cluster.since("node2", "sglang-qwen-0") == started
    assert cluster.answering() == ["qwen-0@node1"]

    cluster.args = {}
    words = command("deploy", cluster.folder / "hosts.yml", *cluster.words())
    first = subprocess.Popen(words, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    # The lock of the deploy that failed may still be there.
    while not cluster.on("node2", f"grep -s /{first.pid}/ {LOCK} || true"):
        assert first.poll() is None
        time.sleep(0.5)
    said = cluster.play("deploy", ok=False)
    assert re.search(r"has run deploy.yml here since \d{4}-", said), said
    printed, _none = first.communicate(timeout=600)
    assert first.returncode == 0, printed
    assert cluster.answering() == ["qwen-0@node1"]
    assert "/opt/releases/0.5.24/" in cluster.on("node1", "systemctl show -P ExecStart sglang-qwen-0")

    cluster.version = "0.5.23"
    assert "goes back to the plan of" in cluster.play("deploy")
    assert cluster.answering() == ["qwen-0@node1"]
    assert re.search(r"node2 .*changed=0 ", cluster.play("deploy"))
