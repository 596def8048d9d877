#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_info
short_description: Tells everything about a host that serving over several hosts depends on
version_added: "1.0.0"
description:
  - GPUs and what runs on them, NVIDIA's driver, every libnccl, RDMA, network, clock, kernel settings, listeners, and room for models.
  - It changes nothing, needs no package on the host, and is done in under a second where everything answers.
  - Nothing makes it hang. Every command runs under C(timeout); every section, the look at each file system and at each name in a
    thread that is left alone when O(timeout) is over. What did not answer is in RV(node.problems).
  - As an ordinary user it cannot tell the owners of other users' listeners.
extends_documentation_fragment:
  - multinode.sglang._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
  idempotent:
    support: full
options:
  gather:
    description:
      - What to look at. A section that is left out costs nothing, and is not in the result.
    type: list
    elements: str
    choices: [all, clock, disks, driver, gpu, kernel, listeners, nccl, network, rdma, runtimes]
    default: [all]
  cluster_address:
    description: The address of this host that the other hosts use. RV(node.network.cluster) says which interface has it.
    type: str
  names:
    description: Names of hosts that RV(node.network.names) tells the addresses of, as this host's resolver sees them.
    type: list
    elements: str
    default: []
  addresses:
    description: Addresses of other hosts that RV(node.network.resolver) tells how long this host's resolver looks for names of.
    type: list
    elements: str
    default: []
  paths:
    description: Directories, such as the one of the models, that RV(node.disks) tells the room of. They need not be there yet.
    type: list
    elements: path
    default: []
  runtimes:
    description:
      - Virtual environments that RV(node.nccl) looks for libraries in and RV(node.runtimes) tells of, such as C(/opt/sglang/current).
    type: list
    elements: path
    default: []
  nccl_libraries:
    description: Further paths of libnccl, for example what C(SGLANG_NCCL_SO_PATH) says. Wildcards are expanded.
    type: list
    elements: path
    default: []
  timeout:
    description: How long in seconds a command, a file system or the resolver may take to answer.
    type: float
    default: 5
author:
  - The multinode.sglang authors (@multinode)
"""

EXAMPLES = r"""
- name: Look at this host
  multinode.sglang.node_info:
    cluster_address: "{{ sglang_plan_result.hosts[inventory_hostname].address }}"
    names: "{{ ansible_play_hosts }}"
    paths: [/data/models]
    runtimes: [/opt/sglang/current]
  register: host_node

- name: Look at the clock only
  multinode.sglang.node_info:
    gather: [clock]
  register: host_clock
"""

RETURN = r"""
node:
  description: The host. What is not known is null, and what is not there is an empty list.
  returned: always
  type: dict
  contains:
    problems:
      description: What stood in the way of looking, in sentences that begin with the section. No judgement of what was seen.
      type: list
      elements: str
      sample: ["disks: /data/models on /data (nfs4 store:/models): it did not answer in time"]
    seconds:
      description: How long each section took.
      type: dict
      sample: {"gpu": 0.31, "kernel": 0.02}
    gpu:
      description: What C(nvidia-smi) and the PCI bus say.
      type: dict
      contains:
        nvidia_smi:
          description: Whether C(nvidia-smi) is installed.
          type: bool
        nvswitches:
          description: Number of NVSwitches on the PCI bus. With any, the driver needs the fabric manager.
          type: int
        gpus:
          description: The GPUs in the order of their PCI addresses.
          type: list
          elements: dict
          contains:
            index:
              description: Number that C(nvidia-smi) and C(CUDA_VISIBLE_DEVICES) use by default of the PCI order.
              type: int
            uuid:
              description: The identity.
              type: str
            name:
              description: The product.
              type: str
            pci:
              description: PCI address as the kernel writes it.
              type: str
            lost:
              description: Whether the bus has this GPU but the driver cannot reach it; all that C(nvidia-smi) tells is null then.
              type: bool
            memory_mib:
              description: Memory; on machines that share it with the processor it may be null.
              type: int
            memory_used_mib:
              description: Memory in use.
              type: int
            driver_version:
              description: Version that the driver gives.
              type: str
            persistence:
              description: Whether the driver keeps the GPU awake.
              type: bool
            ecc:
              description: Whether memory errors are corrected; null where the GPU cannot.
              type: bool
            ecc_errors:
              description: Errors since the start that could not be corrected.
              type: int
            mig:
              description: Whether the GPU is cut into instances; null where it cannot be.
              type: bool
            mig_devices:
              description: These instances, with C(profile) and C(uuid).
              type: list
              elements: dict
            compute_mode:
              description: Who may use the GPU.
              type: str
            utilization:
              description: Percentage of time that it was busy.
              type: int
            nvlinks:
              description: Number of links that are C(active) and C(inactive).
              type: dict
            fabric:
              description:
                - C(state) and C(status) of its registration with the fabric of NVSwitches, V(Completed) and V(Success) where it may be
                  used. Null where there is none, or the driver is older than 535.
              type: dict
            numa_node:
              description: NUMA node; null on machines with one.
              type: int
        processes:
          description: What runs on the GPUs; the same process once for each GPU.
          type: list
          elements: dict
          contains:
            gpu:
              description: UUID of the GPU.
              type: str
            pid:
              description: The process.
              type: int
            name:
              description: The name that the driver knows it by.
              type: str
            memory_mib:
              description: Memory that it holds on this GPU.
              type: int
            command:
              description: Its command line; null where it is in another PID namespace.
              type: str
            user:
              description: Its user.
              type: str
            unit:
              description: Its systemd unit.
              type: str
        topology:
          description: How near devices are to each other, by device and device, in the words of C(nvidia-smi topo).
          type: dict
      sample:
        nvidia_smi: true
        nvswitches: 4
        gpus:
          - {index: 0, uuid: GPU-6f1c, name: NVIDIA H100 80GB HBM3, pci: "0000:18:00.0", lost: false, memory_mib: 81559,
             driver_version: 580.95.05, persistence: true, mig: false, nvlinks: {active: 18, inactive: 0},
             fabric: {state: Completed, status: Success}, numa_node: 0}
        processes:
          - {gpu: GPU-6f1c, pid: 4711, name: "sglang::scheduler", memory_mib: 70120, user: sglang, unit: sglang-llama-0.service}
        topology: {GPU0: {GPU1: NV18, mlx5_0: PIX}}
    driver:
      description: NVIDIA's driver.
      type: dict
      contains:
        kernel_module:
          description: Version of the module that is loaded; null where none is.
          type: str
        open:
          description: Whether it is the open flavour.
          type: bool
        installed_module:
          description: Version that the next start of the host will load.
          type: str
        userspace:
          description: Version of the libraries.
          type: str
        consistent:
          description: Whether module and libraries are of one version. If not, nothing works until the host is restarted.
          type: bool
        fabric_manager_version:
          description: Version of the fabric manager.
          type: str
        services:
          description: C(state) and C(enabled) of C(fabric_manager) and C(persistenced), those that are installed.
          type: dict
        peermem:
          description: The module through which RDMA reaches the memory of the GPUs; null where none is loaded.
          type: str
        dmabuf:
          description: Whether the driver and the kernel have DMA-BUF, which replaces such a module.
          type: bool
        stream_memops:
          description: Whether C(NVreg_EnableStreamMemOPs) is set, as IBGDA needs.
          type: bool
        peer_mapping_override:
          description: Whether C(PeerMappingOverride) is set, as IBGDA needs.
          type: bool
      sample:
        {kernel_module: 580.95.05, open: true, installed_module: 580.95.05, userspace: 580.95.05, consistent: true, peermem: nvidia_peermem}
    nccl:
      description: Every libnccl; those of O(runtimes) come first, since PyTorch loads the one that is installed beside it.
      type: list
      elements: dict
      contains:
        path:
          description: The file.
          type: str
        origin:
          description:
            - V(runtime), V(named) for O(nccl_libraries), V(system), or V(running) for one that is found only since a server has loaded it.
          type: str
        processes:
          description: Processes of this collection's units that have loaded it.
          type: list
          elements: int
        version:
          description: What C(ncclGetVersion) returns; null where it cannot be loaded.
          type: str
        error:
          description: Why it does not tell its version.
          type: str
      sample:
        - path: /opt/sglang/current/lib/python3.12/site-packages/nvidia/nccl/lib/libnccl.so.2
          origin: runtime
          version: 2.28.9
          error: null
          processes: [4711, 4712]
    rdma:
      description: RDMA devices.
      type: dict
      contains:
        devices:
          description: The devices.
          type: list
          elements: dict
          contains:
            name:
              description: The name, such as V(mlx5_0). It differs between hosts.
              type: str
            pci:
              description: PCI address; null for soft-RoCE.
              type: str
            numa_node:
              description: NUMA node.
              type: int
            firmware:
              description: Version of the firmware.
              type: str
            board:
              description: Identity of the board.
              type: str
            ports:
              description: The ports.
              type: list
              elements: dict
              contains:
                port:
                  description: The number, from 1.
                  type: int
                state:
                  description: Logical state, such as V(ACTIVE), V(INIT) or V(DOWN).
                  type: str
                physical_state:
                  description: Physical state, such as V(LinkUp), V(Polling) or V(Disabled).
                  type: str
                link_layer:
                  description: V(InfiniBand) or V(Ethernet).
                  type: str
                rate_gbps:
                  description: Rate in Gbit/s.
                  type: float
                lid:
                  description: Address in the subnet of InfiniBand.
                  type: int
                mtu:
                  description: MTU of RDMA. For InfiniBand it takes C(ibv_devinfo) to know it.
                  type: int
                netdev:
                  description: Interface of the port.
                  type: str
                netdev_mtu:
                  description: MTU of this interface.
                  type: int
                gids:
                  description: GIDs that are set, each with C(index), C(gid), C(type), C(address) where it is one of IPv4, and C(netdev).
                  type: list
                  elements: dict
                usable:
                  description: Whether it is active, has a GID, and on InfiniBand a LID.
                  type: bool
        nearest:
          description:
            - By PCI address of each GPU, its number (C(gpu)), the usable devices that are nearest to it (C(devices)), how near they
              are (C(distance)), and the one that it uses (C(device)). GPUs with the same devices near take turns.
          type: dict
      sample:
        devices:
          - name: mlx5_0
            pci: "0000:1a:00.0"
            numa_node: 0
            ports:
              - {port: 1, state: ACTIVE, link_layer: Ethernet, rate_gbps: 400.0, lid: 0, mtu: 4096, netdev: ens1np0, usable: true,
                 gids: [{index: 3, gid: "0000:0000:0000:0000:0000:ffff:0a00:0001", type: RoCE v2, address: 10.0.0.1, netdev: ens1np0}]}
        nearest: {"0000:19:00.0": {gpu: 0, device: mlx5_0, devices: [mlx5_0], distance: PIX}}
    network:
      description: Interfaces and names.
      type: dict
      contains:
        hostname:
          description: The host's own name.
          type: str
        interfaces:
          description: Interfaces.
          type: list
          elements: dict
          contains:
            name:
              description: The name.
              type: str
            kind:
              description: Kind of a virtual one, such as V(bond), V(vlan) or V(bridge).
              type: str
            state:
              description: V(UP), V(DOWN) or V(UNKNOWN).
              type: str
            mtu:
              description: Largest packet.
              type: int
            mac:
              description: Hardware address.
              type: str
            master:
              description: The bond or bridge that it belongs to.
              type: str
            lower:
              description: The interface that a VLAN is on.
              type: str
            members:
              description: Interfaces of a bond.
              type: list
              elements: str
            speed_mbps:
              description: Speed in Mbit/s.
              type: int
            numa_node:
              description: NUMA node.
              type: int
            addresses:
              description: Addresses with the length of their prefix; those that are valid on the link only are left out.
              type: list
              elements: str
        cluster:
          description: C(interface), C(mtu) and C(speed_mbps) of O(cluster_address), and C(for_containers) where no other host reaches it.
          type: dict
        names:
          description: For each of O(names) C(addresses), C(seconds) and C(error).
          type: dict
        resolver:
          description:
            - C(seconds) that the resolver took to look for names of O(addresses), as PyTorch does for its connections, and whether it
              C(answered) in time; that there is no name is an answer. Null without O(addresses).
          type: dict
      sample:
        hostname: gpu01
        interfaces: [{name: bond0, kind: bond, state: UP, mtu: 9000, members: [ens1, ens2], addresses: [10.0.0.1/24]}]
        cluster: {address: 10.0.0.1, interface: bond0, mtu: 9000, speed_mbps: 200000, for_containers: false}
        names: {gpu02: {addresses: [10.0.0.2], seconds: 0.001, error: null}}
        resolver: {seconds: 0.002, answered: true}
    listeners:
      description: TCP ports that something listens on, each with C(address), C(port), C(pid), C(command), C(user) and C(unit).
      type: list
      elements: dict
      sample: [{address: 0.0.0.0, port: 22, pid: 812, command: "sshd: /usr/sbin/sshd -D", user: root, unit: ssh.service}]
    kernel:
      description: Kernel, processors, memory, limits and settings.
      type: dict
      contains:
        release:
          description: Release of the kernel.
          type: str
        cmdline:
          description: Its parameters.
          type: str
        machine:
          description: Architecture.
          type: str
        os:
          description: C(id) and C(version) of the distribution.
          type: dict
        container:
          description: What kind of container this is; null for a machine.
          type: str
        modules:
          description: Versions of modules for GPUs and RDMA that are loaded, empty for the kernel's own.
          type: dict
        cpus:
          description: Number of processors.
          type: int
        numa:
          description: NUMA nodes with C(node), C(cpus) and C(memory_mib).
          type: list
          elements: dict
        governors:
          description: Number of processors under each governor of frequency.
          type: dict
        memory_mib:
          description: Memory.
          type: int
        available_mib:
          description: Memory that new processes can have.
          type: int
        swap_mib:
          description: Swap.
          type: int
        hugepages:
          description: C(total), C(free) and C(size_kib).
          type: dict
        transparent_hugepages:
          description: V(always), V(madvise) or V(never).
          type: str
        shm:
          description: C(size_mib) and C(free_mib) of C(/dev/shm).
          type: dict
        limits:
          description: C(memlock) and C(nofile) of C(login), a login of the user that this module runs as, and of C(services) by default.
          type: dict
        ports:
          description: C(ephemeral), which the kernel hands out, and C(reserved), which of these it does not.
          type: dict
        sysctls:
          description: Values of sysctls; one that this kernel or container has not is left out.
          type: dict
      sample:
        release: 6.8.0-85-generic
        machine: x86_64
        numa: [{node: 0, cpus: "0-55", memory_mib: 1031523}]
        shm: {size_mib: 1031800, free_mib: 1031800}
        limits: {login: {memlock: unlimited, nofile: "1048576"}, services: {memlock: "8388608", nofile: "524288"}}
        ports: {ephemeral: 32768-60999, reserved: "20000-20006,30000"}
    clock:
      description: What keeps the clock.
      type: dict
      contains:
        source:
          description: V(chrony), V(timesyncd), V(ntp) or V(ptp); null where no such service runs.
          type: str
        synchronized:
          description: Whether the kernel was told that its clock is right. In a container that is the machine's doing.
          type: bool
        server:
          description: Where the time is from.
          type: str
        stratum:
          description: Distance to a reference clock.
          type: int
        offset_seconds:
          description: What is still to be added to the clock, as chrony or the kernel says. Null where nobody knows.
          type: float
        max_error_seconds:
          description: The kernel's bound for the error, which grows while nothing keeps the clock.
          type: float
        epoch:
          description: The time of this host when it was asked.
          type: float
      sample: {source: chrony, synchronized: true, server: ntp1, stratum: 3, offset_seconds: 0.0002, max_error_seconds: 0.011}
    disks:
      description: Room at each of O(paths), or where it will be.
      type: list
      elements: dict
      contains:
        path:
          description: The path that was asked for.
          type: str
        mount:
          description: Where its file system is mounted.
          type: str
        type:
          description: Kind of file system.
          type: str
        device:
          description: Its device, or server and directory.
          type: str
        remote:
          description: Whether it is another host's.
          type: bool
        size_mib:
          description: Size; null where it does not answer.
          type: int
        free_mib:
          description: Room for a user who is not root.
          type: int
      sample: [{path: /data/models, mount: /data, type: xfs, device: /dev/nvme1n1, remote: false, size_mib: 7324992, free_mib: 5120411}]
    runtimes:
      description:
        - Each of O(runtimes) that has packages, with its C(path), its version of C(sglang), and C(digest), which is the same where all
          packages are the same.
      type: list
      elements: dict
      sample: [{path: /opt/sglang/current, sglang: 0.5.23, digest: 6f1c2a}]
"""

import sys

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Commands, Root
from ansible_collections.multinode.sglang.plugins.module_utils._node.gather import SECTIONS, Wanted, gather

OPTIONS = {
    "gather": {"type": "list", "elements": "str", "choices": ["all", *SECTIONS], "default": ["all"]},
    "cluster_address": {"type": "str"},
    "names": {"type": "list", "elements": "str", "default": []},
    "addresses": {"type": "list", "elements": "str", "default": []},
    "paths": {"type": "list", "elements": "path", "default": []},
    "runtimes": {"type": "list", "elements": "path", "default": []},
    "nccl_libraries": {"type": "list", "elements": "path", "default": []},
    "timeout": {"type": "float", "default": 5},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    wanted = Wanted.from_params(module.params, sys.executable)
    commands = Commands(module.run_command, module.get_bin_path, wanted.timeout)
    module.exit_json(changed=False, node=gather(wanted, Root(), commands))


if __name__ == "__main__":
    main()
