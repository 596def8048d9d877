# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts without errors, their plan, and what they saw of each other, for the tests of the checks."""

from __future__ import annotations

from typing import Any

from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import driver, host, nccl, rdma

EPHEMERAL = "32768-60999"
DRIVER, OTHER_DRIVER = "580.95.05", "580.82.07"
WANTED = host.Wanted(gpus=True, free_gib={"/data": 100}, resolver_seconds=2, clock_seconds=1)
WANTED_DRIVER = driver.Wanted(minimum="580.65.06")
WANTED_NCCL = nccl.Wanted(minimum="2.28.3")
WANTED_RDMA = rdma.Wanted()
ROCE_GID = {
    "index": 3,
    "gid": "0000:0000:0000:0000:0000:ffff:0a00:0001",
    "type": "RoCE v2",
    "address": "10.0.0.1",
    "netdev": "eth1",
}
LINK_LOCAL_GID = {
    "index": 1,
    "gid": "fe80:0000:0000:0000:0000:0000:0000:0001",
    "type": "RoCE v2",
    "address": None,
    "netdev": "eth1",
}
OLD_GID = ROCE_GID | {"index": 2, "type": "IB/RoCE v1"}
INFINIBAND = {
    "link_layer": "InfiniBand",
    "netdev": None,
    "netdev_mtu": None,
    "lid": 7,
    "gids": [LINK_LOCAL_GID | {"type": "IB/RoCE v1"}],
}
DOWN = {"state": "DOWN", "physical_state": "Disabled", "usable": False}


def unit(device: str = "cuda", **environment: str) -> dict[str, Any]:
    """Return a unit of the plan, with the keys that checks read."""
    options = [] if device == "cuda" else [{"name": "device", "values": [device]}]
    runs = {"deployment": "lm", "sglang_version": "0.5.23", "files": {}}
    return {
        "name": "sglang-lm-0",
        **runs,
        "options": options,
        "gpus": [0, 1],
        "gpu_uuids": [],
        "environment": environment,
    }


def planned(address: str = "10.0.0.1", **more: Any) -> dict[str, Any]:
    """Return a host of the plan."""
    between = {
        "sources": "instance lm-0@a",
        "ports": f"20000-20006,{EPHEMERAL}",
        "why": "lm-0: between its ranks; more",
    }
    return {
        "address": address,
        "units": [unit()],
        "left_out_units": [],
        "routers": [],
        "left_out_routers": [],
        "releases": [],
        "mounts": [],
        "sglang_versions": ["0.5.23"],
        "reserved_ports": "20000-20006,30000",
        "reach": [{"sources": "clients", "ports": "30000", "why": "lm-0: the API"}, between],
        **more,
    }


def plan(count: int = 3) -> dict[str, Any]:
    """Return a plan of one instance on the hosts a, b and c."""
    hosts = {name: planned(f"10.0.0.{number}") for number, name in enumerate("abc"[:count], 1)}
    ranks = [{"host": name, "address": entry["address"]} for name, entry in hosts.items()]
    other = {"instances": [{"ranks": [{"host": "z", "address": "10.0.0.9"}]}], "routers": []}
    return {
        "deployments": {"lm": {"instances": [{"ranks": ranks}], "routers": []}, "other": other},
        "hosts": hosts,
        "peers": {"instance lm-0@a": [entry["address"] for entry in hosts.values()]},
        "ephemeral_ports": EPHEMERAL,
    }


def gpu(index: int | None, **more: Any) -> dict[str, Any]:
    """Return a GPU."""
    name = "NVIDIA H100 80GB HBM3"
    return {"index": index, "uuid": f"GPU-{index}", "pci": f"0000:{index or 9}", "lost": False, "name": name, **more}


def gpus(*every: dict[str, Any], processes: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """Return the section gpu of the facts."""
    return {"gpu": {"gpus": list(every), "processes": list(processes)}}


def process(unit_name: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a process on the first GPU."""
    who = {"pid": 9, "name": "python", "command": "train.py", "user": "bob", "unit": unit_name}
    return {"gpu": "GPU-0", "memory_mib": 70000, **who, **more}


def listener(port: int, **more: Any) -> dict[str, Any]:
    """Return a process that listens on a port."""
    who = {"pid": 7, "command": "python3", "user": "bob", "unit": None}
    return {"address": "0.0.0.0", "port": port, **who, **more}


def node(**sections: Any) -> dict[str, Any]:
    """Return the facts of a host without errors."""
    sysctls = {"vm.swappiness": "60"}
    cluster = {"address": "10.0.0.1", "interface": "eth0", "mtu": 9000, "for_containers": False}
    found: dict[str, Any] = {
        "problems": [],
        **gpus(gpu(0), gpu(1)),
        "listeners": [],
        "kernel": {
            "ports": {"ephemeral": EPHEMERAL, "reserved": ""},
            "machine": "x86_64",
            "release": "6.8.0-85-generic",
            "sysctls": sysctls,
        },
        "network": {"cluster": cluster, "resolver": {"seconds": 0.1, "answered": True}},
        "disks": [{"path": "/data", "mount": "/data", "device": "/dev/sda1", "free_mib": 200 * 1024}],
        "clock": {"source": "chrony", "synchronized": True, "offset_seconds": 0.001},
    }
    return {**found, **sections}


def driven(switches: int = 0, **found: Any) -> dict[str, Any]:
    """Return the facts of a host with a GPU and a driver without errors but what is given."""
    facts = {
        "kernel_module": DRIVER,
        "userspace": DRIVER,
        "installed_module": DRIVER,
        "open": True,
        "consistent": True,
        "fabric_manager_version": None,
        "services": {},
        "stream_memops": False,
        "peer_mapping_override": False,
    }
    return {"gpu": {"gpus": [{"pci": "0000:18:00.0"}], "nvswitches": switches}, "driver": facts | found}


def library(
    version: str | None, origin: str = "runtime", processes: tuple[int, ...] = (), **more: Any
) -> dict[str, Any]:
    """Return a library of NCCL."""
    where = {"path": f"/{origin}/libnccl.so.2", "origin": origin, "version": version}
    return {**where, "error": None, "processes": list(processes), **more}


def device(name: str, board: str = "MT_1", **port: Any) -> dict[str, Any]:
    """Return an RDMA device with a port without errors but what is given."""
    facts = {
        "port": 1,
        "state": "ACTIVE",
        "physical_state": "LinkUp",
        "link_layer": "Ethernet",
        "rate_gbps": 400.0,
        "lid": 0,
        "mtu": 4096,
        "netdev": "eth1",
        "netdev_mtu": 4200,
        "gids": [LINK_LOCAL_GID, ROCE_GID],
        "usable": True,
    }
    return {"name": name, "board": board, "ports": [facts | port]}


def fabric(*devices: dict[str, Any], **driver_facts: Any) -> dict[str, Any]:
    """Return the facts of a host with these RDMA devices."""
    return {"rdma": {"devices": list(devices)}, "driver": driver_facts}


def saw(
    ahead: dict[str, float] | None = None,
    failures: list[dict[str, Any]] | None = None,
    packets_lost: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Return what a host saw of its peers."""
    clocks = {name: {"ahead": value, "took": 0.002} for name, value in (ahead or {}).items()}
    return {"reached": 5, "failures": failures or [], "clocks": clocks, "packets_lost": packets_lost or {}}


def failure(host_name: str, port: int, reason: str, answered_by: str = "") -> dict[str, Any]:
    """Return a port that could not be reached."""
    return {"host": host_name, "address": "10.0.0.2", "port": port, "reason": reason, "answered_by": answered_by}
