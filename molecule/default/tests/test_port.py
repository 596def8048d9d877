# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody else has taken the port of a server that was stopped."""

import re

import pytest

# A deploy that would wait for the server to get ready takes half an hour.
REFUSED_WITHIN_SECONDS = 90


@pytest.fixture
def squatter(hosts, alpha):
    """Take the API port of alpha on its leader; return the process id of who has it."""
    leader = alpha.ranks[0]
    hosts.run(leader, "systemd-run", "--unit=squatter", "/usr/bin/python3", "-m", "http.server", str(alpha.port))
    yield hosts.show(leader, "squatter")["MainPID"]
    hosts.run(leader, "systemctl", "stop", "squatter")


def test_one_deployment_can_be_stopped_alone(alpha, beta, playbook):
    playbook("stop", "-e", "sglang_plan_only=alpha")
    assert alpha.shows("ActiveState") == ["inactive"] * 2
    assert beta.shows("ActiveState") == ["active"] * 2


def test_preflight_names_the_owner_of_the_port_before_anything_changes(hosts, alpha, squatter, playbook):
    play = playbook("deploy", succeeds=False)
    owner = rf"\b{squatter} \(/usr/bin/python3 -m http.server {alpha.port}\).* squatter.service"
    sentence = rf"^.*\b{alpha.ranks[0]}\b.* port {alpha.port}\b.*{owner}"
    assert re.search(sentence, play.output, re.MULTILINE), play.output[-3000:]
    assert play.count("changed") == dict.fromkeys(hosts.names, 0)


def test_a_deploy_without_preflight_names_the_owner_of_the_port(hosts, alpha, squatter, playbook):
    play = playbook("deploy", "-e", "preflight_manage=false", succeeds=False)
    command = rf"/usr/bin/python3 -m http.server {alpha.port}"
    owner = rf"port {alpha.port} \(api\) is taken by pid {squatter} \({command}\), unit squatter.service"
    assert re.search(owner, play.output), play.output[-3000:]
    assert play.count("failed") == dict.fromkeys(hosts.names, 1), "the other host went on waiting"
    assert play.seconds < REFUSED_WITHIN_SECONDS


def test_a_deploy_succeeds_once_the_port_is_free(alpha, beta, playbook):
    before = beta.started()
    playbook("deploy")
    assert alpha.answers()
    assert beta.started() == before
