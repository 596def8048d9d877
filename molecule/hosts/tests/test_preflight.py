# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight reports no error of hosts without faults; of many faults at once it reports each one, and nothing else."""

from __future__ import annotations

import json
import re
import time

import pytest
import yaml
from scenario import SCENARIO, run_playbook

# A clock of its own for whatever Ansible runs: the clock of a container is that of its machine.
SKEWED = """#!/bin/sh
export LD_PRELOAD=$(echo /usr/lib/*/faketime/libfaketime.so.1) FAKETIME=+30s FAKETIME_DONT_FAKE_MONOTONIC=1
exec /usr/bin/python3 "$@"
"""
SQUAT = "import socket, time; one = socket.create_server(('', 30000)); time.sleep(600)"
OLD_NCCL = "/srv/old/lib/python3.11/site-packages/nvidia/nccl/lib"


@pytest.fixture(scope="module")
def preflight(hosts):
    """Return the function that runs the playbook for one instance on all hosts."""
    deployments = {
        "lm": {
            "model": "example/lm",
            "server": {"hosts": "all", "nnodes": 3, "tp_size": 3, "server_args": {"device": "cpu"}},
        }
    }
    told = {
        "sglang_deployments": deployments,
        "preflight_free_gib": {"/srv": 0.01},
        "node_facts_runtimes": ["/srv/old"],
    }

    def run(*words, succeeds=True, **variables):
        play = run_playbook("preflight", "-e", json.dumps({**told, **variables}), *words, succeeds=succeeds)
        return re.findall(r"^ERROR  (.*)", play.output, re.MULTILINE), play.output

    return run


@pytest.fixture(scope="module")
def skewed_inventory(hosts):
    """Return an inventory in which Ansible meets the third host with a clock that is 30 s ahead."""
    third = hosts.names[2]
    install = (
        "apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends libfaketime"
    )
    hosts.run(third, "sh", "-c", install)
    hosts.run(
        third,
        "sh",
        "-c",
        'printf %s "$1" > /usr/local/bin/python-skewed; chmod 755 /usr/local/bin/python-skewed',
        "sh",
        SKEWED,
    )
    path = SCENARIO / "skewed.yml"
    interpreter = {"ansible_python_interpreter": "/usr/local/bin/python-skewed"}
    path.write_text(yaml.safe_dump({"machines": {"hosts": {third: interpreter}}}))
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def found(hosts, preflight, skewed_inventory, library):
    """Plant every fault at once, and return what preflight says of each host."""
    first, second, third = hosts.names
    address = hosts.lab.address(second)
    plant = [
        (first, "sysctl -w net.ipv4.tcp_slow_start_after_idle=0"),
        (first, "mount -t tmpfs -o size=1m none /srv/room"),
        (second, "iptables -I INPUT -p tcp --dport 20000 -j DROP"),
        (second, "iptables -I INPUT -p tcp --dport 20013 -j REJECT --reject-with tcp-reset"),
        (second, "ip link set eth0 mtu 1400"),
        (second, f"sed 's/.*{third}$/192.0.2.9 {third}/' /etc/hosts > /run/wrong; mount --bind /run/wrong /etc/hosts"),
        (third, 'systemd-run --unit=squatter --uid=nobody python3 -c "$1"'),
        (third, "iptables -I INPUT -p icmp -m length --length 1300: -j DROP"),
        # The hosts of the lab know each other from this file, and then no server is asked.
        (third, "grep localhost /etc/hosts > /run/alone; mount --bind /run/alone /etc/hosts"),
        (third, f"echo nameserver {hosts.lab.address(first)} > /run/dead; mount --bind /run/dead /etc/resolv.conf"),
        (first, "iptables -I INPUT -p udp --dport 53 -j DROP"),
    ]
    mend = [
        (
            first,
            "iptables -D INPUT 1; sysctl -w net.ipv4.tcp_slow_start_after_idle=1;"
            "umount /srv/room; rm -rf /srv/old /srv/room",
        ),
        (second, "iptables -D INPUT 1; iptables -D INPUT 1; ip link set eth0 mtu 1500; umount /etc/hosts"),
        (third, "systemctl stop squatter; iptables -D INPUT 1; umount /etc/resolv.conf /etc/hosts"),
    ]
    hosts.run(first, "mkdir", "-p", "/srv/room", OLD_NCCL)
    hosts.run(
        first,
        "sh",
        "-c",
        f'printf %s "$1" | base64 -d > {OLD_NCCL}/libnccl.so.2',
        "sh",
        library(22703).removeprefix("base64:"),
    )
    try:
        for host, script in plant:
            hosts.run(host, "sh", "-c", script, "sh", SQUAT)
        wait_for_squatter(hosts, third)
        sentences, output = preflight("-i", str(skewed_inventory), succeeds=False, preflight_free_gib={"/srv/room": 1})
    finally:
        for host, script in mend:
            hosts.shell(host, script)
    print(output[output.index("HOST ") :][:6000])
    assert address in output
    return sentences


def wait_for_squatter(hosts, host):
    """Return once it listens."""
    for _attempt in range(50):
        if ":30000" in hosts.run(host, "ss", "-ltn"):
            return
        time.sleep(0.1)
    raise AssertionError("the squatter does not listen")


def one(sentences, host, words):
    """Return the one sentence of a host that has these words."""
    chosen = [sentence for sentence in sentences if sentence.startswith(f"{host}  ") and words in sentence]
    assert len(chosen) == 1, sentences
    return chosen[0]


def test_hosts_that_are_right_are_called_so(hosts, preflight):
    sentences, output = preflight()
    assert sentences == []
    assert f"{len(hosts.names)} of {len(hosts.names)} hosts are ok" in output
    for host in hosts.names:
        assert re.search(rf"^{host} .* ok$", output, re.MULTILINE), output
        assert "peer_listen" not in hosts.run(host, "ss", "--unix", "--all"), "its listeners are still there"


def test_a_blocked_port_is_named_with_who_needs_it(hosts, found):
    first, second, third = hosts.names
    sentence = one(found, second, "20000")
    unreachable = f"port 20000 of {hosts.lab.address(second)} is unreachable from {first}, {third}"
    assert f"{unreachable}: no answer, as behind a firewall (expected open for lm-0: between its ranks)" in sentence
    assert "sudo ufw allow proto tcp from ADDRESS to any port 20000" in sentence


def test_a_rejected_port_is_named(hosts, found):
    assert ": Connection refused (expected open" in one(found, hosts.names[1], "20013")


def test_a_taken_port_is_named_with_its_owner(hosts, found):
    sentence = one(found, hosts.names[2], "port 30000 is in use by process")
    assert "of nobody, unit squatter.service" in sentence
    assert "sudo systemctl stop squatter.service" in sentence


def test_another_mtu_is_named(hosts, found):
    first, second, third = hosts.names
    sentence = one(found, second, "  MTU ")
    assert f"MTU 1400 (expected 1500, as on {first}, {third}). Fix: sudo ip link set eth0 mtu 1500" in sentence


def test_a_path_that_drops_large_packets_is_named(hosts, found):
    first, second, third = hosts.names
    for host, size in ((first, 1500), (second, 1400)):
        lost = f"full-size packets do not reach {third}: no answer to packets of {size} bytes"
        assert lost in one(found, host, "packets")


def test_another_kernel_parameter_is_named(hosts, found):
    sentence = one(found, hosts.names[0], "net.ipv4.tcp_slow_start_after_idle 0 (expected 1")
    assert "sudo sysctl -w net.ipv4.tcp_slow_start_after_idle='1'" in sentence


def test_a_full_disk_is_named(hosts, found):
    full = "/srv/room has 0.0 GiB free on /srv/room of none (expected 1 GiB"
    assert full in one(found, hosts.names[0], "/srv/room")


def test_an_old_nccl_is_named(hosts, found):
    old = f"{OLD_NCCL}/libnccl.so.2 is NCCL 2.27.3 (expected 2.28.3 or later)"
    assert old in one(found, hosts.names[0], "NCCL 2.27.3")


def test_a_skewed_clock_is_named(hosts, found):
    sentence = one(found, hosts.names[2], "the clock is")
    assert re.search(
        r"the clock is (29\.\d|30\.\d) s ahead of the controller and its peers \(expected at most 1 s", sentence
    ), sentence


def test_a_dead_resolver_is_named(hosts, found):
    assert "the reverse lookup of a peer's address" in one(found, hosts.names[2], "lookup")


def test_a_name_that_means_another_address_is_named(hosts, found):
    _first, second, third = hosts.names
    sentence = one(found, second, "  name ")
    assert (
        f"name {third} resolves to 192.0.2.9 (expected {hosts.lab.address(third)}, the address of {third})" in sentence
    )


def test_nothing_else_is_said(hosts, found):
    first, second, third = hosts.names
    assert sorted(sentence.split("  ")[0] for sentence in found) == [*[first] * 4, *[second] * 5, *[third] * 4], found


def test_listeners_of_a_run_that_was_cut_off_are_replaced(hosts, preflight):
    left = {
        "host": "left",
        "token": "left",
        "address": hosts.lab.address(hosts.names[0]),
        "ports": "20000-20006",
        "timeout": 600,
    }
    run_playbook("../molecule/hosts/listen", "-e", json.dumps({"left": left}), "--limit", hosts.names[0])
    assert "peer_listen" in hosts.run(hosts.names[0], "ss", "--unix", "--all")
    assert preflight()[0] == []
