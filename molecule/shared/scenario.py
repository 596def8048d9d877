# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of all scenarios use: the hosts of the scenario, its servers, and the playbooks of the collection.

By hand, in the directory of a scenario whose hosts are up:
`PYTHONPATH=../shared:tests pytest --import-mode=prepend -p scenario_fixtures tests/test_steady.py`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.lab import Lab
from tests.lab.settings import REPO

SCENARIO = Path.cwd()
INVENTORY = "inventory.yml"
STARTED = "ActiveEnterTimestampMonotonic"
CHANGED_SINCE_BOOT = "find /etc/systemd /etc/sglang /usr /opt /var/lib/sglang -xdev -cnewer /etc/hostname"
FILES = "ls -d /etc/sglang /run/sglang /usr/local/lib/sglang* /opt/sglang /opt/sglang-router /var/lib/sglang /dev/shm/*"
UNITS = "systemctl list-unit-files --no-legend 'sglang*'; systemctl list-units --all --no-legend --plain 'sglang*'"
ACCOUNTS = "ps -e -o user=,args= | grep '^sglang'; grep sglang /etc/passwd"
# How long servers may take to load on a busy machine with two cores; a quiet one needs a fifth of it.
LOAD_SECONDS = 300.0


def deployments() -> dict[str, Any]:
    """Return the variables of the scenario's deployments."""
    (path,) = SCENARIO.glob("group_vars/*/deployments.yml")
    return read_yaml(str(path.relative_to(SCENARIO)))


def read_yaml(name: str) -> dict[str, Any]:
    """Return a file of the scenario."""
    return dict(yaml.safe_load((SCENARIO / name).read_text(encoding="utf-8")))


def wait_until(what: str, happened: Callable[[], bool], seconds: float = LOAD_SECONDS) -> None:
    """Return once something has happened, and fail if it has not in time."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain until {what}"
        time.sleep(1)


@dataclass(frozen=True)
class Hosts:
    """The hosts of the scenario's lab."""

    lab: Lab

    @classmethod
    def of_scenario(cls) -> Hosts:
        """Return those that the scenario's inventory names."""
        lab = read_yaml("group_vars/all.yml")
        (group,) = read_yaml(INVENTORY).values()
        return cls(Lab(lab["lab_name"], list(group["hosts"]), lab["lab_subnet"]))

    @property
    def names(self) -> list[str]:
        """Return their names in the order of the inventory."""
        return list(self.lab.hosts)

    def run(self, host: str, *argv: str) -> str:
        """Run a command as root and return what it printed."""
        code, output = self.lab.exec(host, argv)
        assert code == 0, f"{host}: {argv} exited {code}: {output}"
        return output

    def shell(self, host: str, script: str) -> str:
        """Run a script as root and return what it printed, however it ended."""
        return self.lab.exec(host, ["sh", "-c", script])[1]

    def show(self, host: str, unit: str) -> dict[str, str]:
        """Return all properties that systemd gives of a unit."""
        lines = self.run(host, "systemctl", "show", unit).splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def processes(self, host: str, unit: str) -> list[tuple[int, str, str]]:
        """Return process id, user and command of everything that runs in a unit."""
        rows = self.run(host, "ps", "-e", "-ww", "-o", "pid=,user:32=,unit:64=,args=").splitlines()
        split = [row.split(None, 3) for row in rows]
        return [(int(pid), user, command) for pid, user, its_unit, command in split if its_unit == f"{unit}.service"]


def assert_never_deployed_to(hosts: Hosts) -> None:
    """Look for anything that a deploy has done since the hosts were booted."""
    for host in hosts.names:
        found = hosts.shell(host, f"{CHANGED_SINCE_BOOT} 2>/dev/null; {UNITS}; {ACCOUNTS}")
        assert not found, f"{host} has {found}"


def assert_nothing_left(hosts: Hosts, *names: str) -> None:
    """Assert that a removal left nothing but the weights, on all hosts unless some are named."""
    for host in names or hosts.names:
        left = hosts.shell(host, f"{FILES} 2>/dev/null; {UNITS}; {ACCOUNTS}")
        assert not left, f"{host} still has {left}"
        assert "config.json" in hosts.run(host, "ls", "/models/tiny")


@dataclass(frozen=True)
class Server:
    """An instance of the plan: one unit of the same name on each of its hosts, the leader first."""

    unit: str
    url: str
    port: int
    model: str
    ranks: tuple[str, ...]
    keys: dict[str, str]
    hosts: Hosts = field(repr=False)

    def complete(self, key: str | None = None) -> int:
        """Ask for a completion; return the HTTP status, 0 if nobody answers."""
        body = {"model": self.model, "prompt": "Once upon a time", "max_tokens": 4, "temperature": 0}
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        url = f"{self.url}/v1/completions"
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 our own host
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 our own host
                return int(response.status) if json.load(response)["choices"][0]["text"] else 0
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def answers(self) -> bool:
        """Tell whether it completes what a user with the right key asks."""
        return self.complete(self.keys.get("api_key")) == 200

    def shows(self, name: str) -> list[str]:
        """Return a property of systemd's of each rank."""
        return [self.hosts.show(host, self.unit)[name] for host in self.ranks]

    def started(self) -> list[int]:
        """Return when each rank was started."""
        return [int(time) for time in self.shows(STARTED)]


@dataclass(frozen=True)
class Play:
    """A run of a playbook that is over."""

    code: int
    output: str
    seconds: float

    def count(self, column: str) -> dict[str, int]:
        """Return a column of the recap (changed, failed, ...) by host."""
        rows = re.findall(rf"^(\S+) +: ok=.*\b{column}=(\d+)", self.output, re.MULTILINE)
        return {host: int(count) for host, count in rows}

    def diff(self) -> str:
        """Return the lines that show what was changed."""
        return "\n".join(line for line in self.output.splitlines() if line.startswith(("+", "-", "changed:")))


def run_playbook(name: str, *words: str, succeeds: bool = True) -> Play:
    """Run a playbook of the collection and show all that it can show, which must not include a key."""
    argv = [
        "ansible-playbook",
        f"playbooks/{name}.yml",
        "--inventory",
        str(SCENARIO / INVENTORY),
        "--diff",
        "-vvv",
        *words,
    ]
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
    begin = time.monotonic()
    done = subprocess.run(
        argv,
        cwd=REPO,
        env=environment,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=2 * LOAD_SECONDS,
    )
    play = Play(done.returncode, done.stdout, time.monotonic() - begin)
    assert (play.code == 0) == succeeds, f"{' '.join(argv)} exited {play.code}:\n{play.output[-6000:]}"
    for key in (*all_keys(), *secret_environment()):
        assert key not in play.output, f"{' '.join(argv)} shows a key:\n{around(key, play.output)}"
    return play


def all_keys() -> list[str]:
    """Return every key of every deployment."""
    return [key for keys in deployments()["sglang_api_keys"].values() for key in keys.values()]


def secret_environment() -> list[str]:
    """Return every value that servers have in their environment and nobody else sees."""
    every = deployments().get("sglang_server_secrets", {}).values()
    return [value for secrets in every for value in secrets["env"].values()]


def around(found: str, text: str) -> str:
    """Return what stands around something in a text."""
    at = text.index(found)
    return text[max(0, at - 300) : at + 100]
