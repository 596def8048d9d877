# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The GPUs of a host, from nvidia-smi, and those that do not respond. PRIVATE to the collection."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .._base import pci, processes
from .._base.host import Commands, Output, Root, together

# Known since driver 535; what an older one answers is ignored.
FABRIC_FIELDS = ("index", "fabric.state", "fabric.status")
PROCESS_FIELDS = ("gpu_uuid", "pid", "used_memory", "process_name")
SEPARATOR = ", "
Links = dict[int, dict[str, int]]
Fabric = dict[int, dict[str, "str | None"]]
TOPOLOGY_WORD = re.compile(r"X|SYS|NODE|PHB|PXB|PIX|NV\d+")
DEVICES = re.compile(r"(?:GPU|NIC)\d+|[A-Za-z]\w*_\w+|roce\w+|ib\w+")
# What nvidia-smi prints without a GPU or driver; all else is an error.
NOTHING = ("No devices were found", "No running processes found")


def value(text: str) -> str | None:
    """Return a cell of a table, None for [N/A], [Not Supported] and the like."""
    text = text.strip()
    return None if not text or text.startswith("[") or text == "N/A" else text


def number(text: str | None) -> int | None:
    """Return the whole number in a cell."""
    return int(float(text)) if text is not None and re.fullmatch(r"-?\d+(\.\d+)?", text) else None


def rows(text: str, fields: tuple[str, ...]) -> list[dict[str, str | None]]:
    """Return the rows of CSV without a header, without lines that are messages."""
    found = []
    for line in text.splitlines():
        cells = line.split(SEPARATOR, len(fields) - 1)
        if len(cells) == len(fields):
            found.append(dict(zip(fields, map(value, cells))))
    return found


def as_it_is(text: str | None) -> str | None:
    """Return the text in a cell."""
    return text


def switch(text: str | None) -> bool | None:
    """Return a cell with Enabled or Disabled as a boolean."""
    return {"Enabled": True, "Disabled": False}.get(text or "")


# Key, field of nvidia-smi, and how to read it. All drivers since 450 know these fields; an unknown field makes
# nvidia-smi refuse the whole query.
COLUMNS: dict[str, tuple[str, Callable[[str | None], Any]]] = {
    "index": ("index", number),
    "uuid": ("uuid", as_it_is),
    "name": ("name", as_it_is),
    "pci": ("pci.bus_id", lambda text: pci.normal_address(text or "")),
    "memory_mib": ("memory.total", number),
    "memory_used_mib": ("memory.used", number),
    "driver_version": ("driver_version", as_it_is),
    "persistence": ("persistence_mode", switch),
    "ecc": ("ecc.mode.current", switch),
    "mig": ("mig.mode.current", switch),
    "compute_mode": ("compute_mode", as_it_is),
    "utilization": ("utilization.gpu", number),
    "ecc_errors": ("ecc.errors.uncorrected.volatile.total", number),
}
FIELDS = tuple(field for field, _read in COLUMNS.values())


def parse_gpus(text: str) -> list[dict[str, Any]]:
    """Return the GPUs in the answer to a query of FIELDS."""
    return [
        {name: read(row[field]) for name, (field, read) in COLUMNS.items()}
        for row in rows(text, FIELDS)
        if number(row["index"]) is not None
    ]


def parse_processes(text: str) -> list[dict[str, Any]]:
    """Return GPU, process and memory in the answer to a query of PROCESS_FIELDS."""
    return [
        {
            "gpu": row["gpu_uuid"],
            "pid": number(row["pid"]),
            "memory_mib": number(row["used_memory"]),
            "name": row["process_name"],
        }
        for row in rows(text, PROCESS_FIELDS)
        if number(row["pid"]) is not None
    ]


def parse_fabric(text: str) -> Fabric:
    """Return GPU index -> state and status of its registration with the NVSwitch fabric, from FABRIC_FIELDS."""

    def word(cell: str | None) -> str | None:
        # Some drivers repeat the name of the field.
        found = re.sub(r"^(state|status)\s+", "", cell or "")
        return None if found in ("", "Not Supported") else found

    found: Fabric = {}
    for row in rows(text, FABRIC_FIELDS):
        index = number(row["index"])
        if index is not None:
            found[index] = {"state": word(row["fabric.state"]), "status": word(row["fabric.status"])}
    return found


def parse_topology(text: str) -> dict[str, dict[str, str]]:
    """Return device -> device -> distance, from 'nvidia-smi topo -m'; NICs have the names of RDMA devices."""
    # Some versions underline the headings.
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()
    aliases = dict(re.findall(r"^\s+(NIC\d+): (\S+)", "\n".join(lines), re.MULTILINE))
    columns: list[str] = []
    matrix: dict[str, dict[str, str]] = {}
    for line in lines:
        cells = [cell.strip() for cell in line.split("\t")]
        if not columns and not cells[0] and "GPU0" in cells:
            columns = [cell for cell in cells[1:] if DEVICES.fullmatch(cell)]
        elif columns and DEVICES.fullmatch(cells[0]):
            words = zip(columns, cells[1:])
            row = {
                aliases.get(column, column): word
                for column, word in words
                if TOPOLOGY_WORD.fullmatch(word) and word != "X"
            }
            matrix[aliases.get(cells[0], cells[0])] = row
    return matrix


def parse_nvlink(text: str) -> Links:
    """Return GPU index -> number of active and inactive NVLinks, from 'nvidia-smi nvlink --status'."""
    links: Links = {}
    current = {"active": 0, "inactive": 0}
    for line in text.splitlines():
        heading = re.match(r"GPU (\d+):", line)
        if heading:
            current = links.setdefault(int(heading.group(1)), {"active": 0, "inactive": 0})
        elif re.match(r"\s+Link \d+: [\d.]+ GB/s", line):
            current["active"] += 1
        elif re.match(r"\s+Link \d+: <inactive>", line):
            current["inactive"] += 1
    return links


def parse_mig_devices(text: str) -> dict[str, list[dict[str, str]]]:
    """Return UUID of a GPU -> its MIG devices, from 'nvidia-smi -L'."""
    devices: dict[str, list[dict[str, str]]] = {}
    current: list[dict[str, str]] = []
    for line in text.splitlines():
        gpu = re.match(r"GPU \d+: .*\(UUID: (\S+)\)", line)
        mig = re.match(r"\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (\S+)\)", line)
        if gpu:
            current = devices.setdefault(gpu.group(1), [])
        elif mig:
            current.append({"profile": mig.group(1), "uuid": mig.group(2)})
    return devices


def messages(output: Output) -> list[str]:
    """Return the messages of nvidia-smi between rows, such as that it cannot reach a GPU."""
    lines = [*output.err.splitlines(), *(line for line in output.out.splitlines() if SEPARATOR not in line)]
    return [line.strip() for line in lines if line.strip() and line.strip() not in NOTHING]


def merge(gpus: list[dict[str, Any]], bus: list[pci.Device], links: Links, fabric: Fabric) -> list[dict[str, Any]]:
    """Return the GPUs that answered, and those on the bus that the driver cannot reach, by PCI address."""
    nodes = {device.address: device.numa_node for device in bus}
    lost = [{**dict.fromkeys(COLUMNS), "pci": address} for address in sorted(set(nodes) - {gpu["pci"] for gpu in gpus})]
    return sorted(
        [
            {
                **gpu,
                "lost": gpu["index"] is None,
                "numa_node": nodes.get(gpu["pci"]),
                "nvlinks": links.get(gpu["index"], {"active": 0, "inactive": 0}),
                "fabric": fabric.get(gpu["index"], {"state": None, "status": None}),
                "mig_devices": [],
            }
            for gpu in [*gpus, *lost]
        ],
        key=lambda gpu: gpu["pci"],
    )


def query(fields: tuple[str, ...], what: str) -> list[str]:
    """Return the command line of a query."""
    return ["nvidia-smi", f"--query-{what}={','.join(fields)}", "--format=csv,noheader,nounits"]


def gather(root: Root, commands: Commands) -> tuple[dict[str, Any], list[str]]:
    """Return the section gpu, and what could not be gathered."""
    bus, switches = pci.nvidia_devices(root)
    found: dict[str, Any] = {
        "nvidia_smi": commands.there("nvidia-smi"),
        "gpus": [],
        "processes": [],
        "topology": {},
        "nvswitches": switches,
    }
    if not found["nvidia_smi"]:
        found["gpus"] = merge([], bus, {}, {})
        return found, [f"{len(bus)} NVIDIA GPUs are on the bus, but nvidia-smi is not installed"] if bus else []
    # Each attaches to all GPUs. In parallel, they do so while the first one keeps them awake.
    queries = [
        query(FIELDS, "gpu"),
        query(PROCESS_FIELDS, "compute-apps"),
        ["nvidia-smi", "topo", "-m"],
        ["nvidia-smi", "nvlink", "--status"],
        query(FABRIC_FIELDS, "gpu"),
    ]
    gpus, listed, topology, links, fabric = [output or Output(127, "", "") for output in together(commands, queries)]
    problems = messages(gpus)
    if gpus.rc != 0 and not problems:
        problems.append(gpus.trouble("nvidia-smi", commands.seconds))
    found["gpus"] = merge(parse_gpus(gpus.out), bus, parse_nvlink(links.out), parse_fabric(fabric.out))
    for process in parse_processes(listed.out):
        found["processes"].append({**processes.describe(root, process["pid"]), **process})
    found["topology"] = parse_topology(topology.out)
    if any(gpu["mig"] for gpu in found["gpus"]):
        devices = parse_mig_devices((commands.output(["nvidia-smi", "-L"]) or gpus).out)
        for gpu in found["gpus"]:
            gpu["mig_devices"] = devices.get(gpu["uuid"], [])
    return found, problems
