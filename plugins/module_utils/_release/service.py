# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The copy of a release as a service, which outlives the connection and the play. PRIVATE to the collection."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._base import program
from .._base.paths import LIBRARY_DIR, RUN_DIR
from .._base.systemd import LIMIT
from .._base.text import clean
from .._plan.types import Release
from .program.errors import Refused

# A directory for each version of the program, so that a copy that runs never changes under itself.
LIBRARY = f"{LIBRARY_DIR}-release"
REQUESTS = f"{RUN_DIR}-release"
# Isolated, so that nothing in the environment or site-packages takes part.
PYTHON = ("/usr/bin/python3", "-I", "-S")
LOCALE = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
LAUNCHER = "release.py"
# The program; a test compares this with the files.
MODULES = (
    "_base.reading",
    "_base.text",
    *(
        f"_release.program.{name}"
        for name in (
            "chain", "cli", "compare", "copy", "directio", "errors", "inuse", "journal", "manifest", "origin",
            "peers", "pool", "progress", "prune", "rehash", "report", "request", "safetensors", "scan", "shelf",
            "stage", "store", "sums", "sync", "verify", "wire",
        )
    ),
)  # fmt: skip

# A copy reads what others wrote, and listens. It is root's, because a store that another account could write would have
# to be distrusted by everybody else; so it keeps one capability, to read a source of any owner, and one place to write.
_HARDENING = {
    "CapabilityBoundingSet": "CAP_DAC_READ_SEARCH",
    "InaccessiblePaths": "-/etc/shadow -/etc/gshadow -/etc/sglang -/etc/ssh",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "NoNewPrivileges": "yes",
    "PrivateDevices": "yes",
    "PrivateTmp": "yes",
    "ProtectClock": "yes",
    "ProtectControlGroups": "yes",
    "ProtectHome": "read-only",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectProc": "invisible",
    "ProtectSystem": "strict",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "SystemCallArchitectures": "native",
    "SystemCallFilter": "@system-service",
}
Run = Callable[..., tuple[Any, ...]]


def program_files() -> dict[str, str]:
    """Return path -> text of the program."""
    # Here, because only one step needs the whole program. Ansible ships it because of this import.
    from .program import cli  # noqa: PLC0415

    main = cli.__name__.partition(f"{program.ROOT}.")[2]
    return {LAUNCHER: program.launcher(main), **program.sources(MODULES)}


def install() -> str:
    """Write the program where it is missing, complete at once; return the path of its launcher."""
    files = program_files()
    path = f"{LIBRARY}/{hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:16]}"
    if not os.path.isdir(path):
        write_program(path, files)
    return f"{path}/{LAUNCHER}"


def write_program(path: str, files: Mapping[str, str]) -> None:
    """Write the program into a directory that appears complete."""
    temporary = f"{path}.{os.getpid()}.new"
    for name, text in files.items():
        os.makedirs(os.path.dirname(f"{temporary}/{name}"), 0o755, exist_ok=True)
        with open(f"{temporary}/{name}", "w", encoding="utf-8") as handle:
            handle.write(text)
    try:
        os.rename(temporary, path)
    except OSError:
        # Another run was faster; the name says that it is the same program.
        shutil.rmtree(temporary)
        if not os.path.isdir(path):
            raise


def unit_of(name: str) -> str:
    """Return the name of the service that copies a release."""
    return f"sglang-release-{name}.service"


def request_path(name: str) -> str:
    """Return the file with the request for a copy, which holds the token of the run."""
    return f"{REQUESTS}/{name}.json"


def write_request(release: Release, run: str, plan: Mapping[str, Any] | None) -> None:
    """Write the request for a copy, for root alone. plan: the hosts that copy the same, and their token."""
    os.makedirs(REQUESTS, 0o700, exist_ok=True)
    os.chmod(REQUESTS, 0o700)
    path = request_path(release.name)
    temporary = f"{path}.new"
    if os.path.lexists(temporary):
        os.unlink(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8") as handle:
        fields = {"source": release.source, "expect": release.expected, "exact": release.exact}
        json.dump({"store": release.store, **fields, "run": run, "plan": plan}, handle)
    os.replace(temporary, path)


def service_words(release: Release, command: Sequence[str], options: Mapping[str, Any]) -> list[str]:
    """Return the command that starts the copy as a service, which removes the request however it ends."""
    properties = {
        "WorkingDirectory": "/",
        "UMask": "0022",
        "ExecStopPost": f"-/bin/rm -f {request_path(release.name)}",
        **_HARDENING,
        "ReadWritePaths": f"{_quoted('-' + release.store)} {REQUESTS}",
        **options,
    }
    words = [
        "systemd-run",
        "--quiet",
        "--collect",
        f"--unit={unit_of(release.name)}",
        f"--description=Copy the release of {release.name}",
    ]
    given = [f"--property={key}={value}" for key, value in properties.items() if value is not None]
    return [*words, *given, "--", *command]


def _quoted(path: str) -> str:
    return '"{}"'.format(path.replace("\\", "\\\\").replace('"', '\\"'))


def last_message(journal: str) -> str:
    """Return why the program ended, from the journal of its service."""
    lines = journal.strip().splitlines()
    for line in reversed(lines):
        try:
            return str(json.loads(line)["msg"])
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return lines[-1] if lines else "its journal is empty"


class Service:
    """The services of this host that copy."""

    def __init__(self, run: Run, options: Mapping[str, Any]) -> None:
        """Keep the function that runs a command (AnsibleModule.run_command), and the directives of the services."""
        self._run, self._options = run, options

    def start(self, release: Release) -> None:
        """Start the copy that is requested."""
        command = [*PYTHON, install(), request_path(release.name)]
        rc, _out, err = self._run(service_words(release, command, self._options), environ_update=LOCALE)
        if rc != 0:
            raise Refused(f"systemd-run failed: {str(err).strip()}")

    def active(self, name: str) -> bool:
        """Return whether a copy runs, or still gives to other hosts."""
        words = [*LIMIT, "systemctl", "is-active", "--quiet", unit_of(name)]
        return bool(self._run(words, environ_update=LOCALE)[0] == 0)

    def stop(self, name: str) -> None:
        """Stop a copy; the next one goes on where it was."""
        if self.active(name):
            rc, _out, err = self._run(["systemctl", "stop", unit_of(name)], environ_update=LOCALE)
            if rc != 0:
                raise Refused(f"{unit_of(name)} cannot be stopped: {str(err).strip()}")

    def why(self, name: str) -> str:
        """Return why a copy has ended."""
        words = [*LIMIT, "journalctl", "--no-pager", "--quiet", "--output=cat", "--lines=10", "--unit", unit_of(name)]
        return last_message(clean(str(self._run(words, environ_update=LOCALE)[1])))
