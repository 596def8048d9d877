# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that look as if they had GPUs, packages for them, and the playbook with the roles that care for them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from scenario import Hosts, Play, run_playbook

REPOSITORY = "/srv/packages"
OLD, NEW, NEXT, OTHER_BRANCH = "570.172.08", "580.82.07", "580.95.05", "590.44.01"
LIBRARY = "/usr/lib/x86_64-linux-gnu"
DEPLOYMENTS = {
    "alpha": {"model": "/models/tiny", "server": {"hosts": "machines", "nnodes": 2, "tp_size": 4, "instances": 1}}
}
FROM_HERE = {"uris": f"file:{REPOSITORY}", "suites": "/", "trusted": True}

# What the kernel shows of a GPU, an NVSwitch and a loaded module, on own file systems of the host. /run is new with
# each host.
LOOKS = """
set -e
mountpoint -q /sys/bus/pci || mount -t tmpfs none /sys/bus/pci
mountpoint -q /proc/driver || mount -t tmpfs none /proc/driver
rm -rf /sys/bus/pci/devices /proc/driver/nvidia
for device in $1; do
    mkdir -p /sys/bus/pci/devices/${device%=*}
    echo 0x10de > /sys/bus/pci/devices/${device%=*}/vendor
    echo ${device#*=} > /sys/bus/pci/devices/${device%=*}/class
done
if [ -n "$2" ]; then
    mkdir -p /proc/driver/nvidia
    echo "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  $2  Release Build" > /proc/driver/nvidia/version
fi
"""
# A restart as the roles see it: after three seconds another boot, in which the kernel has loaded what is installed.
SHUTDOWN = r"""#!/bin/sh
trap "" HUP
(
    echo "down $(date +%s.%N)" >> /run/restarts
    sleep 3
    library=$(basename $(ls /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.*))
    version=${library#libnvidia-ml.so.}
    [ -e /run/broken ] || { mkdir -p /proc/driver/nvidia
        echo "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  $version  Release Build" \
            > /proc/driver/nvidia/version
        parameters=$(cat /etc/modprobe.d/*.conf 2>/dev/null)
        case $parameters in
            *PeerMappingOverride=1*)
                printf 'EnableStreamMemOPs: 1\nRegistryDwords: "PeerMappingOverride=1;"\n' \
                    > /proc/driver/nvidia/params ;;
        esac
        systemctl start nvidia-persistenced nvidia-fabricmanager
    }
    echo "up $(date +%s.%N)" >> /run/restarts
    cat /proc/sys/kernel/random/uuid > /run/boot_id
) > /dev/null 2>&1 &
"""
RESTARTS = """
set -e
printf %s "$1" > /run/shutdown
cp --remove-destination /run/shutdown /usr/sbin/shutdown
chmod 755 /usr/sbin/shutdown
cat /proc/sys/kernel/random/uuid > /run/boot_id
mountpoint -q /proc/sys/kernel/random/boot_id || mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
rm -f /run/restarts /run/broken
"""
PURGE = r"""
names='*nvidia* libnccl2 nccl-tests rdma-core ibverbs-utils perftest infiniband-diags doca-ofed python3-debian'
dpkg-query -W -f '${Package} ${db:Status-Status}\n' $names 2>/dev/null | sed -n 's/ installed$//p' |
    xargs --no-run-if-empty apt-get -y --allow-change-held-packages purge
set +f
rm -rf /etc/apt/sources.list.d/multinode-* /etc/apt/preferences.d/multinode-* /srv/packages \
    /etc/modprobe.d/multinode-* /usr/lib/*-linux-gnu/libnvidia-ml.so.*
"""


DEPENDENCIES = ("nvidia-kernel-open-dkms", "libnvidia-compute", "nvidia-persistenced")


def unit(command: str) -> str:
    """Return a unit that runs a command."""
    return f"[Service]\nExecStart={command}\n[Install]\nWantedBy=multi-user.target\n"


def driver_packages(version: str) -> list[dict[str, Any]]:
    """Return packages with the names and the dependencies of a release of the driver."""
    revision = f"{version}-1"
    return [
        {
            "name": "nvidia-open",
            "version": revision,
            "depends": ", ".join(f"{name} (= {revision})" for name in DEPENDENCIES),
        },
        {"name": "nvidia-kernel-open-dkms", "version": revision},
        {"name": "libnvidia-compute", "version": revision, "files": {f"{LIBRARY}/libnvidia-ml.so.{version}": ""}},
        {
            "name": "nvidia-persistenced",
            "version": revision,
            "files": {"/usr/lib/systemd/system/nvidia-persistenced.service": unit("/bin/sleep infinity")},
        },
        {
            "name": "nvidia-fabricmanager",
            "version": revision,
            "files": {
                "/usr/bin/nv-fabricmanager": f"#!/bin/sh\necho Fabric Manager version is : {version}\n",
                "/usr/lib/systemd/system/nvidia-fabricmanager.service": unit("/bin/sleep infinity"),
            },
        },
    ]


def publish(hosts: Hosts, host: str, packages: list[dict[str, Any]]) -> None:
    """Make a repository of these packages in a host."""
    text = (Path(__file__).parent / "debs.py").read_text(encoding="utf-8")
    hosts.run(host, "python3", "-c", text, REPOSITORY, json.dumps(packages))


def looks(hosts: Hosts, host: str, loaded: str = "", switches: int = 0) -> None:
    """Let a host look as if it had a GPU, NVSwitches and a loaded driver."""
    devices = ["0000:18:00.0=0x030200", *(f"0000:{number:02x}:00.0=0x068000" for number in range(switches))]
    hosts.run(host, "sh", "-c", LOOKS, "sh", " ".join(devices), loaded)


def restarts(hosts: Hosts, host: str) -> None:
    """Let a restart of a host be one that the container survives."""
    hosts.run(host, "sh", "-c", RESTARTS, "sh", SHUTDOWN)


def fresh(hosts: Hosts, host: str) -> None:
    """Take everything away that these tests install."""
    hosts.run(host, "env", "DEBIAN_FRONTEND=noninteractive", "sh", "-f", "-c", f"{PURGE}")


def roles(*words: str, succeeds: bool = True, **variables: Any) -> Play:
    """Run the roles with these variables."""
    told = {"sglang_deployments": DEPLOYMENTS, "nvidia_driver_reboot_timeout": 60, "rdma_install": False, **variables}
    return run_playbook("../molecule/hosts/machines", "-e", json.dumps(told), *words, succeeds=succeeds)


def installed(hosts: Hosts, host: str) -> dict[str, tuple[str, str]]:
    """Return package -> version and whether it is held."""
    shown = hosts.shell(host, "dpkg-query -W -f '${Package} ${Version} ${db:Status-Want} ${db:Status-Status}\\n'")
    rows = [line.split() for line in shown.splitlines()]
    return {row[0]: (row[1], row[2]) for row in rows if len(row) == 4 and row[3] == "installed"}


def sentences(play: Play) -> str:
    """Return what the roles refused."""
    return "\n".join(re.findall(r"Action failed: (.*)", play.output)) or play.output[-4000:]
