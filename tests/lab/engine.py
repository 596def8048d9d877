# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find a Docker engine that answers, or install and start one; stop only what was started here."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException

from .progress import LabError, run_logged, say, step, tail
from .settings import HERE, STATE, builder, cache

STARTED = STATE / "engine.json"
LOG = STATE / "dockerd.log"
# What dockerd switches on for good: the first by itself, the second with the first network that has IPv6.
FORWARDING = ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding")
SYSCTL = Path("/proc/sys")
FIREWALLS = ("iptables", "ip6tables")
CAP_SYS_RESOURCE = 24
PATIENCE_SECONDS = 60.0


def answering() -> docker.DockerClient | None:
    """A client of the engine that answers now, if one does."""
    try:
        client = docker.from_env(timeout=900, max_pool_size=64)
        client.ping()
    except DockerException:
        return None
    return client


def connect() -> docker.DockerClient:
    """A client of the engine that answers now."""
    client = answering()
    if client is None:
        raise LabError("No Docker engine answers: `python -m tests.lab engine up` starts one.")
    return client


def up() -> docker.DockerClient:
    """Use the engine that answers, or install and start one."""
    client = answering()
    if client is not None:
        return client
    if os.geteuid() != 0:
        raise LabError(
            "No Docker engine answers, and only root can install and start one: start Docker or become root."
        )
    with builder():
        return answering() or _install_and_start()


def _install_and_start() -> docker.DockerClient:
    if shutil.which("dockerd") is None:
        apt_install("docker.io", "iptables")
    client = answering()
    if client is None and Path("/run/systemd/system").is_dir():
        run_logged("Starting the docker service", ["systemctl", "start", "docker"], STATE / "systemctl.log")
        client = _wait()
    if client is not None:
        _remember({"how": "service"})
        return client
    return _start_by_hand()


def down() -> None:
    """Stop the engine if `up` started it; leave any other one alone."""
    if not STARTED.exists():
        say("no engine was started here, so none is stopped")
        return
    started = json.loads(STARTED.read_text())
    with step("Stopping the Docker engine that was started here"):
        if started["how"] == "service":
            subprocess.run(["systemctl", "stop", "docker.socket", "docker.service"], check=True)
        else:
            _stop_process(started["pid"])
            _restore_network(started)
    STARTED.unlink()


def status() -> str:
    """One sentence about the engine."""
    client = answering()
    if client is None:
        return "no Docker engine answers"
    whose = "started here" if STARTED.exists() else "not started here"
    return f"Docker engine {client.version()['Version']} answers at {client.api.base_url} ({whose})"


def apt_install(*packages: str) -> None:
    """Install packages of the distribution."""
    if shutil.which("apt-get") is None:
        raise LabError(f"This machine has no apt-get: install {' '.join(packages)} by hand and try again.")
    # Outside systemd a package may start its daemon by itself; RUNLEVEL=1 makes Debian's invoke-rc.d leave that to us.
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    run_logged("Reading the package lists", ["apt-get", "update"], STATE / "apt-update.log", env)
    run_logged(f"Installing {' '.join(packages)}", install, STATE / "apt-install.log", env)


def _remember(started: dict[str, object]) -> None:
    STATE.mkdir(exist_ok=True)
    STARTED.write_text(json.dumps(started) + "\n")


def _start_by_hand() -> docker.DockerClient:
    say("systemd does not run this machine, so the Docker engine is started by hand")
    STATE.mkdir(exist_ok=True)
    pid_file = STATE / "dockerd.pid"
    pid_file.unlink(missing_ok=True)
    argv = ["dockerd", "--pidfile", str(pid_file), *_runtime_options()]
    if not Path("/sys/fs/cgroup/cgroup.controllers").exists():
        say("this machine mounts cgroup v1: the engine gets a mount namespace of its own with cgroup v2")
        mount = 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"'
        argv = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", mount, "sh", *argv]
    before = {"policies": {name: _forward_policy(name) for name in FIREWALLS}, "forwarding": _forwarding()}
    with LOG.open("wb") as log:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    _remember({"how": "process", "pid": process.pid, **before})
    client = _wait(process)
    if client is None:
        last = "\n".join(tail(LOG, 15))
        raise LabError(f"dockerd did not answer within {PATIENCE_SECONDS:.0f} s; the end of {LOG}:\n{last}")
    return client


def _runtime_options() -> list[str]:
    bounding = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapBnd"))
    if int(bounding.split()[1], 16) >> CAP_SYS_RESOURCE & 1:
        return []
    say("this machine withholds CAP_SYS_RESOURCE: runc is wrapped so that it does not ask for it")
    # The engine may outlive this clone, and it calls the wrapper for every container.
    wrapper = cache() / "runc-without-sys-resource"
    wrapper.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "runc-without-sys-resource", wrapper)
    wrapper.chmod(0o755)
    return ["--add-runtime", f"lab={wrapper}", "--default-runtime", "lab"]


def _wait(process: subprocess.Popen[bytes] | None = None) -> docker.DockerClient | None:
    with step("Waiting for the Docker engine"):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and (process is None or process.poll() is None):
            client = answering()
            if client is not None:
                return client
            time.sleep(0.2)
    return None


def _stop_process(pid: int) -> None:
    command = Path(f"/proc/{pid}/cmdline")
    if not command.exists() or b"dockerd" not in command.read_bytes():
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_SECONDS
    # A zombie has an empty command line: it ended, only its parent has not asked yet.
    while command.exists() and command.read_bytes():
        if time.monotonic() > deadline:
            raise LabError(f"dockerd (pid {pid}) does not end; see {LOG}.")
        time.sleep(0.2)


def _forward_policy(firewall: str) -> str:
    rules = subprocess.run([firewall, "-S", "FORWARD"], capture_output=True, text=True, check=True).stdout
    return rules.split()[2]


def _forwarding() -> dict[str, str]:
    return {name: (SYSCTL / name).read_text().strip() for name in FORWARDING if (SYSCTL / name).exists()}


def _restore_network(before: dict[str, Any]) -> None:
    """Take away the rules, the bridge and the settings that dockerd leaves behind."""
    for name, policy in before["policies"].items():
        rules = subprocess.run([f"{name}-save"], capture_output=True, text=True, check=True).stdout
        kept = [line for line in rules.splitlines() if "DOCKER" not in line and "docker0" not in line]
        subprocess.run([f"{name}-restore"], input="\n".join(kept) + "\n", text=True, check=True)
        subprocess.run([name, "-P", "FORWARD", policy], check=True)
    subprocess.run(["ip", "link", "delete", "docker0"], stderr=subprocess.DEVNULL, check=False)
    now = _forwarding()
    for setting, value in before["forwarding"].items():
        if now[setting] != value:
            (SYSCTL / setting).write_text(value)
