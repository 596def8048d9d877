# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two routers behind one address, with the configuration of keepalived that the role's README shows."""

import base64
import re

import pytest
from routers import call
from scenario import wait_until

from tests.lab.settings import REPO

README = REPO / "roles/sglang_router/README.md"
ADDRESS = "10.77.31.100"
APT = "DEBIAN_FRONTEND=noninteractive apt-get -qq"
INSTALL = f"{APT} update && {APT} install --no-install-recommends keepalived >/dev/null"


def configuration(port):
    """Return the README's block with the address of this network and the port of a router."""
    (block,) = re.findall(r"^```\n(global_defs.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return block.replace("10.0.0.100", ADDRESS).replace(":8000/", f":{port}/")


@pytest.fixture(scope="module")
def keepalived(hosts, routers):
    """Run keepalived beside both routers."""
    for router in routers["pd"]:
        text = base64.b64encode(configuration(router.url.rpartition(":")[2]).encode()).decode()
        hosts.run(
            router.host,
            "sh",
            "-ec",
            f"{INSTALL}; echo {text} | base64 -d >/etc/keepalived/keepalived.conf; systemctl restart keepalived",
        )
    yield
    for router in routers["pd"]:
        hosts.run(router.host, "systemctl", "stop", "keepalived")


def carriers(hosts, routers):
    """Return the routers whose hosts have the address."""
    return [
        router for router in routers if f" {ADDRESS}/" in hosts.run(router.host, "ip", "-oneline", "address", "show")
    ]


@pytest.mark.usefixtures("keepalived")
def test_the_address_moves_to_the_router_that_is_ready(hosts, routers):
    wait_until("one host has the address", lambda: len(carriers(hosts, routers["pd"])) == 1, 30)
    (first,) = carriers(hosts, routers["pd"])
    (second,) = [router for router in routers["pd"] if router is not first]

    def asked(router):
        port = router.url.rpartition(":")[2]
        return call(f"http://{ADDRESS}:{port}/v1/models", router.key)[0]

    assert asked(first) == 200
    hosts.run(first.host, "systemctl", "stop", first.unit)
    wait_until("the other host has the address", lambda: carriers(hosts, routers["pd"]) == [second], 30)
    assert asked(second) == 200
    hosts.run(first.host, "systemctl", "start", first.unit)
    assert carriers(hosts, routers["pd"]) == [second], "the address went back without need"
