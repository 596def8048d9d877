# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of the module release_step, each for one release on this host. PRIVATE to the collection."""

from __future__ import annotations

import os
import time
from typing import Any

from . import host, run_file
from .host import LOCALE, Program, ReleaseError, Run
from .mounts import MountError, refuse_dead


class Steps:
    """What is done with releases; each step returns what is known about one of them."""

    def __init__(self, program: Program, run: Run, params: dict[str, Any]) -> None:
        """Keep the program and the options of the module."""
        self._program, self._run, self._params = program, run, params
        self._claimed: dict[int, int] = {}

    def look(self, release: dict[str, Any]) -> dict[str, Any]:
        """Return what would be copied, and where the links lead."""
        name, store = release["name"], release["store"]
        known = {link: host.linked(store, link) for link in ("current", "previous")}
        where = {**known, "store": store, "address": release.get("address", ""), "port": release.get("port", 0)}
        if release.get("release"):
            return {**where, "missing": False, **self._here(release, self._named(release, known["previous"]))}
        if not (release.get("expected") and os.path.isdir(f"{store}/releases/{release['expected']}")):
            self._refuse_dead_source(release)
        words = ["sync", store, "--source", release["source"], "--check", "yes", *host.origin_words(release)]
        found = self._program.ask(*words, name=name, limit=0 if os.path.isdir(f"{store}/releases") else host.LISTING)
        if not found["changed"]:
            return {**where, "missing": False, **self._here(release, found["digest"])}
        self._refuse_lack_of_space(release, found["space"])
        return {
            **where,
            "missing": True,
            "digest": "",
            "bytes": found["bytes"],
            "files": found["files"],
            "space": found["space"],
        }

    @staticmethod
    def _here(release: dict[str, Any], digest: str) -> dict[str, Any]:
        return {"digest": digest, "path": f"{release['store']}/releases/{digest}"}

    def _named(self, release: dict[str, Any], previous: str) -> str:
        digest = previous if release["release"] == "previous" else release["release"]
        if not digest:
            raise ReleaseError(f"{release['name']}: {release['store']} has no previous release; name one by its digest")
        report = self._program.ask("verify", release["store"], digest, name=release["name"])
        if not report["ok"]:
            raise ReleaseError(f"{release['name']}: {report['msg']}")
        return str(digest)

    def _refuse_dead_source(self, release: dict[str, Any]) -> None:
        try:
            refuse_dead(release["source"], self._params["timeout"], self._run)
        except MountError as error:
            raise ReleaseError(f"{release['name']}: {error}") from error

    def _refuse_lack_of_space(self, release: dict[str, Any], space: int) -> None:
        path = release["store"]
        while not os.path.isdir(path):
            path = os.path.dirname(path)
        status, disk = os.statvfs(path), os.stat(path).st_dev
        # All copies of a host run at the same time, and those on one disk share its space.
        self._claimed[disk] = self._claimed.get(disk, 0) + space
        needed, free = self._claimed[disk] + ((release.get("reserve") or 1024) << 20), status.f_bavail * status.f_frsize
        if needed > free:
            raise ReleaseError(
                f"{release['name']}: {release['store']} needs {host.size(needed)} and {host.size(free)} are free; "
                "remove something or give the store a larger disk"
            )

    def start(self, release: dict[str, Any]) -> dict[str, Any]:
        """Start the copy in the background; one that a run before has left behind is ended, and goes on where it was."""
        name, peers = release["name"], release.get("peers")
        self._stop(name)
        others: list[str] = []
        if peers:
            host.write_peers(name, {**peers, "token": self._params["token"]})
            others = sorted(
                {address for number, (address, _port) in enumerate(peers["hosts"]) if number != peers["own"]}
            )
        opened = others if self._params["firewall"] and host.firewall_is_on() else []
        command = [*self._program.words, *host.sync_words(release, self._params["run"], bool(peers))]
        words = host.service_words(release, command, self._params["service_options"], (opened, release.get("port", 0)))
        rc, _out, err = self._run(words, environ_update=LOCALE)
        if rc != 0:
            raise ReleaseError(f"{name}: systemd-run failed: {str(err).strip()}")
        return {"started": True}

    def _stop(self, name: str) -> None:
        if self._active(name):
            rc, _out, err = self._run(["systemctl", "stop", host.unit_of(name)], environ_update=LOCALE)
            if rc != 0:
                raise ReleaseError(f"{name}: {host.unit_of(name)} cannot be stopped: {str(err).strip()}")

    def _active(self, name: str) -> bool:
        words = ["systemctl", "is-active", "--quiet", host.unit_of(name)]
        return bool(self._run(words, environ_update=LOCALE)[0] == 0)

    def follow(self, release: dict[str, Any], wait: float) -> dict[str, Any]:
        """Return how far the copy is, as soon as it has ended or after a wait."""
        words = ["status", release["store"], "--run", self._params["run"], "--wait", str(int(wait))]
        found = self._program.ask(*words, name=release["name"])
        if found["state"] == "running":
            # A program that waits for a dead file server writes nothing any more.
            others = run_file.blocks(host.peers_path(release["name"]), 2) if self._params["others"] else {}
            return {**found, "silent": max(0.0, time.time() - found["updated"]), "others": others}
        if found["state"] in {"unknown", "killed"} and not self._active(release["name"]):
            return {"state": "failed", "msg": f"the copy has ended: {self._why(release['name'])}"}
        return {**found, "state": "starting"} if found["state"] == "unknown" else found

    def _why(self, name: str) -> str:
        words = ["journalctl", "--no-pager", "--quiet", "--output=cat", "--lines=10", "--unit", host.unit_of(name)]
        return host.last_word(self._run(words, environ_update=LOCALE)[1])

    def publish(self, release: dict[str, Any], check: bool) -> dict[str, Any]:
        """Make a release the current one, end the service that gives it to others, and remove old releases."""
        name, store, dry = release["name"], release["store"], ["--check", "yes"] if check else []
        flipped = self._program.ask("flip", store, release["digest"], *dry, name=name)
        references = ":".join(self._params["references"])
        words = ["--keep", str(release.get("keep") or 2), *(["--references", references] if references else [])]
        pruned = self._program.ask("prune", store, *words, *dry, name=name)
        if not check:
            self._stop(name)
        return {
            "store": store,
            **self._here(release, flipped["after"]),
            "before": flipped["before"],
            "flipped": flipped["changed"],
            "removed": pruned["removed"],
        }

    def verify(self, release: dict[str, Any]) -> dict[str, Any]:
        """Compare the current release with its manifest; what is wrong is no failure here, so that hosts can be compared."""
        if not host.linked(release["store"], "current"):
            return {
                "digest": "",
                "ok": False,
                "problems": {},
                "rehashed": [],
                "lost": f"{release['store']} has no current release",
            }
        full = ["--full", "yes"] if self._params["full"] else []
        found = self._program.ask("verify", release["store"], *full, name=release["name"])
        return {key: value for key, value in found.items() if key not in {"failed", "msg"}}


def actions_of(step: str, found: dict[str, dict[str, Any]]) -> list[str]:
    """Return in words what a step changes."""
    actions = []
    for name, entry in found.items():
        if step == "look" and entry["missing"]:
            actions.append(
                f"{name}: copy {entry['files']} files, {host.size(entry['bytes'])}, to {entry['store']}, and switch to them"
            )
        elif step == "look" and entry["digest"] != entry["current"]:
            actions.append(f"{name}: switch from {entry['current'] or 'nothing'} to {entry['digest']}")
        elif step == "start":
            actions.append(f"{name}: start {host.unit_of(name)}")
        elif step == "publish" and entry["flipped"]:
            actions.append(f"{name}: switch from {entry['before'] or 'nothing'} to {entry['digest']}")
        actions += [f"{name}: remove the release {digest}" for digest in entry.get("removed", [])]
    return actions


def difference(step: str, found: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return the current releases before and after, for those that a step changes."""
    if step not in {"look", "publish"}:
        return {"before": "", "after": ""}
    before, after = "", ""
    for name, entry in found.items():
        old = entry["current" if step == "look" else "before"]
        new = (
            entry["digest"]
            or f"a copy of {entry['files']} files, {host.size(entry['bytes'])}, whose digest is known afterwards"
        )
        before += f"{name}: {old or 'no release'}\n"
        after += f"{name}: {new}\n"
    return {"before": before, "after": after}
