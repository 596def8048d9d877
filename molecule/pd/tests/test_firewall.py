# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A firewall between decode and a bootstrap server."""

import re

import pytest

REFUSED_WITHIN_SECONDS = 90
RULE = ("INPUT", "--protocol", "tcp", "--dport", "9062", "--source", "10.77.31.12", "--jump", "DROP")


@pytest.fixture
def firewall(hosts):
    """Drop what decode sends to the bootstrap server of the second prefill instance."""
    hosts.run("node1", "iptables", "--insert", *RULE)
    yield
    hosts.run("node1", "iptables", "--delete", *RULE)


@pytest.mark.usefixtures("firewall")
def test_preflight_names_the_port_and_both_hosts_before_anything_changes(playbook):
    play = playbook("deploy", succeeds=False)
    named = [line for line in play.output.splitlines() if "pd-prefill-1" in line]
    assert any(all(part in line for part in ("node1", "node2", "9062", "10.77.31.11")) for line in named), named
    assert set(play.count("changed").values()) == {0}


@pytest.mark.usefixtures("firewall")
def test_a_deploy_without_preflight_names_the_port_and_both_hosts(playbook):
    play = playbook("deploy", "-e", "preflight_manage=false", succeeds=False)
    (sentence,) = re.findall(r"^\[ERROR\]: .*pd-prefill-1.*$", play.output, re.MULTILINE) or [play.output[-4000:]]
    for part in ("node2", "node1", "10.77.31.11", "9062", "timed out"):
        assert part in sentence
    assert "pd-prefill-0" not in sentence
    assert play.seconds < REFUSED_WITHIN_SECONDS


def test_a_deploy_succeeds_without_it(hosts, playbook):
    again = playbook("deploy")
    assert again.count("changed") == dict.fromkeys(hosts.names, 0), again.diff()
