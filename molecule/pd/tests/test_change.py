# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of routers change."""

import dataclasses
import json

CERTIFICATE, KEY = "/etc/ssl/certs/router.crt", "/etc/ssl/private/router.key"
# The key is root's own; systemd passes it to the router.
TLS = {
    "plain_router_options": {
        "tls-cert-path": CERTIFICATE,
        "tls-key-path": "/run/credentials/sglang-router-plain.service/tls.key",
    },
    "sglang_router_service_options": {"LoadCredential": [f"tls.key:{KEY}"]},
}
OPTION = {"pd_router_options": {"policy": "random"}}
# What only the router itself can find wrong.
BROKEN = {"pd_router_options": {"policy": "random", "tls-cert-path": "/nowhere.crt", "tls-key-path": "/nowhere.key"}}


def make_certificate(hosts):
    key = ("-newkey", "ed25519", "-nodes", "-keyout", KEY)
    hosts.run("node3", "openssl", "req", "-x509", *key, "-days", "1", "-subj", "/CN=router", "-out", CERTIFICATE)


def test_only_the_routers_of_one_deployment_are_restarted_and_one_after_the_other(routers, started, playbook):
    before = started()
    playbook("deploy", "-e", json.dumps(OPTION))
    after = started()
    restarted = {name for name in before if after[name] != before[name]}
    assert restarted == {f"{router.unit} on {router.host}" for router in routers["pd"]}
    # The hosts share one kernel, and so one monotonic clock: the second is stopped when the first one serves.
    first, second = sorted(routers["pd"], key=lambda router: router.started())
    assert int(second.shows("InactiveEnterTimestampMonotonic")) > first.started()
    assert all(router.answers() for router in routers["pd"])


def test_a_router_that_does_not_start_ends_the_deploy_before_the_next(routers, playbook):
    play = playbook("deploy", "-e", json.dumps(BROKEN), succeeds=False)
    (broken,) = [router for router in routers["pd"] if not router.answers()]
    assert f"fatal: [{broken.host}]" in play.output
    assert "Failed to read server certificate from /nowhere.crt" in play.output


def test_a_router_with_tls(hosts, routers, playbook):
    make_certificate(hosts)
    words = ("-e", json.dumps(OPTION | TLS), "--limit", "node3", "-e", "sglang_plan_only=plain")
    (plain,) = routers["plain"]
    playbook("deploy", "--check", *words)
    assert plain.answers()
    play = playbook("deploy", *words)
    # The router does not answer at the scheme that it will have; that must not end the deploy.
    assert "sglang-router-plain was not drained" in play.output
    assert not plain.answers()
    assert dataclasses.replace(plain, url=plain.url.replace("http:", "https:")).answers()


def test_and_back(every_router, playbook):
    playbook("deploy")
    assert all(router.answers() for router in every_router)
