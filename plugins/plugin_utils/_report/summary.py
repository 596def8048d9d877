# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last lines of a run: what answers where, or why not and what to do next."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.text import duration, first_few

from .._checks.finding import ERROR, plural

LONGEST_REASON = 300
# A phase that takes no time is not worth a word.
SHORTEST_PHASE = 1.0
PLAN, PREFLIGHT, READY, STATUS = (f"multinode.sglang.{name}" for name in ("plan", "preflight", "ready", "status"))
CALLBACK = "multinode.sglang.summary"
# The task after preflight or status that fails for all hosts.
VERDICT = "ansible.builtin.fail"
JOURNAL = "; the last lines of its journal:"
REFUSED = "The plan is refused; no host was touched."


@dataclass(frozen=True)
class Command:
    """What was called: playbooks, and the options that the next command needs as well."""

    playbooks: Sequence[str] = ()
    inventories: Sequence[str] = ()
    limit: str = ""

    def _options(self, limited: bool) -> list[str]:
        words = [word for path in self.inventories for word in ("-i", path)]
        return words + (["--limit", self.limit] if limited and self.limit else [])

    def again(self) -> str:
        """Return the same command, without extra variables, which may be secrets."""
        return shlex.join(["ansible-playbook", *self.playbooks, *self._options(True)])

    def playbook(self, name: str) -> str:
        """Return the command for another playbook of the collection."""
        called = self.playbooks[0] if self.playbooks else ""
        path = os.path.join(os.path.dirname(called), f"{name}.yml") if called.endswith((".yml", ".yaml")) else ""
        other = path if os.path.exists(path) else f"multinode.sglang.{name}"
        return shlex.join(["ansible-playbook", other, *self._options(name != "plan")])

    def ping(self, hosts: Iterable[str]) -> str:
        """Return the command that tries to reach some hosts."""
        return shlex.join(["ansible", ",".join(hosts), *self._options(False), "-b", "-m", "ansible.builtin.ping"])


@dataclass(frozen=True)
class Reason:
    """Why a host failed. action: of the task. phase: its play."""

    text: str
    action: str = ""
    phase: str = ""
    unreachable: bool = False


@dataclass
class Run:
    """What a callback has seen.

    phases: play -> seconds. ready: (host, unit) -> seconds until it answered. with_keys: deployments that need an API
    key. changed: host -> what changed. restarts: (host, unit) that stop or start. status, units: what the playbook
    status has printed.
    """

    command: Command = field(default_factory=Command)
    check: bool = False
    seconds: float = 0.0
    phases: dict[str, float] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    failed: dict[str, Reason] = field(default_factory=dict)
    findings: Sequence[Mapping[str, Any]] = ()
    verdicts: dict[str, bool] = field(default_factory=dict)
    ready: dict[tuple[str, str], float] = field(default_factory=dict)
    with_keys: set[str] = field(default_factory=set)
    changed: dict[str, list[str]] = field(default_factory=dict)
    restarts: set[tuple[str, str]] = field(default_factory=set)
    status: str = ""
    units: Sequence[Mapping[str, Any]] = ()
    matched: bool = True


def render(run: Run) -> list[str]:
    """Return the last lines of a run; none where there is nothing to say."""
    if not run.matched:
        return [
            "NOTHING DONE: no host matched. Fix: name your inventory with -i, or in ansible.cfg; "
            "ansible-playbook multinode.sglang.init -e dest=. writes both"
        ]
    if run.failed:
        return _failure(run)
    if run.check:
        return _check(run)
    if run.ready:
        return [f"DEPLOYED in {_took(run)}", *deployed(run)]
    return _done(run)


def _took(run: Run) -> str:
    phases = [
        f"{name[0].lower()}{name[1:]} {duration(spent)}"
        for name, spent in run.phases.items()
        if spent >= SHORTEST_PHASE
    ]
    return duration(run.seconds) + (f" ({'; '.join(phases)})" if phases else "")


def deployed(run: Run) -> list[str]:
    """Return where each deployment answers."""
    entries = run.plan.get("deployments", {}).items()
    return [line for name, entry in entries for line in _deployment(name, entry, run)]


def _deployment(name: str, entry: Mapping[str, Any], run: Run) -> list[str]:
    instances = [one for one in entry["instances"] if _slowest(one, run) is not None]
    routers = [one for one in entry["routers"] if (one["host"], one["name"]) in run.ready]
    if not instances and not routers:
        return []
    title = f"  {name}: {len(instances)} of {len(entry['instances'])} instances" if instances else f"  {name}"
    if len(instances) == len(entry["instances"]):
        title = f"  {name}: {len(instances)} {plural(len(instances), 'instance')}"
    waits = [spent for one in instances for spent in (_slowest(one, run),) if spent is not None]
    after = f", after waiting {duration(max(waits))}" if waits and max(waits) >= SHORTEST_PHASE else ""
    asked = routers or [one for one in instances if one["role"] == "server"]
    addresses = first_few((f"{one['url']}/v1" for one in asked), 4) if asked else "no router ran"
    lines = [f"{title} {plural(len(instances), 'answers', 'answer')} as model {entry['served_model']}{after}"]
    lines.append(f"    {'routers' if routers else 'URL'}: {addresses}")
    return lines + (
        curl(asked[0]["url"], entry["served_model"], name in run.with_keys, _embeds(name, run)) if asked else []
    )


def _slowest(instance: Mapping[str, Any], run: Run) -> float | None:
    """Return how long the last rank of an instance was waited for; None if it was not asked."""
    found = [run.ready.get((rank["host"], instance["name"])) for rank in instance["ranks"]]
    return max(spent for spent in found if spent is not None) if None not in found else None


def _embeds(deployment: str, run: Run) -> bool:
    units = [unit for host in run.plan["hosts"].values() for unit in host["units"] if unit["deployment"] == deployment]
    return any(option["name"] == "is-embedding" for unit in units for option in unit["options"])


def curl(url: str, model: str, with_key: bool, embeds: bool) -> list[str]:
    """Return a request to paste."""
    path, body = "chat/completions", {"model": model, "messages": [{"role": "user", "content": "Hello!"}]}
    if embeds:
        path, body = "embeddings", {"model": model, "input": "Hello!"}
    key = ' -H "Authorization: Bearer $SGLANG_API_KEY"' if with_key else ""
    return [
        f"    curl {url}/v1/{path} -H 'Content-Type: application/json'{key} \\",
        f"      -d {shlex.quote(json.dumps(body))}",
    ]


def _done(run: Run) -> list[str]:
    """Return the end of a run that started nothing."""
    if run.status:
        return [f"OK in {duration(run.seconds)}: {run.status}"]
    if run.verdicts:
        return [f"OK in {duration(run.seconds)}: {_may(run)}", f"  Next: {run.command.playbook('deploy')}"]
    if len(run.phases) < 2:
        return []
    return [f"DONE in {_took(run)}: {_changes(run, 'changed')}"]


def _changes(run: Run, verb: str) -> str:
    return f"{verb} {first_few(run.changed)}" if run.changed else f"{verb} nothing"


def _may(run: Run) -> str:
    good = sum(run.verdicts.values())
    return f"{good} of {len(run.verdicts)} {plural(len(run.verdicts), 'host')} passed the checks"


def _in(run: Run) -> str:
    return f" in {duration(run.seconds)}" if run.seconds else ""


def verdict(run: Run) -> list[str]:
    """Return whether a run would be refused, and why."""
    bad = _found(run)
    if bad:
        return [f"CHECK{_in(run)}: this run would be REFUSED; {_may(run)}", *_grouped(bad)]
    passed = f"; {_may(run)}" if run.verdicts else ""
    return [f"CHECK{_in(run)}: this run would go ahead{passed}; nothing was changed"]


def _check(run: Run) -> list[str]:
    """Return the verdict of a check, and what a run would change."""
    lines = verdict(run)
    if _found(run):
        return [*lines, f"  Next: fix this, then {run.command.playbook('preflight')}"]
    for host, tasks in run.changed.items():
        lines.append(f"  {host} would change: {first_few(dict.fromkeys(tasks), 4, '; ')}")
    names = {(rank["host"], one["name"]): one["instance"] for one in _instances(run.plan) for rank in one["ranks"]}
    restarts = sorted({names.get(one, f"{one[1]} on {one[0]}") for one in run.restarts})
    lines.append(f"  would stop or start: {first_few(restarts) or 'nothing'}")
    return [*lines, f"  Next: the same command without --check: {run.command.again()}"]


def _instances(plan: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for entry in plan.get("deployments", {}).values() for one in entry["instances"]]


def _failure(run: Run) -> list[str]:
    """Return one reason for each host, and what to do next."""
    actions = {why.action for why in run.failed.values()}
    phase = next((why.phase for why in run.failed.values() if why.phase), "")
    kind = "CHECK FAILED" if run.check else "FAILED"
    lines = [f"{kind} after {duration(run.seconds)}" + (f": {phase}" if phase else "")]
    if PLAN in actions:
        return lines + _refused(run)
    silent = [name for name, why in run.failed.items() if why.unreachable]
    reasons = {
        name: ("no answer: " if one.unreachable else "") + first_line(one.text) for name, one in run.failed.items()
    }
    bad = _found(run) if VERDICT in actions else {}
    if bad:
        # The task that failed only counts them.
        reasons = {**{name: text for name, text in reasons.items() if name in silent}, **bad}
    return [*lines, *_grouped(reasons), f"  Next: {_next(run, silent, bad)}"]


def _refused(run: Run) -> list[str]:
    sentences = [line for why in run.failed.values() for line in why.text.split("\n") if line and line != REFUSED]
    lines = [f"  {REFUSED}", *(f"  {sentence}" for sentence in sentences)]
    return [*lines, f"  Next: correct the inventory, then {run.command.playbook('plan')}"]


def _found(run: Run) -> dict[str, str]:
    """Return host -> the first thing that preflight or status found on it."""
    if run.status:
        found: dict[str, str] = {}
        for one in run.units:
            if one["state"] != "ready":
                found.setdefault(one["host"], _unit(one))
        return found
    return {name: reason(run.findings, name) for name, good in run.verdicts.items() if not good}


def _unit(one: Mapping[str, Any]) -> str:
    who = f"router of {one['deployment']}" if one["instance"] == "router" else f"{one['instance']} rank {one['rank']}"
    return f"{who} is {one['state']}" + (f": {first_line(one['error'])}" if one["error"] else "")


def _next(run: Run, silent: Sequence[str], found: Mapping[str, str]) -> str:
    if any("sudo password" in why.text for why in run.failed.values()):
        return f"{run.command.again()} -K, which asks for the password of sudo"
    if silent:
        return f"{run.command.ping(silent)}; when it works, {run.command.again()}"
    if found and run.status:
        journal = "on the host: sudo journalctl -u 'sglang-*' -n 100"
        return f"{journal}; to bring all to the plan: {run.command.playbook('deploy')}"
    if found:
        return f"fix this, then {run.command.playbook('preflight')}"
    for host, why in run.failed.items():
        unit = why.text.partition("(unit ")[2].partition(")")[0]
        if why.action == READY and unit and not why.text.startswith("no longer waiting"):
            return f"on {host}: sudo journalctl -u {unit} -n 100; when it is fixed, {run.command.again()}"
    return f"fix this, then {run.command.again()}, which goes on where this run ended"


def _grouped(reasons: Mapping[str, str]) -> list[str]:
    """Return a line for each reason, with the hosts that have it."""
    hosts: dict[str, list[str]] = {}
    for name, text in reasons.items():
        hosts.setdefault(text.removeprefix(name).strip(), []).append(name)
    return [f"  {first_few(names)}: {text}" for text, names in hosts.items()]


def reason(findings: Iterable[Mapping[str, Any]], host: str) -> str:
    """Return the first error of a host, and how many more it has."""
    texts = [str(one["text"]) for one in findings if one["host"] == host and one["severity"] == ERROR]
    more = f" (and {len(texts) - 1} more above)" if len(texts) > 1 else ""
    return (texts[0] if texts else "its checks failed") + more


def first_line(text: str) -> str:
    """Return the first line that says something, and not too much of it."""
    line = next((one.strip() for one in text.split("\n") if one.strip()), "it failed without a word")
    line = line.removesuffix(JOURNAL)
    if line.endswith(":"):
        rest = text.partition(line)[2].strip()
        line = f"{line} {rest.splitlines()[0].strip()}" if rest else line
    return line if len(line) <= LONGEST_REASON else f"{line[:LONGEST_REASON]} ..."
