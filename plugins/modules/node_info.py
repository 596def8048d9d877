#!/usr/bin/python
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_info
short_description: Gather the host facts that multi-node serving depends on
version_added: 1.0.0
description:
  - Gathers GPUs and their processes, NVIDIA's driver, every NCCL library, RDMA, network, clock, kernel settings,
    listeners, free space, and Python environments.
  - It changes nothing, needs no package on the host, and takes less than a second if everything answers.
  - It cannot hang. Each command runs under C(timeout). Each section, and each access to a file system or a name, runs
    in a thread that is abandoned after O(timeout). RV(node.problems) lists what did not answer.
  - An ordinary user cannot see who owns the listeners of other users.
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
      - The sections to gather. The other sections cost nothing, and are not in the result.
    type: list
    elements: str
    choices: [all, clock, disks, driver, files, gpu, kernel, listeners, nccl, network, rdma, runtimes, units]
    default: [all]
  cluster_address:
    description: The address at which other hosts reach this one. RV(node.network.cluster) describes its interface.
    type: str
  names:
    description: Host names to resolve, see RV(node.network.names).
    type: list
    elements: str
    default: []
  addresses:
    description: Peer addresses whose reverse lookup is timed, see RV(node.network.resolver).
    type: list
    elements: str
    default: []
  paths:
    description: Directories to report free space for, see RV(node.disks). They need not exist.
    type: list
    elements: path
    default: []
  files:
    description: Files and directories that may exist, see RV(node.files). Nothing in them is read.
    type: list
    elements: path
    default: []
  runtimes:
    description: Virtual environments whose NCCL and packages are reported, such as V(/opt/sglang/0.5.23).
    type: list
    elements: path
    default: []
  nccl_libraries:
    description: Further paths of NCCL, such as the value of C(SGLANG_NCCL_SO_PATH). Wildcards are expanded.
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
- name: Gather all facts of this host
  multinode.sglang.node_info:
    cluster_address: "{{ sglang_plan_result.hosts[inventory_hostname].address }}"
    names: "{{ ansible_play_hosts }}"
    paths: [/data/models]
    runtimes: [/opt/sglang/0.5.23]
  register: host_node

- name: Gather the clock only
  multinode.sglang.node_info:
    gather: [clock]
  register: host_clock
"""

RETURN = r"""
node:
  description: The host. Unknown values are null, and lists of what the host does not have are empty.
  returned: always
  type: dict
  contains:
    problems:
      description: What could not be gathered, as sentences that start with the name of the section.
      type: list
      elements: str
      sample: ["disks: /data/models on /data (nfs4 store:/models): it did not answer in time"]
    seconds:
      description: How long in seconds each section took.
      type: dict
      sample: {"gpu": 0.31, "kernel": 0.02}
    gpu:
      description: What C(nvidia-smi) and the PCI bus report.
      type: dict
      contains:
        nvidia_smi:
          description: Whether C(nvidia-smi) is installed.
          type: bool
        nvswitches:
          description: Number of NVSwitches on the PCI bus. They need the fabric manager.
          type: int
        gpus:
          description: The GPUs, ordered by PCI address.
          type: list
          elements: dict
          contains:
            index:
              description: Its index in C(nvidia-smi), and in C(CUDA_VISIBLE_DEVICES) in PCI order.
              type: int
            uuid:
              description: Its UUID.
              type: str
            name:
              description: The name of the product.
              type: str
            pci:
              description: PCI address in the kernel's notation.
              type: str
            lost:
              description: Whether the driver cannot reach a GPU on the bus. Then all values of C(nvidia-smi) are null.
              type: bool
            memory_mib:
              description: Memory in MiB. May be null where GPU and CPU share it.
              type: int
            memory_used_mib:
              description: Memory in use, in MiB.
              type: int
            driver_version:
              description: Version of the driver.
              type: str
            persistence:
              description: Whether persistence mode is on.
              type: bool
            ecc:
              description: Whether ECC is on. Null if the GPU has none.
              type: bool
            ecc_errors:
              description: Uncorrected memory errors since the driver was loaded.
              type: int
            mig:
              description: Whether MIG mode is on. Null if the GPU has none.
              type: bool
            mig_devices:
              description: MIG instances, with C(profile) and C(uuid).
              type: list
              elements: dict
            compute_mode:
              description: Compute mode.
              type: str
            utilization:
              description: Utilization in percent.
              type: int
            nvlinks:
              description: Number of C(active) and C(inactive) NVLinks.
              type: dict
            fabric:
              description:
                - C(state) and C(status) of its registration with the NVSwitch fabric, V(Completed) and V(Success) if it
                  is usable. Null without a fabric, and with drivers before 535.
              type: dict
            numa_node:
              description: NUMA node. Null if the machine has only one.
              type: int
        processes:
          description: Processes on the GPUs, once for each GPU that they use.
          type: list
          elements: dict
          contains:
            gpu:
              description: UUID of the GPU.
              type: str
            pid:
              description: Its process ID.
              type: int
            name:
              description: Its name in C(nvidia-smi).
              type: str
            memory_mib:
              description: Memory that it has allocated on this GPU, in MiB.
              type: int
            command:
              description: Its command line. Null if it is in another PID namespace.
              type: str
            user:
              description: Its user.
              type: str
            unit:
              description: Its systemd unit.
              type: str
        topology:
          description: For each device, its distance to each other device, as C(nvidia-smi topo) names it.
          type: dict
      sample:
        nvidia_smi: true
        nvswitches: 4
        gpus:
          - {index: 0, uuid: GPU-6f1c, name: NVIDIA H100 80GB HBM3, pci: "0000:18:00.0", lost: false,
             memory_mib: 81559, driver_version: 580.95.05, persistence: true, mig: false,
             nvlinks: {active: 18, inactive: 0}, fabric: {state: Completed, status: Success}, numa_node: 0}
        processes:
          - {gpu: GPU-6f1c, pid: 4711, name: "sglang::scheduler", memory_mib: 70120, user: sglang,
             unit: sglang-llama-0.service}
        topology: {GPU0: {GPU1: NV18, mlx5_0: PIX}}
    driver:
      description: NVIDIA's driver.
      type: dict
      contains:
        kernel_module:
          description: Version of the loaded kernel module. Null if none is loaded.
          type: str
        open:
          description: Whether it is the open module.
          type: bool
        installed_module:
          description: Version of the kernel module that the next boot loads.
          type: str
        userspace:
          description: Version of the libraries.
          type: str
        consistent:
          description: Whether module and libraries have one version. If not, GPUs are unusable until the next boot.
          type: bool
        fabric_manager_version:
          description: Version of the fabric manager.
          type: str
        services:
          description: C(state) and C(enabled) of C(fabric_manager) and C(persistenced), if they are installed.
          type: dict
        peermem:
          description: The loaded module by which RDMA reaches GPU memory. Null if there is none.
          type: str
        dmabuf:
          description: Whether driver and kernel support DMA-BUF, which replaces this module.
          type: bool
        stream_memops:
          description: Whether C(NVreg_EnableStreamMemOPs) is set, as IBGDA needs.
          type: bool
        peer_mapping_override:
          description: Whether C(PeerMappingOverride) is set, as IBGDA needs.
          type: bool
      sample:
        {kernel_module: 580.95.05, open: true, installed_module: 580.95.05, userspace: 580.95.05, consistent: true,
         peermem: nvidia_peermem}
    nccl:
      description: The NCCL libraries. Those of O(runtimes) come first, because PyTorch loads its own.
      type: list
      elements: dict
      contains:
        path:
          description: The file.
          type: str
        origin:
          description:
            - V(runtime), V(named) for O(nccl_libraries), V(system), or V(running) if only a running server uses it.
          type: str
        runtime:
          description: The one of O(runtimes) that it is in. Null if it is in none.
          type: str
        processes:
          description: Processes of SGLang's units that have loaded it.
          type: list
          elements: int
        version:
          description: What C(ncclGetVersion) returns. Null if it cannot be loaded.
          type: str
        error:
          description: Why it cannot be loaded.
          type: str
      sample:
        - path: /opt/sglang/0.5.23/lib/python3.12/site-packages/nvidia/nccl/lib/libnccl.so.2
          origin: runtime
          runtime: /opt/sglang/0.5.23
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
              description: The name, such as V(mlx5_0). Names differ between hosts.
              type: str
            pci:
              description: PCI address. Null for soft-RoCE.
              type: str
            numa_node:
              description: NUMA node.
              type: int
            firmware:
              description: Version of the firmware.
              type: str
            board:
              description: ID of the board.
              type: str
            ports:
              description: The ports.
              type: list
              elements: dict
              contains:
                port:
                  description: The number, which starts at 1.
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
                  description: LID of InfiniBand.
                  type: int
                mtu:
                  description: RDMA MTU. For InfiniBand it is known only if C(ibv_devinfo) is installed.
                  type: int
                netdev:
                  description: Network interface of the port.
                  type: str
                netdev_mtu:
                  description: MTU of this interface.
                  type: int
                gids:
                  description: The GIDs, each with C(index), C(gid), C(type), C(netdev), and C(address) if it is IPv4.
                  type: list
                  elements: dict
                usable:
                  description: Whether it is active and has a GID, and on InfiniBand a LID.
                  type: bool
        nearest:
          description:
            - For the PCI address of each GPU, its index (C(gpu)), its nearest usable C(devices), their C(distance), and
              the C(device) that its server uses. GPUs with the same nearest devices take turns.
          type: dict
      sample:
        devices:
          - name: mlx5_0
            pci: "0000:1a:00.0"
            numa_node: 0
            ports:
              - {port: 1, state: ACTIVE, link_layer: Ethernet, rate_gbps: 400.0, lid: 0, mtu: 4096, netdev: ens1np0,
                 usable: true,
                 gids: [{index: 3, gid: "0000:0000:0000:0000:0000:ffff:0a00:0001", type: RoCE v2, address: 10.0.0.1,
                         netdev: ens1np0}]}
        nearest: {"0000:19:00.0": {gpu: 0, device: mlx5_0, devices: [mlx5_0], distance: PIX}}
    network:
      description: Network.
      type: dict
      contains:
        hostname:
          description: The host's own name.
          type: str
        interfaces:
          description: The interfaces.
          type: list
          elements: dict
          contains:
            name:
              description: The name.
              type: str
            kind:
              description: Kind of a virtual interface, such as V(bond), V(vlan) or V(bridge).
              type: str
            state:
              description: V(UP), V(DOWN) or V(UNKNOWN).
              type: str
            mtu:
              description: MTU.
              type: int
            mac:
              description: MAC address.
              type: str
            master:
              description: The bond or bridge that it belongs to.
              type: str
            lower:
              description: The interface below a VLAN.
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
              description: Addresses with prefix length, without link-local ones.
              type: list
              elements: str
        cluster:
          description: C(interface), C(mtu) and C(speed_mbps) of O(cluster_address); whether it is C(for_containers).
          type: dict
        names:
          description: For each of O(names), its C(addresses), the C(seconds) of the lookup, and its C(error).
          type: dict
        resolver:
          description:
            - C(seconds) of the reverse lookup of O(addresses), which PyTorch makes for its connections, and whether it
              was C(answered) in time. An answer may be that there is no name. Null without O(addresses).
          type: dict
      sample:
        hostname: gpu01
        interfaces: [{name: bond0, kind: bond, state: UP, mtu: 9000, members: [ens1, ens2], addresses: [10.0.0.1/24]}]
        cluster: {address: 10.0.0.1, interface: bond0, mtu: 9000, speed_mbps: 200000, for_containers: false}
        names: {gpu02: {addresses: [10.0.0.2], seconds: 0.001, error: null}}
        resolver: {seconds: 0.002, answered: true}
    units:
      description:
        - The units of this collection, also those that are in no plan any more, each with C(name), C(kind) (V(server)
          or V(router)), C(title) (the instance, or the router and its deployment) and C(rank), null for a router.
      type: list
      elements: dict
      sample: [{name: sglang-llama-0, kind: server, title: llama-0@gpu01, rank: 0}]
    listeners:
      description: TCP listeners, each with C(address), C(port), C(pid), C(command), C(user) and C(unit).
      type: list
      elements: dict
      sample:
        - {address: 0.0.0.0, port: 22, pid: 812, command: "sshd: /usr/sbin/sshd -D", user: root, unit: ssh.service}
    kernel:
      description: Kernel, CPUs, memory, limits and settings.
      type: dict
      contains:
        release:
          description: Release of the kernel.
          type: str
        cmdline:
          description: Its command line.
          type: str
        machine:
          description: Architecture.
          type: str
        os:
          description: C(id) and C(version) of the distribution.
          type: dict
        container:
          description: Kind of container. Null on a machine.
          type: str
        modules:
          description: Versions of the loaded modules for GPUs and RDMA. Empty for those of the kernel itself.
          type: dict
        cpus:
          description: Number of CPUs.
          type: int
        numa:
          description: NUMA nodes with C(node), C(cpus) and C(memory_mib).
          type: list
          elements: dict
        governors:
          description: CPU frequency governors, each with the number of CPUs that use it.
          type: dict
        memory_mib:
          description: Total memory in MiB.
          type: int
        available_mib:
          description: Memory that is available to new processes, in MiB.
          type: int
        swap_mib:
          description: Swap space in MiB.
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
          description: C(memlock) and C(nofile) of a C(login) of the module's user, and the defaults of C(services).
          type: dict
        ports:
          description: The C(ephemeral) range, and the C(reserved) ports, which the kernel does not assign.
          type: dict
        sysctls:
          description: Values of the sysctls that this kernel or container has.
          type: dict
      sample:
        release: 6.8.0-85-generic
        machine: x86_64
        numa: [{node: 0, cpus: "0-55", memory_mib: 1031523}]
        shm: {size_mib: 1031800, free_mib: 1031800}
        limits: {login: {memlock: unlimited, nofile: "1048576"}, services: {memlock: "8388608", nofile: "524288"}}
        ports: {ephemeral: 32768-60999, reserved: "20000-20006,30000"}
    clock:
      description: Clock.
      type: dict
      contains:
        source:
          description:
            - Time service, V(chrony), V(timesyncd), V(ntp) or V(ptp). Null if none runs. V(unknown) if systemd did not
              answer.
          type: str
        synchronized:
          description: Whether the kernel's clock is synchronized, in a container by the machine that runs it.
          type: bool
        server:
          description: Time server.
          type: str
        stratum:
          description: NTP stratum.
          type: int
        offset_seconds:
          description: Offset of the clock according to chrony or the kernel. Null if unknown.
          type: float
        max_error_seconds:
          description: The kernel's bound of the error, which grows while no service adjusts the clock.
          type: float
        epoch:
          description: Time of this host in seconds since 1970.
          type: float
        controller:
          description:
            - How far this clock is C(ahead) of the controller's, in seconds, negative if it is behind, and how long in
              seconds the answer C(took). Half of that may be all of the difference.
          type: dict
      sample:
        {source: chrony, synchronized: true, server: ntp1, stratum: 3, offset_seconds: 0.0002, max_error_seconds: 0.011,
         epoch: 1790000000.1, controller: {ahead: 0.2, took: 1.1}}
    disks:
      description: Free space for each of O(paths).
      type: list
      elements: dict
      contains:
        path:
          description: The path.
          type: str
        mount:
          description: Mount point of its file system.
          type: str
        type:
          description: Type of the file system.
          type: str
        device:
          description: Device, or server and directory.
          type: str
        remote:
          description: Whether it is a network file system.
          type: bool
        size_mib:
          description: Size in MiB. Null if it does not answer.
          type: int
        free_mib:
          description: Free space for users other than root, in MiB.
          type: int
      sample:
        - {path: /data/models, mount: /data, type: xfs, device: /dev/nvme1n1, remote: false, size_mib: 7324992,
           free_mib: 5120411}
    files:
      description: Each of O(files) that answered.
      type: list
      elements: dict
      contains:
        path:
          description: The path.
          type: str
        kind:
          description: V(file) or V(directory). Null if it does not exist.
          type: str
        model:
          description: Whether it is a directory with C(config.json), or C(params.json) of Mistral.
          type: bool
      sample: [{path: /data/models/llama, kind: directory, model: true}]
    runtimes:
      description:
        - Each of O(runtimes) that has packages, with its C(path), the version of C(sglang), and a C(digest) of all its
          packages and versions.
      type: list
      elements: dict
      sample: [{path: /opt/sglang/0.5.23, sglang: 0.5.23, digest: 6f1c2a}]
"""

import sys

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Commands, Root
from ansible_collections.multinode.sglang.plugins.module_utils._node.arguments import ARGUMENTS
from ansible_collections.multinode.sglang.plugins.module_utils._node.gather import Wanted, gather


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    wanted = Wanted.from_params(module.params, sys.executable)
    commands = Commands(module.run_command, module.get_bin_path, wanted.timeout)
    module.exit_json(changed=False, node=gather(wanted, Root(), commands))


if __name__ == "__main__":
    main()
