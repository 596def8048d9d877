# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set the ufw rules of a host to those of the plan, without ever locking ssh out. PRIVATE to the collection."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._base.files import File, diff_entry, ensure
from .rules import ANYWHERE, Rule, Who, comment_of, networks, peer_ports, plan_rules, source_text
from .ssh_access import Access
from .ufw import V4, V6, Family, Ufw
from .ufw_file import Entry, RulesFile, verdict, wider

# The state before ufw was enabled, to restore it on removal.
STATE = "/etc/ufw/multinode-sglang.json"
SSH = "ssh"
_SEE = "see `iptables -S` and `journalctl -u ufw`, and end the program that undoes its rules"
POLICIES = {"accept": "allow", "drop": "deny", "reject": "reject"}


@dataclass(frozen=True)
class Wanted:
    """What ufw must allow. present: False to remove our rules."""

    reach: Sequence[Mapping[str, Any]]
    who: Who
    ssh_sources: Sequence[str]
    enable: bool
    present: bool

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> Wanted:
        """Return the options of the module as this type."""
        groups = {"clients": params["clients"], "scrapers": params["scrapers"]}
        present = params["state"] == "present"
        return cls(
            params["reach"] if present else [],
            Who(groups, params["cluster_networks"]),
            params["ssh_sources"],
            params["enable"],
            present,
        )


@dataclass
class Outcome:
    """What was done, or would be in check mode, with warnings and diff."""

    installed: bool = True
    active: bool = False
    actions: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    wider: list[str] = field(default_factory=list)

    def diff(self) -> list[dict[str, Any]]:
        """Return the diff: one line for each rule of ours."""
        before, after = ("".join(f"{line}\n" for line in lines) for lines in (self.before, self.after))
        return [diff_entry("ufw", before, after)] if before != after else []


def bring(wanted: Wanted, ufw: Ufw, ssh: Access, check: bool) -> Outcome:
    """Apply the rules, or only return what would change."""
    others = ufw.others() if wanted.present else []
    if others:
        raise ValueError(
            f"{' and '.join(others)} runs on this host, and ufw would undo its rules; stop and disable it "
            "(`systemctl disable --now ...`), or set node_firewall_manage: false and open the ports of the plan in it"
        )
    if not ufw.installed():
        return _not_installed(wanted, ssh)
    _check_policy(wanted, ufw)
    active = ufw.loaded(V4) is not None
    disable = not wanted.present and active and not _state(ufw).get("enabled", True)
    if disable and not check:
        # First, so that ufw is never active without our rule for ssh.
        ufw.command("--force", "disable")
    with ufw.lock(check):
        outcome = _exchange(wanted, ufw, ssh, check, active and not disable)
    if active and wanted.present:
        _mend_what_is_bypassed(ufw, outcome, check)
    outcome.before.insert(0, f"ufw: {'active' if active else 'inactive'}")
    if wanted.present and wanted.enable and not (outcome.active and ufw.enabled()):
        forward = ufw.forwards() and ufw.setting("DEFAULT_FORWARD_POLICY") != "accept"
        outcome.actions += (
            ["set ufw to forward by default, as this host does", "enable ufw"] if forward else ["enable ufw"]
        )
        if not check:
            _enable(ufw, forward)
        outcome.active = True
    if disable:
        outcome.actions.append("disable ufw, as before")
    if not wanted.present and not check:
        _restore(ufw)
    outcome.after.insert(0, f"ufw: {'active' if outcome.active else 'inactive'}")
    return outcome


def _not_installed(wanted: Wanted, ssh: Access) -> Outcome:
    outcome = Outcome(installed=False)
    if wanted.present:
        rules = [*plan_rules(wanted.reach, wanted.who), *_ssh_rules(wanted, ssh, {V4: [], V6: []})]
        outcome.before = ["ufw: not installed"]
        outcome.after = [f"ufw: {'active' if wanted.enable else 'inactive'}", *sorted(rule.line() for rule in rules)]
        outcome.actions = ["install ufw"]
    return outcome


def _check_policy(wanted: Wanted, ufw: Ufw) -> None:
    if wanted.present and ufw.setting("DEFAULT_INPUT_POLICY") == "accept":
        raise ValueError(
            "ufw on this host allows incoming connections by default, so rules would block nobody; "
            "run `ufw default deny incoming` after you have allowed the other services of this host, "
            "or set node_firewall_manage: false"
        )


def _exchange(wanted: Wanted, ufw: Ufw, ssh: Access, check: bool, active: bool) -> Outcome:
    """Set the files, and the kernel where ufw is and stays active, to the wanted rules."""
    outcome = Outcome(active=active)
    families = ufw.families()
    files = {family: ufw.read(family) for family in families}
    loaded = {family: ufw.loaded(family) if active else None for family in families}
    rules = _rules(wanted, ssh, files, active)
    _check_families(wanted, families, rules)
    new = {family: files[family].wanted(rule for rule in rules if rule.v6 == (family == V6)) for family in families}
    if wanted.present and wanted.enable and not active:
        _check_ssh(ssh, new)
    _report(wanted, files, new, outcome)
    for family in families:
        kernel = loaded[family]
        stale = kernel is not None and not new[family].is_loaded(family.chain, kernel)
        if stale and new[family] is files[family]:
            outcome.actions.append(f"load {family.path}, whose rules have changed in the kernel")
        if not check:
            _apply(
                ufw,
                family,
                files[family],
                new[family],
                kernel is not None and (stale or new[family] is not files[family]),
            )
    return outcome


def _mend_what_is_bypassed(ufw: Ufw, outcome: Outcome, check: bool) -> None:
    """Have ufw build its chains again where another program has flushed them."""
    found = ufw.bypassed()
    if not found:
        return
    outcome.actions.append(f"lead packets to ufw again, because {found}")
    if check:
        return
    ufw.mend()
    found = ufw.bypassed()
    if found:
        raise ValueError(f"ufw does not protect this host, even after `ufw reload`: {found}; {_SEE}")


def _rules(wanted: Wanted, ssh: Access, files: Mapping[Family, RulesFile], stays_active: bool) -> list[Rule]:
    foreign = {family: rules.foreign() for family, rules in files.items()}
    if wanted.present:
        return [*plan_rules(wanted.reach, wanted.who), *_ssh_rules(wanted, ssh, foreign)]
    if not stays_active:
        return []
    # Whoever enabled ufw may depend on our rule for ssh by now.
    here = {entry.rule for rules in files.values() for entry in rules.entries if entry.ours}
    return [rule for rule in _ssh_rules(wanted, ssh, foreign) if rule in here]


def _ssh_rules(wanted: Wanted, ssh: Access, foreign: Mapping[Family, Sequence[Entry]]) -> list[Rule]:
    """Return rules for the ports of ssh that no other rule opens for the current connection."""
    rules = []
    for port in ssh.ports:
        decides = verdict(foreign.get(_family(ssh.client), []), ssh.client, port)
        if decides is None or not decides.lets_in:
            rules += [
                Rule(source_text(one), str(port), comment_of([SSH]))
                for one in networks(wanted.ssh_sources, "ssh_sources")
            ]
    return rules


def _family(address: str | None) -> Family:
    return V6 if address is not None and ipaddress.ip_address(address).version == 6 else V4


def _check_families(wanted: Wanted, families: Sequence[Family], rules: Sequence[Rule]) -> None:
    """Refuse IPv6 peers where ufw refuses all of IPv6."""
    peers = [rule for rule in rules if rule.v6 and rule.source in {source_text(one) for one in _peers(wanted)}]
    if peers and V6 not in families:
        raise ValueError(
            f"the plan has IPv6 peers ({peers[0].source}), but ufw refuses all of IPv6 on this host; "
            "set IPV6=yes in /etc/default/ufw and run `ufw reload`"
        )


def _peers(wanted: Wanted) -> list[Any]:
    return [
        one
        for rule in wanted.reach
        if not isinstance(rule["sources"], str)
        for one in wanted.who.networks(rule["sources"])
    ]


def _check_ssh(ssh: Access, files: Mapping[Family, RulesFile]) -> None:
    """Refuse to enable ufw if it would refuse the current ssh connection, or whatever else leads to this host."""
    if not ssh.ports:
        raise ValueError(
            "ufw is not enabled, because no ssh server was found and it might block how you reach this host; "
            "allow that with `ufw allow`, run `ufw enable`, and run this again"
        )
    for port in ssh.ports:
        rules = files.get(_family(ssh.client))
        decides = verdict(rules.entries, ssh.client, port) if rules else None
        if decides is None or not decides.lets_in:
            cause = "no rule allows it" if decides is None else f"the rule `{decides.line()}` refuses it"
            access = f"port {port} from {ssh.client or 'anywhere'}"
            raise ValueError(
                f"ufw is not enabled, because it would block ssh: {access}, and {cause}; "
                "correct node_firewall_ssh_sources or that rule"
            )


def _report(
    wanted: Wanted, files: Mapping[Family, RulesFile], new: Mapping[Family, RulesFile], outcome: Outcome
) -> None:
    """Add what changes, and warn about rules of others that contradict ours."""
    sides = [
        [entry.rule.line() for rules in side.values() for entry in rules.entries if entry.ours] for side in (files, new)
    ]
    outcome.before, outcome.after = sorted(sides[0]), sorted(sides[1])
    outcome.actions += [f"delete {line}" for line in sides[0] if line not in sides[1]]
    outcome.actions += [f"add {line}" for line in sides[1] if line not in sides[0]]
    foreign = [entry for rules in files.values() for entry in rules.foreign()]
    found = wider(foreign, peer_ports(wanted.reach, wanted.who))
    outcome.wider = [entry.line() for entry in found]
    for entry in found:
        if entry.src in ANYWHERE:
            outcome.warnings.append(
                f"the rule `{entry.line()}` is not from this collection and opens ports that only peers may reach; "
                "delete it with ufw"
            )
    for entry in (
        entry for rules in new.values() for entry in rules.entries if entry.ours and entry.src not in ANYWHERE
    ):
        decides = verdict(foreign, str(entry.source().network_address), entry.ports()[0][0])
        if decides is not None and not decides.lets_in:
            outcome.warnings.append(
                f"the rule `{decides.line()}` is not from this collection, comes before `{entry.line()}` and refuses it"
            )


def _apply(ufw: Ufw, family: Family, old: RulesFile, new: RulesFile, load: bool) -> None:
    """Write the rules and load them; restore a file that cannot be loaded, so that the next boot has a firewall."""
    if new is not old:
        ufw.write(family, new)
    if not load:
        return
    try:
        ufw.load(family)
    except ValueError:
        ufw.write(family, old)
        raise


def _state(ufw: Ufw) -> dict[str, Any]:
    text = ufw.root.text(STATE)
    found: dict[str, Any] = json.loads(text) if text else {}
    return found


def _enable(ufw: Ufw, forward: bool) -> None:
    """Enable ufw, and keep the state before. The host continues to forward what it forwards."""
    if not ufw.root.exists(STATE):
        before = {"enabled": ufw.enabled(), "forward": ufw.setting("DEFAULT_FORWARD_POLICY")}
        ensure(File(ufw.root.path(STATE), json.dumps(before) + "\n", 0o644))
    if forward:
        ufw.command("default", "allow", "routed")
    ufw.command("--force", "enable")
    if ufw.loaded(V4) is None:
        raise ValueError(f"ufw says that it is enabled, but the kernel has none of its rules; {_SEE}")


def _restore(ufw: Ufw) -> None:
    """Restore the default forwarding of ufw, and remove the kept state."""
    state = _state(ufw)
    if state:
        if state["forward"] in POLICIES and state["forward"] != ufw.setting("DEFAULT_FORWARD_POLICY"):
            ufw.command("default", POLICIES[state["forward"]], "routed")
        ufw.remove(STATE)
