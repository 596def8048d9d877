# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planned peers connect, strangers do not, and ssh always does. The tests build on each other."""

from __future__ import annotations

import pytest
from walls import FIREWALL, REMOVE, deploy, knocking, listening, reached, reached_from_here, status

# One port of each kind: rendezvous, ephemeral as for gloo or NCCL, API, and one of another deployment's peers.
DIST, EPHEMERAL, API, OTHER_DIST = 20000, 45678, 30000, 20064
PORTS = [DIST, EPHEMERAL, API, OTHER_DIST]
# Rules of somebody else, of every kind that ufw writes in a way of its own.
THEIRS = (
    "allow 9999/tcp comment theirs",
    "limit 7777/tcp",
    "allow log 8888/tcp",
    "allow 53",
    "deny in on eth0 from 192.0.2.0/24",
    "allow out 123/udp",
    "route allow proto tcp to any port 80",
    "allow proto tcp from 2001:db8::/32 to any port 9998",
)


@pytest.fixture(scope="module")
def names(hosts):
    """Return three hosts: two that serve together, and a third one."""
    return hosts.names[:3]


@pytest.fixture(scope="module")
def run(names, hosts):
    """Return the function that runs the role; the third host is the only client."""
    first, second, third = names
    pair = {"model": "/m", "server": {"hosts": [first, second], "instances": 1, "nnodes": 2, "tp_size": 2}}
    other = {"model": "/m", "server": {"hosts": [first, third], "instances": 1, "nnodes": 2, "tp_size": 2}}

    def call(*words, deployments=("pair",), playbook=FIREWALL, **variables):
        planned = {name: one for name, one in (("pair", pair), ("other", other)) if name in deployments}
        variables = {"node_firewall_clients": [hosts.lab.address(third)], **variables}
        return deploy(playbook, planned, *words, **variables)

    return call


@pytest.fixture(scope="module")
def theirs(hosts, names, fresh):
    """Return what ufw says of the rules of somebody else."""
    assert fresh
    return hosts.run(names[0], "ufw", "show", "added")


@pytest.fixture(scope="module")
def fresh(names, hosts):
    """Have fresh hosts that accept and forward everything, with rules of others in an inactive ufw."""
    for host in names:
        hosts.run(host, "ufw", "--force", "reset")
        hosts.run(host, "iptables", "-P", "FORWARD", "ACCEPT")
    for words in THEIRS:
        hosts.run(names[0], "ufw", *words.split())
    hosts.run(names[2], "ufw", "allow", "OpenSSH")
    yield True
    for host in names:
        hosts.run(host, "ufw", "--force", "reset")
        hosts.shell(host, "rm -f /etc/ufw/*.20[0-9]*")


@pytest.mark.usefixtures("fresh")
class TestBefore:
    """What happens to hosts that have no firewall yet."""

    def test_the_role_leaves_hosts_alone_unless_it_is_asked(self, run, hosts, names, theirs):
        assert theirs.count("\nufw ") == len(THEIRS)
        assert set(run(node_firewall_manage=False).count("changed").values()) == {0}
        assert all("Status: inactive" in status(hosts, host) for host in names)
        with listening(hosts, names[0], PORTS):
            assert reached(hosts, names[2], names[0], PORTS) == PORTS

    def test_a_check_shows_the_rules_and_does_nothing(self, run, hosts, names):
        before = hosts.run(names[0], "cat", "/etc/ufw/user.rules")
        play = run("--check")
        assert play.count("changed")[names[0]] == 1
        assert "+ufw: active" in play.output
        assert (
            f"+allow 30000/tcp from {hosts.lab.address(names[2])}  # multinode.sglang: pair-0: the API" in play.output
        )
        assert "Status: inactive" in status(hosts, names[0])
        assert hosts.run(names[0], "cat", "/etc/ufw/user.rules") == before

    def test_rules_wait_where_ufw_is_not_to_be_enabled(self, run, hosts, names):
        second = names[1]
        before = hosts.run(second, "cat", "/etc/ufw/user.rules")
        run(node_firewall_enable=False)
        assert "Status: inactive" in status(hosts, second)
        assert "multinode.sglang: pair-0: the API" in hosts.run(second, "ufw", "show", "added")
        assert set(run(node_firewall_enable=False).count("changed").values()) == {0}
        run(playbook=REMOVE)
        assert hosts.run(second, "cat", "/etc/ufw/user.rules") == before

    def test_another_firewall_is_named_and_nothing_is_done(self, run, hosts, names):
        hosts.run(names[0], "systemd-run", "--unit=firewalld", "--collect", "sleep", "600")
        try:
            play = run(succeeds=False)
        finally:
            hosts.run(names[0], "systemctl", "stop", "firewalld")
        assert "firewalld runs on this host" in play.output
        assert "Status: inactive" in status(hosts, names[0])

    def test_ufw_is_not_enabled_where_a_rule_would_lock_ssh_out(self, run, hosts, names):
        hosts.run(names[0], "ufw", "deny", "22/tcp")
        play = run(succeeds=False)
        hosts.run(names[0], "ufw", "delete", "deny", "22/tcp")
        assert "it would block ssh: port 22 from" in play.output
        assert "deny 22/tcp" in play.output
        assert "Status: inactive" in status(hosts, names[0])


@pytest.mark.usefixtures("fresh")
class TestAfter:
    """What the rules do, and who keeps them."""

    def test_ssh_on_another_port_stays_open_too(self, run, hosts, names):
        first = names[0]
        hosts.run(
            first,
            "sh",
            "-c",
            "printf 'Port 22\\nPort 2222\\n' > /etc/ssh/sshd_config.d/ports.conf; systemctl restart ssh",
        )
        assert run().count("changed")[first] == 1
        assert all(reached_from_here(hosts.lab.address(first), port) for port in (22, 2222))
        hosts.run(first, "sh", "-c", "rm /etc/ssh/sshd_config.d/ports.conf; systemctl restart ssh")

    def test_peers_reach_each_other_and_a_client_only_the_api(self, run, hosts, names):
        run()
        first, second, third = names
        with listening(hosts, first, PORTS):
            assert reached(hosts, second, first, PORTS) == [DIST, EPHEMERAL]
            assert reached(hosts, third, first, PORTS) == [API]
            assert [port for port in PORTS if reached_from_here(hosts.lab.address(first), port)] == []
        assert [reached_from_here(hosts.lab.address(host), 22) for host in names] == [True] * 3
        # Where somebody else has opened ssh, we do not open it any wider.
        assert ["# multinode.sglang: ssh" in status(hosts, host) for host in names] == [True, True, False]
        assert not reached_from_here(hosts.lab.address(first), 2222)

    def test_a_second_run_and_a_check_change_nothing(self, run, hosts, names):
        for words in ([], ["--check"]):
            again = run(*words)
            assert set(again.count("changed").values()) == {0}, again.diff()

    def test_what_a_host_forwards_it_goes_on_forwarding(self, hosts, names):
        assert hosts.run(names[0], "cat", "/proc/sys/net/ipv4/ip_forward").strip() == "1"
        assert "-P FORWARD ACCEPT" in hosts.run(names[0], "iptables", "-S", "FORWARD")

    def test_ufw_lists_keeps_and_deletes_the_rules_as_its_own(self, run, hosts, names):
        first = names[0]
        before = status(hosts, first)
        assert before.count("# multinode.sglang: ") == 5
        hosts.run(first, "ufw", "reload")
        assert status(hosts, first) == before
        hosts.run(first, "systemctl", "restart", "ufw")
        hosts.run(first, "ufw", "logging", "medium")
        hosts.run(first, "ufw", "logging", "low")
        assert status(hosts, first) == before
        assert set(run().count("changed").values()) == {0}
        hosts.run(
            first,
            "ufw",
            "delete",
            "allow",
            "proto",
            "tcp",
            "from",
            hosts.lab.address(names[2]),
            "to",
            "any",
            "port",
            str(API),
        )
        assert status(hosts, first).count("# multinode.sglang: ") == 4
        assert run().count("changed")[first] == 1
        assert sorted(status(hosts, first).splitlines()) == sorted(before.splitlines())

    def test_rules_that_the_kernel_has_lost_are_loaded_again(self, run, hosts, names):
        first, second, _third = names
        hosts.run(first, "iptables", "-F", "ufw-user-input")
        assert run().count("changed")[first] == 1
        with listening(hosts, first, PORTS):
            assert reached(hosts, second, first, PORTS) == [DIST, EPHEMERAL]

    @pytest.mark.parametrize(
        "words",
        [
            ("sh", "-c", "iptables -P INPUT ACCEPT && iptables -F INPUT"),
            ("iptables", "-R", "ufw-user-input", "1", "-p", "tcp", "-j", "ACCEPT"),
        ],
    )
    def test_a_host_that_another_program_has_opened_is_closed_again(self, run, hosts, names, words):
        first, _second, third = names
        hosts.run(first, *words)
        with listening(hosts, first, PORTS):
            assert reached(hosts, third, first, PORTS) == PORTS
            assert run("--check").count("changed")[first] == 1
            assert run().count("changed")[first] == 1
            assert reached(hosts, third, first, PORTS) == [API]
        assert run().count("changed")[first] == 0

    def test_rules_of_an_instance_that_is_added_and_removed(self, run, hosts, names):
        first, second, third = names
        with listening(hosts, first, PORTS), knocking(hosts, second, first, OTHER_DIST, DIST) as answers:
            run(deployments=("pair", "other"))
            assert reached(hosts, third, first, PORTS) == [EPHEMERAL, API, OTHER_DIST]
            run()
            assert reached(hosts, third, first, PORTS) == [API]
            assert reached(hosts, second, first, PORTS) == [DIST, EPHEMERAL]
        # While the rules were exchanged, there was no moment in which everything or nothing was let in.
        assert answers == {OTHER_DIST: [False], DIST: [True]}
        assert "other-0" not in status(hosts, first)
        assert "# theirs" in status(hosts, first)

    def test_ipv6(self, run, hosts, names):
        first, second, third = names
        for number, host in enumerate(names, 1):
            hosts.run(host, "sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=0")
            hosts.run(host, "ip", "address", "add", f"fd77::{number}/64", "dev", "eth0", "nodad")
        run(node_firewall_clients=["fd77::2/127"])
        assert "fd77::2/127" in status(hosts, first)
        with listening(hosts, first, PORTS):
            assert reached(hosts, second, "fd77::1", PORTS) == [API]
            assert reached(hosts, third, "fd77::1", PORTS) == [API]
        run(node_firewall_clients=["fd77::2"])
        with listening(hosts, first, PORTS):
            assert reached(hosts, second, "fd77::1", PORTS) == [API]
            assert reached(hosts, third, "fd77::1", PORTS) == []
        run()
        assert "fd77::2" not in status(hosts, first)

    def test_a_rule_of_somebody_else_that_lets_strangers_in_is_named(self, run, hosts, names):
        first = names[0]
        hosts.run(first, "ufw", "allow", "20000:21000/tcp")
        play = run()
        hosts.run(first, "ufw", "delete", "allow", "20000:21000/tcp")
        assert (
            "the rule `allow 20000:21000/tcp from 0.0.0.0/0` is not from this collection "
            "and opens ports that only peers may reach" in play.output
        )
        assert play.count("changed")[first] == 0

    def test_a_trusted_network_is_one_rule(self, run, hosts, names):
        run(node_firewall_cluster_networks=[hosts.lab.subnet])
        assert status(hosts, names[0]).count(hosts.lab.subnet) == 1
        run()

    def test_removal_takes_our_rules_out_and_restores_whether_ufw_was_enabled(self, run, hosts, names, theirs):
        first, second, third = names
        # The third host is in no deployment any more.
        everywhere = {"playbook": REMOVE, "sglang_remove_hosts": ",".join(names)}
        # Somebody had enabled it here: it is not ours to disable, and has no other rule for ssh.
        hosts.run(second, "rm", "/etc/ufw/multinode-sglang.json")
        run("--check", **everywhere)
        assert "pair-0" in status(hosts, first)
        run(**everywhere)
        assert "Status: inactive" in status(hosts, first)
        assert hosts.run(first, "ufw", "show", "added") == theirs
        assert hosts.shell(first, "find /etc/ufw -name 'multinode*'") == ""
        assert hosts.shell(first, "grep FORWARD /etc/default/ufw").strip() == 'DEFAULT_FORWARD_POLICY="DROP"'
        assert "pair-0" not in status(hosts, second)
        assert "Status: active" in status(hosts, second)
        assert reached_from_here(hosts.lab.address(second), 22)
        assert set(run(**everywhere).count("changed").values()) == {0}
        assert "Status: inactive" in status(hosts, third)
