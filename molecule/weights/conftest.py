# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers and the releases of the scenario."""

from __future__ import annotations

import json
import urllib.request

import pytest
from scenario import Hosts, Server

# Each start of a server takes a while, so it serves as many tests as possible.
ORDER = ("test_fresh", "test_steady", "test_verify", "test_release", "test_refusal", "test_remove")

NODES = ("node1", "node2")
STORE = "/data/models/tiny"
SHARD = "model.safetensors"
# Another value of the last weight, in a file that appears complete.
NEW = """
import os, sys
with open(sys.argv[1], "rb") as shard:
    weights = bytearray(shard.read())
weights[-2] = (weights[-2] + 1) % 256
with open(sys.argv[1] + ".new", "wb") as shard:
    shard.write(weights)
os.replace(sys.argv[1] + ".new", sys.argv[1])
"""


class Weights:
    """The model that comes over NFS."""

    def __init__(self, hosts: Hosts) -> None:
        """Keep the hosts."""
        self._hosts = hosts

    def links(self, name: str = "current") -> dict[str, str]:
        """Return the digest that a link leads to, by host."""
        return {host: self._hosts.run(host, "readlink", f"{STORE}/{name}").strip().rpartition("/")[2] for host in NODES}

    def digest(self) -> str:
        """Return the current release, which must be the same on all hosts."""
        links = self.links()
        assert len(set(links.values())) == 1, links
        return links["node1"]

    def renew(self) -> None:
        """Put weights on the file server that it has not had before."""
        self._hosts.run("nfs1", "python3", "-c", NEW, f"/srv/models/tiny/{SHARD}")

    @staticmethod
    def served_by(server: Server) -> str:
        """Return which weights a server says that it has."""
        with urllib.request.urlopen(f"{server.url}/model_info", timeout=30) as response:  # noqa: S310 our own host
            return str(json.load(response)["weight_version"])


@pytest.fixture(scope="session")
def weights(hosts: Hosts) -> Weights:
    """Return the model that comes over NFS."""
    return Weights(hosts)


@pytest.fixture(scope="session")
def tiny(servers: dict[str, Server]) -> Server:
    """Return the server of that model."""
    return servers["tiny"]


@pytest.fixture(scope="session")
def local(servers: dict[str, Server]) -> Server:
    """Return the server of the other model."""
    return servers["local"]
