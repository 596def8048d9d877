"""The hosts of the benchmark, and what both playbooks are to make of them."""

from __future__ import annotations

import ipaddress
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.files import File
from ansible_collections.multinode.sglang.plugins.module_utils._base.paths import LIBRARY_DIR
from ansible_collections.multinode.sglang.plugins.module_utils._units import programs

from tests.lab import Lab
from tests.lab.settings import KEY, SSH_OPTIONS, STAND_IN_IN_HOST

SUBNET = "10.77.40.0/24"
SERVERS = 8
PYTHON = "/opt/sglang/current/bin/python"
VERSION = "0.5.23"
DEPLOYMENTS = {
    "rollout": {
        "model": "example/small",
        "server": {"hosts": "all", "tp_size": 1, "server_args": {"mem-fraction-static": 0.8}},
    },
}
# What a host has of the two files of each server, as JSON.
READ_FILES = """
import json, pathlib
units = pathlib.Path("/etc/systemd/system").glob("sglang-*.service")
environment = lambda unit: pathlib.Path("/etc/sglang", unit.stem, "environment").read_text()
print(json.dumps({unit.stem: [unit.read_text(), environment(unit)] for unit in units}))
"""


def lab(size: int) -> Lab:
    """The lab of this size, not started."""
    return Lab(f"bench-{size}", [f"node{number}" for number in range(1, size + 1)], SUBNET, stand_in=True)


def inventory(directory: Path, addresses: dict[str, str], variables: dict[str, Any]) -> Path:
    """Write an inventory that both playbooks understand."""
    hosts = {host: {"ansible_host": where} for host, where in addresses.items()}
    common = {"sglang_deployments": DEPLOYMENTS, "sglang_gpus_per_node": SERVERS, **variables}
    path = directory / "hosts.json"
    path.write_text(json.dumps({"all": {"hosts": hosts, "vars": common}}, indent=1))
    return path


def lab_inventory(directory: Path, machines: Lab, further: dict[str, Any] | None = None) -> Path:
    """Write the inventory of a lab."""
    variables = {
        "ansible_user": "root",
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_private_key_file": str(KEY),
        "ansible_ssh_common_args": " ".join(SSH_OPTIONS),
        "sglang_runtime_method": "existing",
        # The servers are meant for GPUs, and these hosts have none.
        "preflight_gpus": False,
        "sglang_version": VERSION,
        "sglang_env": {"PYTHONPATH": STAND_IN_IN_HOST},
        "plain_python": PYTHON,
        "plain_sglang_version": VERSION,
        "plain_files": str(directory),
        "plain_programs": str(write_programs(directory)),
        **(further or {}),
    }
    return inventory(directory, {host: machines.address(host) for host in machines.hosts}, variables)


def offline_inventory(directory: Path, size: int) -> Path:
    """Write an inventory of hosts that nobody connects to."""
    first = ipaddress.ip_address("10.0.0.1")
    return inventory(directory, {f"node{number}": str(first + number) for number in range(size)}, {})


def write_programs(directory: Path) -> Path:
    """Write the programs that the units run before each start; return their directory."""
    folder = directory / "programs"
    for item in programs.files():
        if isinstance(item, File):
            path = folder / item.path[len(LIBRARY_DIR) + 1 :]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(item.text, encoding="utf-8")
            path.chmod(item.mode)
    return folder


def keep_files(directory: Path, machines: Lab, plan: Path) -> None:
    """Give the plain playbook the files that the collection has made, and the list of servers of each host."""
    planned = json.loads(plan.read_text())["hosts"]

    def keep(host: str) -> None:
        code, output = machines.exec(host, ["python3", "-c", READ_FILES])
        if code:
            raise SystemExit(f"{host}: {output}")
        found = json.loads(output)
        servers = [{key: unit[key] for key in ("name", "address", "api_port")} for unit in planned[host]["units"]]
        if sorted(found) != sorted(server["name"] for server in servers):
            raise SystemExit(f"{host} has {', '.join(found)} and not the units of the plan")
        (directory / host).mkdir(exist_ok=True)
        for name, (unit, environment) in found.items():
            (directory / host / f"{name}.service").write_text(unit)
            (directory / host / f"{name}.environment").write_text(environment)
        variables = directory / "host_vars"
        variables.mkdir(exist_ok=True)
        (variables / f"{host}.json").write_text(json.dumps({"plain_servers": servers}))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(keep, machines.hosts))
