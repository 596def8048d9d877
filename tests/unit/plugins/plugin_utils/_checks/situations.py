# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every situation in which a check has something to say, as (title, findings)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._peers import connect
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks import driver, host, judge, nccl, rdma
from ansible_collections.multinode.sglang.plugins.plugin_utils._checks.finding import Finding

from tests.unit.plugins.plugin_utils._checks.hosts import (
    DOWN,
    DRIVER,
    EPHEMERAL,
    INFINIBAND,
    LINK_LOCAL_GID,
    OLD_GID,
    OTHER_DRIVER,
    ROCE_GID,
    WANTED,
    WANTED_DRIVER,
    WANTED_NCCL,
    WANTED_RDMA,
    device,
    driven,
    fabric,
    failure,
    gpu,
    gpus,
    library,
    listener,
    node,
    plan,
    planned,
    process,
    saw,
    unit,
)

Situation = tuple[str, list[tuple[str, Finding]]]
FABRIC_MANAGER = {"fabric_manager_version": DRIVER}


def situations() -> Iterator[Situation]:
    """Yield all of them."""
    for title, sections in HOSTS.items():
        yield title, _on_gpu01(host.findings(node(**sections), planned(), EPHEMERAL, WANTED))
    kept = node(units=[OURS], listeners=[listener(30000, unit="sglang-old-0.service")])
    wanted = replace(WANTED, prune=False)
    yield "a server that left the plan and stays", _on_gpu01(host.findings(kept, planned(), EPHEMERAL, wanted))
    slices = planned(units=[{**unit(), "gpus": [], "gpu_uuids": ["MIG-1"]}])
    yield "a MIG slice that is not there", _on_gpu01(host.findings(node(), slices, EPHEMERAL, WANTED))
    for title, (entry, sections) in FILES.items():
        yield title, _on_gpu01(host.findings(node(**sections), entry, EPHEMERAL, WANTED))
    canary = planned(sglang_versions=["0.5.22", "0.5.23"])
    installing = replace(WANTED, free_gib={}, install_gib={"/data": 15})
    yield "no room for two releases", _on_gpu01(host.findings(node(**_disk(20480)), canary, EPHEMERAL, installing))
    for title, (offsets, told) in CLOCKS.items():
        yield title, _pairs(judge.check_peers(plan(), _clocked(**offsets), told, 1))
    for title, message in SILENT.items():
        yield title, [("gpu01", host.no_answer("gpu01", message))]
    for title, (facts, wanted) in DRIVERS.items():
        yield title, _on_gpu01(driver.findings(facts, wanted))
    for title, (libraries, machine, denylist) in LIBRARIES.items():
        facts = {"nccl": libraries, "kernel": {"machine": machine}}
        yield title, _on_gpu01(nccl.findings(facts, replace(WANTED_NCCL, denylist=denylist)))
    for title, (facts, environment, wanted_rdma) in FABRICS.items():
        entry = planned(units=[unit(**environment)])
        yield title, _on_gpu01(rdma.findings(facts, entry, replace(WANTED_RDMA, **wanted_rdma)))
    for title, results in PEERS.items():
        yield title, _pairs(judge.check_peers(plan(), {}, results, 1))
    yield "a name that resolves to another address", _pairs(judge.check_peers(plan(), _named(), {}, 1))
    for title, (kind, odd) in DIFFERENT.items():
        nodes = {name: _alike() for name in "abc"}
        nodes["b"] = {**nodes["b"], **odd}
        yield title, _pairs(judge.compare(plan(), nodes, [kind])[1])


def _on_gpu01(found: Iterable[Finding]) -> list[tuple[str, Finding]]:
    return [("gpu01", finding) for finding in found]


def _pairs(found: judge.ByHost) -> list[tuple[str, Finding]]:
    return [(name, finding) for name, findings in found.items() for finding in findings]


def _reading(**options: list[str]) -> dict[str, Any]:
    return planned(units=[{**unit(), "files": {name.replace("_", "-"): paths for name, paths in options.items()}}])


def _file(path: str, kind: str | None = None, model: bool = False) -> dict[str, Any]:
    return {"files": [{"path": path, "kind": kind, "model": model}]}


def _clocked(**offsets: float) -> dict[str, Any]:
    return {name: {"clock": {"controller": {"ahead": ahead, "took": 1.0}}} for name, ahead in offsets.items()}


def _disk(free_mib: int) -> dict[str, Any]:
    return {"disks": [{"path": "/data", "mount": "/", "device": "/dev/sda1", "free_mib": free_mib}]}


def _network(resolver: dict[str, Any] | None = None, **cluster: Any) -> dict[str, Any]:
    network = node()["network"]
    answer = resolver or network["resolver"]
    return {"network": {**network, "cluster": {**network["cluster"], **cluster}, "resolver": answer}}


def _ports(ephemeral: str, reserved: str) -> dict[str, Any]:
    return {"kernel": {**node()["kernel"], "ports": {"ephemeral": ephemeral, "reserved": reserved}}}


SSH = "Task failed: Failed to connect to the host via ssh:"
SILENT = {
    "a host that does not answer": "",
    "a host that does not answer for an unknown reason": "Task failed: Out of luck.\nTraceback",
    "a sudo password that is missing": "Task failed: Missing sudo password",
    "a sudo password that is wrong": "Task failed: Incorrect sudo password",
    "a user without sudo": "ansible is not in the sudoers file.",
    "a host without Python": "The module interpreter '/usr/bin/python3' was not found.",
    "a key that is refused": f"{SSH} ansible@10.0.0.1: Permission denied (publickey,password).",
    "a password that is refused": f"{SSH} Invalid/incorrect password: Permission denied, please try again.",
    "another host key": f"{SSH} WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!",
    "a name without an address": f"{SSH} ssh: Could not resolve hostname gpu01: Name or service not known",
    "a host that is down": f"{SSH} ssh: connect to host 10.0.0.1 port 22: Connection timed out",
}
BROKEN_FABRIC = {"state": "In Progress", "status": "N/A"}
OURS = {"name": "sglang-old-0", "kind": "server", "title": "old-0@gpu01", "rank": 1}
HOSTS: dict[str, dict[str, Any]] = {
    "a section of the facts that is missing": {"problems": ["gpu: nvidia-smi did not answer within 5 s"]},
    "a GPU too few": gpus(gpu(0)),
    "a GPU that does not respond": gpus(gpu(0), gpu(1, lost=True)),
    "no GPU": gpus(),
    "a service on a GPU": gpus(gpu(0), gpu(1), processes=(process("train.service"),)),
    "a login's process on a GPU": gpus(gpu(0), gpu(1), processes=(process("ssh.service"),)),
    "an unknown process on a GPU": gpus(gpu(0), gpu(1), processes=(process(user=None, command=None),)),
    "a GPU in MIG mode": gpus(gpu(0, mig=True), gpu(1)),
    "a GPU outside of its fabric": gpus(gpu(0, fabric=BROKEN_FABRIC), gpu(1)),
    "memory errors of a GPU": gpus(gpu(0, ecc_errors=3), gpu(1)),
    "a planned port in use": {"listeners": [listener(30000, unit="squatter.service")]},
    "planned ports in use": {"listeners": [listener(20000), listener(20001)]},
    "a planned port in use by a process that is not visible": {"listeners": [listener(30000, pid=None)]},
    "a server that left the plan": {"units": [OURS], "listeners": [listener(30000, unit="sglang-old-0.service")]},
    "another ephemeral range": _ports("40000-60999", ""),
    "planned ports in the ephemeral range": _ports("1024-65535", "20000-20006"),
    "a disk that is too full": _disk(1024),
    "a cluster address on no interface": _network(interface=None),
    "a cluster address for containers only": _network(interface="docker0", for_containers=True),
    "a resolver that is slow": _network({"seconds": 3.2, "answered": True}),
    "a resolver that does not answer": _network({"seconds": 5.0, "answered": False}),
    "a clock that is off": {"clock": {"source": "chrony", "synchronized": True, "offset_seconds": -4.0}},
    "a clock that nothing keeps": {"clock": {"source": None, "synchronized": False, "offset_seconds": None}},
}
FILES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a model that is not there": (_reading(model_path=["/models/lm"]), _file("/models/lm")),
    "a directory without a model": (_reading(model_path=["/models/lm"]), _file("/models/lm", "directory")),
    "a template that is not there": (_reading(chat_template=["/etc/lm.jinja"]), _file("/etc/lm.jinja")),
}
CLOCKS: dict[str, tuple[dict[str, float], dict[str, Any]]] = {
    "a clock that differs from the controller's": ({"a": 3600.0}, {}),
    "two hosts of which one differs": ({"a": 0.1, "b": -3600.0}, {"a": saw({"b": -3600.2}), "b": saw({"a": 3600.2})}),
    "a controller that differs from its hosts": ({"a": 61.0, "b": 60.9, "c": 61.1}, {}),
    "a controller and a host that differ": ({"a": 61.0, "b": 60.9, "c": 0.1}, {}),
}
OLD = {"kernel_module": "570.172.08", "userspace": "570.172.08", "installed_module": "570.172.08"}
DRIVERS: dict[str, tuple[dict[str, Any], driver.Wanted]] = {
    "a driver whose state could not be read": ({**driven(), "driver": None}, WANTED_DRIVER),
    "no driver": (driven(kernel_module=None, userspace=None), WANTED_DRIVER),
    "no libraries": (driven(userspace=None), replace(WANTED_DRIVER, version=DRIVER)),
    "a driver that is too old": (driven(**OLD), WANTED_DRIVER),
    "a driver of another branch": (driven(), replace(WANTED_DRIVER, branch="590")),
    "a driver of another version": (driven(), replace(WANTED_DRIVER, version=OTHER_DRIVER)),
    "a driver of another flavour": (driven(), replace(WANTED_DRIVER, open_modules=False)),
    "a module that is not loaded": (driven(kernel_module=None), WANTED_DRIVER),
    "a restart that is pending": (driven(userspace="580.105.08", installed_module="580.105.08"), WANTED_DRIVER),
    "a module that was not built": (driven(userspace="580.105.08"), WANTED_DRIVER),
    "NVSwitches without fabric manager": (driven(switches=4), WANTED_DRIVER),
    "an NVSwitch with another fabric manager": (driven(1, fabric_manager_version=OTHER_DRIVER), WANTED_DRIVER),
    "a fabric manager that failed": (
        driven(4, **FABRIC_MANAGER, services={"fabric_manager": {"state": "failed"}}),
        WANTED_DRIVER,
    ),
    "a fabric manager without service": (driven(4, **FABRIC_MANAGER), WANTED_DRIVER),
    "a module without the parameters of IBGDA": (driven(), replace(WANTED_DRIVER, ibgda=True)),
    "a module without one of them": (driven(stream_memops=True), replace(WANTED_DRIVER, ibgda=True)),
}
DENIED = {"versions": "==2.29.2", "reason": "a regression makes it hang", "use": "2.29.3"}
LIBRARIES: dict[str, tuple[list[dict[str, Any]], str, tuple[dict[str, Any], ...]]] = {
    "an NCCL that is too old": ([library("2.27.3")], "x86_64", ()),
    "an old NCCL in use": ([library("2.27.3", processes=(1, 2))], "x86_64", ()),
    "an old NCCL in use by one process": ([library("2.27.3", processes=(1,))], "x86_64", ()),
    "an NCCL that cannot be loaded": ([library(None, error="wrong ELF class")], "x86_64", ()),
    "an NCCL that hangs": ([library("2.29.2")], "aarch64", (DENIED,)),
    "an NCCL that hangs, without a known remedy": (
        [library("2.29.2")],
        "x86_64",
        ({key: DENIED[key] for key in ("versions", "reason")},),
    ),
}
NO_PEERMEM = {"kernel_module": DRIVER, "peermem": None}
SMALL_MTU = {"minimum_mtu": 4096}
GIDS = [LINK_LOCAL_GID, OLD_GID, ROCE_GID]
FABRICS: dict[str, tuple[dict[str, Any], dict[str, str], dict[str, Any]]] = {
    "no RDMA device": (fabric(), {}, {"required": True}),
    "a named device that is missing": (fabric(device("mlx5_0")), {}, {"devices": ("mlx5_0", "mlx5_9")}),
    "a named device on a host without any": (fabric(), {}, {"devices": ("mlx5_9",)}),
    "a port that is off": (fabric(device("mlx5_0", **DOWN)), {}, {}),
    "a port without a partner": (fabric(device("mlx5_0", **DOWN | {"physical_state": "Polling"})), {}, {}),
    "a port without subnet manager": (
        fabric(device("mlx5_0", **INFINIBAND | {"state": "INIT", "usable": False})),
        {},
        {},
    ),
    "a port without LID": (fabric(device("mlx5_0", **INFINIBAND | {"lid": 0, "usable": False})), {}, {}),
    "a port without GID": (fabric(device("mlx5_0", gids=[], usable=False)), {}, {}),
    "a port without a usable GID": (fabric(device("mlx5_0", gids=[LINK_LOCAL_GID, OLD_GID])), {}, {}),
    "a port without an interface and GID": (fabric(device("mlx5_0", gids=[], netdev=None)), {}, {}),
    "a GID index of another kind": (fabric(device("mlx5_0", gids=GIDS)), {"NCCL_IB_GID_INDEX": "2"}, {}),
    "a GID index that does not exist": (fabric(device("mlx5_0", gids=GIDS)), {"MC_GID_INDEX": "9"}, {}),
    "a GID index that is empty": (fabric(device("mlx5_0", gids=GIDS)), {"UCX_IB_GID_INDEX": ""}, {}),
    "a GID index on InfiniBand": (fabric(device("mlx5_0", **INFINIBAND)), {"NVSHMEM_IB_GID_INDEX": "3"}, {}),
    "a port that is slower than others": (fabric(device("mlx5_0"), device("mlx5_1", rate_gbps=100.0)), {}, {}),
    "a port that is too slow": (fabric(device("mlx5_0", rate_gbps=100.0)), {}, {"minimum_rate": 200}),
    "a small RDMA MTU": (fabric(device("mlx5_0", mtu=1024, netdev_mtu=1500)), {}, SMALL_MTU),
    "a small RDMA MTU on InfiniBand": (fabric(device("mlx5_0", **INFINIBAND, mtu=2048)), {}, SMALL_MTU),
    "a host without nvidia_peermem": (fabric(device("mlx5_0"), **NO_PEERMEM, dmabuf=True), {}, {}),
    "a host without nvidia_peermem and DMA-BUF": (
        fabric(device("mlx5_0"), **NO_PEERMEM, dmabuf=False),
        {},
        {"peermem": False},
    ),
}
REFUSED = "Connection refused"
PEERS: dict[str, dict[str, Any]] = {
    "a port that is closed to one host": {"a": saw(failures=[failure("b", 20000, REFUSED)])},
    "ports that are closed to several hosts": {
        name: saw(failures=[failure("b", port, connect.NO_ANSWER) for port in (20000, 20001)]) for name in "ac"
    },
    "a listener that sends nothing": {"a": saw(failures=[failure("b", 20000, connect.NO_GREETING)])},
    "an address that two hosts have": {"a": saw(failures=[failure("b", 20000, connect.OTHER_ANSWER, "c")])},
    "a port that another program answers on": {
        "a": saw(failures=[failure("b", 20000, connect.OTHER_ANSWER, "another program")])
    },
    "a path that drops large packets": {"a": saw(packets_lost={"10.0.0.2": "no answer to packets of 9000 bytes"})},
    "a clock that is ahead": {"a": saw({"c": 30.0}), "b": saw({"c": 30.0})},
    "a clock that is behind": {"a": saw({"c": -30.0}), "b": saw({"c": -30.0})},
}


def _named() -> dict[str, Any]:
    answer = {"addresses": ["127.0.1.1"], "seconds": 0.0, "error": None}
    return {
        "a": {"network": {"interfaces": [], "names": {"b": answer}}},
        "b": {"network": {"interfaces": [{"addresses": ["10.0.0.2/24", "10.1.0.2/24"]}]}},
    }


def _runtime(digest: str, **packages: str) -> dict[str, Any]:
    path = "/opt/sglang/0.5.23"
    return {"runtimes": [{"path": path, "sglang": "0.5.23", "digest": digest, "packages": packages}]}


def _alike() -> dict[str, Any]:
    packages = _runtime("6b0a1d4f77e2c9", sglang="0.5.23", torch="2.13.0", xgrammar="0.2.7", python="3.12")
    return node(**packages, driver={"userspace": DRIVER}, nccl=[library("2.28.9")])


KERNEL = node()["kernel"]
DIFFERENT: dict[str, tuple[str, dict[str, Any]]] = {
    "another architecture": ("machine", {"kernel": {**KERNEL, "machine": "aarch64"}}),
    "another GPU": ("gpu", gpus(gpu(0, name="NVIDIA H200"), gpu(1, name="NVIDIA H200"))),
    "another driver than its peers": ("driver", {"driver": {"userspace": OTHER_DRIVER}}),
    "another NCCL": ("nccl", {"nccl": [library("2.29.3")]}),
    "another kernel": ("kernel", {"kernel": {**KERNEL, "release": "6.8.0-79-generic"}}),
    "another MTU": ("mtu", _network(mtu=1500)),
    "another kernel parameter": ("sysctl", {"kernel": {**KERNEL, "sysctls": {"vm.swappiness": "1"}}}),
    "other Python packages": ("runtime", _runtime("99", sglang="0.5.23", torch="2.12.1", numpy="2.3.5", python="3.12")),
    "another Python": ("runtime", _runtime("98", sglang="0.5.23", torch="2.13.0", xgrammar="0.2.7", python="3.11")),
    "other Python packages of which only the digest is known": ("runtime", _runtime("0c1d2e3f4a5b6c")),
}
