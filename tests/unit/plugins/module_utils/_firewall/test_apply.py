# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ufw on a host of files: check mode, idempotence, access by ssh, and failures that change nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base import files
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Commands, Root
from ansible_collections.multinode.sglang.plugins.module_utils._firewall.apply import Outcome, Wanted, bring
from ansible_collections.multinode.sglang.plugins.module_utils._firewall.ssh_access import Access
from ansible_collections.multinode.sglang.plugins.module_utils._firewall.ufw import JUMPS, OTHERS, Ufw

DEFAULTS = 'IPV6={}\nDEFAULT_INPUT_POLICY="{}"\nDEFAULT_FORWARD_POLICY="DROP"\n'
REACH = [
    {
        "sources": ["10.0.0.1", "10.0.0.2"],
        "ports": "20000-20006",
        "protocol": "tcp",
        "why": "llama-0: between its ranks",
    },
    {"sources": "clients", "ports": "30000", "protocol": "tcp", "why": "llama-0: the API"},
]
SSH = Access((22,), "192.0.2.9")
FOREIGN = "\n### tuple ### {} 0.0.0.0/0 any {} in\n-A ufw-user-input -j DROP\n"


def printed(line: str) -> str:
    """Return a rule as iptables -S prints it."""
    words = line.split()
    source = words[words.index("-s") + 1] if "-s" in words else ""
    words = [word for word in words if word not in ("-s", source)]
    whole = source if "/" in source else f"{source}/{128 if ':' in source else 32}"
    return " ".join([*words[:2], *(["-s", whole] if source else []), *words[2:4], "-m tcp", *words[4:]])


class Host:
    """The files of ufw below a directory, and a kernel that has the chains that were loaded."""

    def __init__(self, folder: Path, fresh: str, fresh6: str, ipv6: str = "yes", policy: str = "DROP") -> None:
        self.folder, self.runs, self.broken = folder, "", ""
        self.chains: dict[str, list[str]] = {}
        for path in ("etc/ufw", "etc/default", "run", "proc/sys/net/ipv4"):
            (folder / path).mkdir(parents=True)
        self.put("etc/ufw/user.rules", fresh)
        self.put("etc/ufw/user6.rules", fresh6)
        self.put("etc/ufw/ufw.conf", "ENABLED=no\n")
        self.put("etc/default/ufw", DEFAULTS.format(ipv6, policy))
        self.put("proc/sys/net/ipv4/ip_forward", "1\n")
        self.installed, self.at_disabling = True, ""

    def put(self, path: str, text: str) -> None:
        """Write a file."""
        (self.folder / path).write_text(text)

    def get(self, path: str = "etc/ufw/user.rules") -> str:
        """Read a file."""
        return (self.folder / path).read_text()

    def allow(self, text: str, source: str = "0.0.0.0/0") -> None:
        """Have a rule of somebody else, in the file as ufw writes it."""
        before, begin, rest = self.get().partition("### RULES ###\n")
        end = "" if "### END RULES ###" in rest else "\n### END RULES ###\n"
        self.put("etc/ufw/user.rules", before + begin + FOREIGN.format(text, source) + end + rest)

    def run(self, words: list[str], **_options: Any) -> tuple[int, str, str]:
        """Do what the commands do."""

        if words[0] == "systemctl":
            return 3, "".join(f"{'active' if name == self.runs else 'inactive'}\n" for name in OTHERS), ""
        if self.broken and self.broken in " ".join(words):
            return 1, "", "it is broken"
        if words[0] == "ufw":
            self.ufw(words[1:])
        elif words[0].endswith("-restore"):
            self.load(Path(words[-1]))
        elif words[3:5] == ["-A", "INPUT"]:
            self.chains[f"{words[0]} INPUT"].append(" ".join(words[3:]))
        elif words[-1] == "FORWARD":
            return 0, "-P FORWARD ACCEPT\n", ""
        else:
            chain = self.chains.get(f"{words[0]} {words[-1]}")
            return (1, "", "no chain") if chain is None else (0, "".join(f"{line}\n" for line in chain), "")
        return 0, "", ""

    def ufw(self, words: list[str]) -> None:
        """Do what ufw does."""
        if words == ["--force", "enable"]:
            self.put("etc/ufw/ufw.conf", "ENABLED=yes\n")
            for name in ("user", "user6"):
                self.load(self.folder / f"etc/ufw/{name}.rules")
            self.hook()
        elif words == ["--force", "disable"]:
            self.at_disabling = self.get()
            self.put("etc/ufw/ufw.conf", "ENABLED=no\n")
            self.chains = {}
        elif words == ["reload"]:
            self.reload()
        else:
            policy = {"allow": "ACCEPT", "deny": "DROP"}[words[1]]
            self.put(
                "etc/default/ufw",
                re.sub('FORWARD_POLICY=".*"', f'FORWARD_POLICY="{policy}"', self.get("etc/default/ufw")),
            )

    def load(self, path: Path) -> None:
        """Take the rules of a file."""
        chain, iptables = ("ufw6-user-input", "ip6tables") if "6" in path.name else ("ufw-user-input", "iptables")
        rules = [line for line in path.read_text().splitlines() if line.startswith(f"-A {chain} ")]
        self.chains[f"{iptables} {chain}"] = [f"-N {chain}", *map(printed, rules)]

    def hook(self) -> None:
        """Lead all packets through the rules, as ufw does where its chains are not there."""
        for iptables, six in (("iptables", ""), ("ip6tables", "6")):
            jumps = [f"-A INPUT -j ufw{six}-{one}" for one in JUMPS]
            self.chains[f"{iptables} INPUT"] = ["-P INPUT DROP", *jumps]
        self.reload()

    def reload(self) -> None:
        """Set the policy and the chains of before.rules; jumps that are gone stay so."""
        for iptables, six in (("iptables", ""), ("ip6tables", "6")):
            self.chains[f"{iptables} INPUT"][0] = "-P INPUT DROP"
            self.chains[f"{iptables} ufw{six}-before-input"] = [f"-A ufw{six}-before-input -j ufw{six}-user-input"]

    def bring(self, check: bool = False, ssh: Access = SSH, **params: Any) -> Outcome:
        """Do what the module does."""
        defaults = {
            "reach": REACH,
            "clients": ["10.0.0.0/8"],
            "scrapers": [],
            "cluster_networks": [],
            "ssh_sources": ["any"],
        }
        wanted = Wanted.from_params({**defaults, "enable": True, "state": "present", **params})
        commands = Commands(
            self.run, lambda name: None if name == "timeout" or (name == "ufw" and not self.installed) else name, 5
        )
        return bring(wanted, Ufw(Root(str(self.folder)), commands), ssh, check)


@pytest.fixture
def make(tmp_path: Path, recorded: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Host]:
    """Make a host with ufw as it was installed."""
    monkeypatch.setattr(files, "ids", lambda _owner, _group: (tmp_path.stat().st_uid, tmp_path.stat().st_gid))
    return lambda **options: Host(tmp_path, recorded("ufw_fresh.rules"), recorded("ufw_fresh6.rules"), **options)


def test_a_fresh_host(make: Callable[..., Host]) -> None:
    host = make()
    told, before = host.bring(check=True), host.get()
    assert host.get() == before
    done = host.bring()
    assert done == told
    assert done.after == [
        "ufw: active",
        "allow 20000:20006/tcp from 10.0.0.1  # multinode.sglang: llama-0: between its ranks",
        "allow 20000:20006/tcp from 10.0.0.2  # multinode.sglang: llama-0: between its ranks",
        "allow 22/tcp from anywhere  # multinode.sglang: ssh",
        "allow 22/tcp from anywhere (v6)  # multinode.sglang: ssh",
        "allow 30000/tcp from 10.0.0.0/8  # multinode.sglang: llama-0: the API",
    ]
    assert (done.before, done.actions[-1]) == (["ufw: inactive"], "enable ufw")
    assert [len(host.chains[chain]) - 1 for chain in ("iptables ufw-user-input", "ip6tables ufw6-user-input")] == [4, 1]
    assert 'FORWARD_POLICY="ACCEPT"' in host.get("etc/default/ufw")
    after = host.get()
    assert (host.bring().actions, host.bring(check=True).diff()) == ([], [])
    assert host.get() == after


def test_removal_is_the_way_back(make: Callable[..., Host]) -> None:
    host = make()
    host.allow("allow tcp 9999")
    files = ("etc/ufw/user.rules", "etc/ufw/user6.rules", "etc/ufw/ufw.conf", "etc/default/ufw")
    before = [host.get(name) for name in files]
    host.bring()
    told = host.bring(check=True, state="absent")
    assert host.bring(state="absent") == told
    assert told.actions[-1] == "disable ufw, as before"
    # There is no moment in which ufw is active without our rule for ssh.
    assert "--dport 22 " in host.at_disabling
    assert [host.get(name) for name in files] == before
    assert host.bring(state="absent").actions == []


def test_a_firewall_that_was_active_stays_so_and_keeps_the_rule_without_which_ssh_has_no_way_in(
    make: Callable[..., Host],
) -> None:
    host = make()
    host.ufw(["--force", "enable"])
    assert "enable ufw" not in host.bring().actions
    done = host.bring(state="absent")
    assert done.after == [
        "ufw: active",
        "allow 22/tcp from anywhere  # multinode.sglang: ssh",
        "allow 22/tcp from anywhere (v6)  # multinode.sglang: ssh",
    ]
    host.allow("allow tcp 22")
    assert host.bring(state="absent").after == ["ufw: active"]


def test_rules_wait_where_ufw_is_not_to_be_enabled(make: Callable[..., Host]) -> None:
    host = make()
    assert host.bring(enable=False).after[0] == "ufw: inactive"
    assert "30000" in host.get()
    assert host.chains == {}


def test_ssh_is_not_opened_wider_than_somebody_else_has(make: Callable[..., Host]) -> None:
    host = make()
    host.allow("allow tcp 22", "192.0.2.0/24")
    assert not any("ssh" in line for line in host.bring().after)
    assert any("ssh" in line for line in host.bring(ssh=Access((22,), "198.51.100.1")).after)


@pytest.mark.parametrize(
    ("rule", "params", "sentence"),
    [
        ("deny tcp 22", {}, "port 22 from 192.0.2.9, and the rule `deny 22/tcp from 0.0.0.0/0` refuses it"),
        ("allow tcp 1", {"ssh_sources": ["10.0.0.0/8"]}, "port 22 from 192.0.2.9, and no rule allows it"),
        ("allow tcp 1", {"ssh_sources": []}, "correct node_firewall_ssh_sources"),
    ],
)
def test_nothing_is_done_where_ssh_would_be_locked_out(
    make: Callable[..., Host], rule: str, params: dict[str, Any], sentence: str
) -> None:
    host = make()
    host.allow(rule)
    before = host.get()
    with pytest.raises(ValueError, match=re.escape(sentence)):
        host.bring(**params)
    assert (host.get(), host.chains) == (before, {})


def test_other_firewalls_are_named(make: Callable[..., Host]) -> None:
    host = make()
    host.runs = "nftables"
    with pytest.raises(ValueError, match=r"^nftables runs on this host.*node_firewall_manage: false"):
        host.bring()


def test_a_default_that_lets_everybody_in_is_refused(make: Callable[..., Host]) -> None:
    with pytest.raises(ValueError, match="ufw default deny incoming"):
        make(policy="ACCEPT").bring()


def test_peers_by_ipv6_need_ufw_to_know_it(make: Callable[..., Host]) -> None:
    host = make(ipv6="no")
    host.bring(clients=["10.0.0.0/8", "fc00::/7"])
    with pytest.raises(ValueError, match=r"IPv6 peers \(fd00::1\).*IPV6=yes"):
        host.bring(reach=[{**REACH[0], "sources": ["fd00::1"]}])


@pytest.mark.parametrize(
    "change",
    [
        lambda rules: rules.clear(),
        # As many as before: one lets everything in, or another source.
        lambda rules: rules.__setitem__(1, "-A ufw-user-input -p tcp -j ACCEPT"),
        lambda rules: rules.__setitem__(2, rules[2].replace("10.0.0.0/8", "0.0.0.0/1")),
    ],
)
def test_rules_that_the_kernel_has_lost_are_loaded_again(
    make: Callable[..., Host], change: Callable[[list[str]], None]
) -> None:
    host = make()
    host.bring()
    before = list(host.chains["iptables ufw-user-input"])
    change(host.chains["iptables ufw-user-input"])
    told = host.bring(check=True).actions
    assert told == ["load /etc/ufw/user.rules, whose rules have changed in the kernel"]
    assert host.bring().actions == told
    assert host.chains["iptables ufw-user-input"] == before
    assert host.bring().actions == []


@pytest.mark.parametrize(
    ("chain", "rules", "why"),
    [
        ("INPUT", ["-P INPUT ACCEPT"], "iptables has no jump from INPUT to ufw-before-input"),
        ("INPUT", ["-P INPUT ACCEPT", "-A INPUT -j ufw-before-input"], "the policy of INPUT in iptables is ACCEPT"),
        ("ufw-before-input", [], "iptables has no jump from ufw-before-input to ufw-user-input"),
    ],
)
def test_chains_that_lead_past_the_rules_are_built_again(
    make: Callable[..., Host], chain: str, rules: list[str], why: str
) -> None:
    host = make()
    host.bring()
    host.chains[f"iptables {chain}"] = rules
    assert host.bring(check=True).actions == host.bring().actions == [f"lead packets to ufw again, because {why}"]
    assert host.bring().actions == []


def test_a_firewall_that_protects_nothing_is_said(make: Callable[..., Host]) -> None:
    host = make()
    host.bring()
    host.chains["iptables INPUT"].insert(1, "-A INPUT -j ACCEPT")
    with pytest.raises(ValueError, match="does not protect this host, even after `ufw reload`: INPUT in iptables acc"):
        host.bring()


def test_rules_that_the_kernel_does_not_take_are_put_back(make: Callable[..., Host]) -> None:
    host = make()
    host.bring()
    before, host.broken = host.get(), "iptables-restore"
    with pytest.raises(ValueError, match=r"`iptables-restore .*` failed: .*it is broken"):
        host.bring(reach=REACH[:1])
    assert host.get() == before


def test_without_ufw_the_rules_are_shown_and_nothing_is_done(make: Callable[..., Host]) -> None:
    host = make()
    host.installed = False
    done = host.bring()
    assert (done.installed, done.actions, done.before) == (False, ["install ufw"], ["ufw: not installed"])
    assert len(done.after) == 6
    assert host.bring(state="absent").actions == []


def test_what_rules_of_others_do_to_ours_is_told(make: Callable[..., Host]) -> None:
    host = make()
    host.allow("allow tcp 20000:21000")
    host.allow("deny any any", "10.0.0.2")
    host.allow("allow tcp 20001", "172.16.0.1")
    done = host.bring()
    assert done.wider == ["allow 20001/tcp from 172.16.0.1", "allow 20000:21000/tcp from 0.0.0.0/0"]
    assert len(done.warnings) == 2
    assert done.warnings[0].startswith(
        "the rule `allow 20000:21000/tcp from 0.0.0.0/0` is not from this collection and opens ports"
    )
    assert re.search(
        r"`deny any/any from 10.0.0.2` is not from this collection, comes before `allow 20000:20006/tcp from 10.0.0.2 ",
        done.warnings[1],
    )


def test_a_host_that_is_reached_by_other_means_than_ssh_is_not_locked(make: Callable[..., Host]) -> None:
    host = make()
    with pytest.raises(ValueError, match="ufw is not enabled, because no ssh server was found"):
        host.bring(ssh=Access((), None))
    assert not host.chains
    host.bring()
    assert host.bring(ssh=Access((), None)).active
