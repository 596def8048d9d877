#!/bin/sh
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes a Debian root file system with a kernel a guest; mmdebstrap calls it with the directory of that file system.
set -eu
root=$1

# Only what it takes to find the disk: every module of an initial RAM disk costs time where there is no KVM.
echo MODULES=list >"$root/etc/initramfs-tools/conf.d/guest"
printf '%s\n' virtio_pci virtio_blk ext4 >>"$root/etc/initramfs-tools/modules"
chroot "$root" update-initramfs -u

# eth0 leads to the machine and its network, eth1 to the other guest.
cat >"$root/etc/systemd/network/10-outside.network" <<NETWORK
[Match]
Name=eth0

[Network]
Address=10.0.2.15/24
Gateway=10.0.2.2
IPv6AcceptRA=no
NETWORK
for number in 1 2; do
  cat >"$root/etc/systemd/network/20-fabric$number.network" <<NETWORK
[Match]
MACAddress=52:54:00:00:79:0$number

[Network]
Address=10.79.0.1$number/24
IPv6AcceptRA=no
NETWORK
done
echo nameserver 10.0.2.3 >"$root/etc/resolv.conf"

# What an adapter and its driver are on a real host.
cat >"$root/etc/systemd/system/soft-roce.service" <<UNIT
[Unit]
Description=Soft-RoCE on the interface to the other guest
After=sys-subsystem-net-devices-eth1.device
BindsTo=sys-subsystem-net-devices-eth1.device

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/modprobe rdma_rxe
ExecStart=/usr/bin/rdma link add rxe0 type rxe netdev eth1

[Install]
WantedBy=multi-user.target
UNIT

printf '%s\n' 'PermitRootLogin prohibit-password' 'UseDNS no' >"$root/etc/ssh/sshd_config.d/guest.conf"
echo 'Storage=volatile' >>"$root/etc/systemd/journald.conf"
chroot "$root" systemctl enable ssh.service soft-roce.service systemd-networkd.service
chroot "$root" systemctl mask \
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
  getty.target systemd-networkd-wait-online.service systemd-pstore.service systemd-logind.service \
  systemd-binfmt.service proc-sys-fs-binfmt_misc.automount \
  dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount \
  modprobe@dm_mod.service modprobe@drm.service modprobe@fuse.service modprobe@loop.service
: >"$root/etc/machine-id"
