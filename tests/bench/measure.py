"""One run of ansible-playbook as a measurement: its time, and every command that it sent to a host."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
CONTROLLER_ENV = {
    **os.environ,
    "PATH": f"{BIN}:{os.environ['PATH']}",
    "ANSIBLE_CONFIG": str(REPO / "ansible.cfg"),
    "ANSIBLE_NOCOLOR": "true",
}
RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)

# Ansible starts one ssh for each remote command and one sftp for each file. A pipelined module is an ssh that runs a
# bare Python.
WRAPPER = """#!/bin/sh
for last; do :; done
case $last in
  *'python3 && sleep 0'* | *AnsiballZ_*) kind=module ;;
  *) kind=other ;;
esac
printf '%s\\n' "$kind" >>'{log}'
exec {program} "$@"
"""


@dataclass(frozen=True)
class Run:
    """What one run of a playbook cost."""

    hosts: int
    seconds: float
    cpu: float
    modules: int
    others: int
    changed: int
    output: str

    @property
    def calls(self) -> int:
        """Everything that was sent: modules, other commands, files."""
        return self.modules + self.others


def play(playbook: Path, inventory: Path, *words: str, callback: str | None = None) -> Run:
    """Run a playbook from cold connections; a run that fails ends the benchmark."""
    with _counted() as (environment, log):
        if callback:
            environment["ANSIBLE_CALLBACKS_ENABLED"] = callback
        cpu, start = _cpu(), time.perf_counter()
        argv = [str(BIN / "ansible-playbook"), str(playbook), "-i", str(inventory), *words]
        done = subprocess.run(
            argv, cwd=REPO, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        seconds, cpu = time.perf_counter() - start, _cpu() - cpu
        kinds = log.read_text().split()
    recap = RECAP.findall(done.stdout)
    if done.returncode or any(int(unreachable) + int(failed) for _host, _changed, unreachable, failed in recap):
        sys.stderr.write(done.stdout[-8000:] + done.stderr[-4000:])
        raise SystemExit(f"{playbook.name} failed with {done.returncode}")
    changed = sum(int(row[1]) for row in recap)
    return Run(len(recap), seconds, cpu, kinds.count("module"), kinds.count("other"), changed, done.stdout)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def _counted() -> Iterator[tuple[dict[str, str], Path]]:
    """Give the environment in which Ansible notes its remote calls, and the file that it notes them in."""
    # Control sockets have paths of at most 108 characters.
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        log, sockets = directory / "calls", directory / "cp"
        log.touch()
        sockets.mkdir()
        environment = {**CONTROLLER_ENV, "ANSIBLE_SSH_CONTROL_PATH_DIR": str(sockets)}
        for tool in ("ssh", "sftp", "scp"):
            wrapper = directory / tool
            wrapper.write_text(WRAPPER.format(log=log, program=shutil.which(tool) or tool))
            wrapper.chmod(0o755)
            environment[f"ANSIBLE_{tool.upper()}_EXECUTABLE"] = str(wrapper)
        try:
            yield environment, log
        finally:
            _hang_up(sockets.iterdir())


def _hang_up(sockets: Iterable[Path]) -> None:
    for socket in sockets:
        subprocess.run(["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "any"], capture_output=True, check=False)
