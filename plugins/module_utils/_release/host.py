# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of releases on this host: where it lies, how it is asked, how it runs as a service. PRIVATE to the collection."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from typing import Any

from .._units.text import SYSTEM_PYTHON, checked_name
from .mounts import KILLED

LIBRARY = "/usr/local/lib/sglang-release"
RUN_DIRECTORY = "/run/sglang-release"
# Isolated, so that nothing in the environment or site-packages takes part.
PYTHON = (SYSTEM_PYTHON, "-I", "-S")
LOCALE = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
# How long a source may take to be listed; beyond that its server is dead.
LISTING = 300.0
_UFW = "/etc/ufw/ufw.conf"

Run = Callable[..., tuple[Any, ...]]


class ReleaseError(Exception):
    """It cannot be done; the text says why and what to do."""


def size(count: float) -> str:
    """Return a number of bytes as one reads it."""
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def check(release: dict[str, Any]) -> None:
    """Refuse a release that lacks something, or whose name cannot be a part of the name of a service."""
    for key in ("name", "store", "source"):
        if not isinstance(release.get(key), str) or not release[key]:
            raise ReleaseError(f"releases: an element has no {key}: {release}")
    checked_name(release["name"], "releases")
    if not release["store"].startswith("/"):
        raise ReleaseError(f"{release['name']}: the store {release['store']} is no absolute path")


def folder(digest: str) -> str:
    """Return where a version of the program lies."""
    return f"{LIBRARY}/{digest}"


def write_program(path: str, files: dict[str, str]) -> None:
    """Put the program into a directory that appears complete."""
    temporary = f"{path}.{os.getpid()}.new"
    os.makedirs(temporary, 0o755)
    for name, text in files.items():
        os.makedirs(os.path.dirname(f"{temporary}/{name}"), 0o755, exist_ok=True)
        with open(f"{temporary}/{name}", "w", encoding="utf-8") as handle:
            handle.write(text)
    try:
        os.rename(temporary, path)
    except OSError:
        # Another run has been faster; the name says that it is the same program.
        shutil.rmtree(temporary)
        if not os.path.isdir(path):
            raise


class Program:
    """The program, asked by its command line."""

    def __init__(self, path: str, launcher: str, run: Run) -> None:
        """Keep where it lies, and the function that runs a command (AnsibleModule.run_command)."""
        self.words = [*PYTHON, f"{path}/{launcher}"]
        self._run = run

    def ask(self, *words: str, name: str, limit: float = 0) -> dict[str, Any]:
        """Return its answer; one that is a refusal is raised with the name of the release."""
        before = ["timeout", "--signal=KILL", f"{limit:g}"] if limit else []
        rc, out, err = self._run([*before, *self.words, *words], environ_update=LOCALE)
        if limit and rc in KILLED:
            raise ReleaseError(
                f"{name}: listing the source took more than {limit:g} s; bring its file server back and run again"
            )
        try:
            found: dict[str, Any] = json.loads(out)
        except ValueError:
            raise ReleaseError(f"{name}: the program of releases failed: {str(err).strip() or f'rc {rc}'}") from None
        if rc != 0 and "ok" not in found:
            raise ReleaseError(f"{name}: {found.get('msg', f'rc {rc}')}")
        return found


def linked(store: str, link: str) -> str:
    """Return the digest that a link of a store leads to, empty if none."""
    try:
        return os.path.basename(os.readlink(f"{store}/{link}"))
    except OSError:
        return ""


def unit_of(name: str) -> str:
    """Return the name of the service that copies a release."""
    return f"sglang-release-{name}.service"


def peers_path(name: str) -> str:
    """Return the file that holds the hosts of the run and its token."""
    return f"{RUN_DIRECTORY}/{name}.json"


def write_peers(name: str, peers: dict[str, Any]) -> None:
    """Write that file for root alone."""
    os.makedirs(RUN_DIRECTORY, 0o700, exist_ok=True)
    os.chmod(RUN_DIRECTORY, 0o700)
    temporary = f"{peers_path(name)}.new"
    if os.path.lexists(temporary):
        os.unlink(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8") as handle:
        json.dump(peers, handle)
    os.replace(temporary, peers_path(name))


def sync_words(release: dict[str, Any], run: str, peers: bool) -> list[str]:
    """Return what the program is told so that it brings a release."""
    words = ["sync", release["store"], "--source", release["source"], "--run", run]
    for option in ("threads", "memory", "reserve", "stall"):
        if release.get(option) is not None:
            words += [f"--{option}", str(release[option])]
    return [*words, *origin_words(release), *(["--peers", peers_path(release["name"])] if peers else [])]


def origin_words(release: dict[str, Any]) -> list[str]:
    """Return the options that say which release it is."""
    expected = ["--expect", release["expected"]] if release.get("expected") else []
    return [*expected, *(["--exact", "yes"] if release.get("exact") else [])]


def firewall_words(action: str, addresses: list[str], port: int) -> list[list[str]]:
    """Return the commands that let addresses in, or do so no more: one for each family."""
    commands = []
    for program, family in (
        ("iptables", [a for a in addresses if ":" not in a]),
        ("ip6tables", [a for a in addresses if ":" in a]),
    ):
        if family:
            tail = ["-p", "tcp", "--dport", str(port), "-s", ",".join(family), "-j", "ACCEPT"]
            commands.append([f"/usr/sbin/{program}", "-w", action, "INPUT", *tail])
    return commands


def ufw_is_on(text: str) -> bool:
    """Tell from the text of ufw.conf whether ufw refuses what no rule allows."""
    return any(line.strip().lower() == "enabled=yes" for line in text.splitlines())


def firewall_is_on() -> bool:
    """Tell whether a port has to be opened."""
    try:
        with open(_UFW, encoding="utf-8") as handle:
            return ufw_is_on(handle.read())
    except OSError:
        return False


def service_words(
    release: dict[str, Any], command: list[str], options: dict[str, Any], rules: tuple[list[str], int]
) -> list[str]:
    """Return the command that starts the copy as a service of its own, with what undoes it when it ends, however it ends."""
    name, (addresses, port) = release["name"], rules
    properties: list[tuple[str, str]] = [("WorkingDirectory", "/"), ("UMask", "0022")]
    properties += [("ExecStartPre", " ".join(words)) for words in firewall_words("-I", addresses, port)]
    # A dash: what has gone already is no failure.
    properties += [("ExecStopPost", "-" + " ".join(words)) for words in firewall_words("-D", addresses, port)]
    properties += [("ExecStopPost", f"-/bin/rm -f {peers_path(name)}")]
    properties += [(key, str(value)) for key, value in options.items()]
    words = [
        "systemd-run",
        "--quiet",
        "--collect",
        f"--unit={unit_of(name)}",
        f"--description=Copies the release of {name}",
    ]
    return [*words, *(f"--property={key}={value}" for key, value in properties), "--", *command]


def last_word(journal: str) -> str:
    """Return why the program ended, from the journal of its service."""
    lines = journal.strip().splitlines()
    for line in reversed(lines):
        try:
            return str(json.loads(line)["msg"])
        except (ValueError, KeyError, TypeError):
            continue
    return lines[-1] if lines else "its journal is empty"
