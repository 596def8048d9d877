#!/bin/sh
# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes a Debian root file system a lab host; runs inside it, as root, while the image is built.

# An image that fails half-way is thrown away, so dpkg need not wait for the disk after every file.
echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/lab
apt-get update
# shellcheck disable=SC2046 # each package is an argument of its own
DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $(cat /tmp/lab/packages.txt)

# Tests install from an archive in the image, so that a mirror that fails does not make them fail.
archive=/usr/share/lab-archive
mkdir -p $archive/partial
# shellcheck disable=SC2046
apt-get install --yes --download-only --option Dir::Cache::archives=$archive $(cat /tmp/lab/archive.txt)
rm -rf $archive/partial $archive/lock
(
  cd $archive && apt-ftparchive packages . >Packages &&
    apt-ftparchive release . >/tmp/lab/Release && mv /tmp/lab/Release .
)
mv /etc/apt/sources.list.d /etc/apt/distribution
mkdir /etc/apt/sources.list.d
if [ -e /etc/apt/sources.list ]; then mv /etc/apt/sources.list /etc/apt/distribution/; fi
cat >/etc/apt/sources.list.d/lab.sources <<SOURCES
Types: deb
URIs: file:$archive
Suites: ./
Trusted: yes
SOURCES
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb

# What belongs to the machine under the containers, and what would only wake up to do nothing.
systemctl mask \
  systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udev-trigger.service \
  systemd-modules-load.service systemd-logind.service \
  dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount \
  getty.target console-getty.service \
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer
# kernel.pid_max is one value for the machine and all its containers.
ln -sf /dev/null /etc/sysctl.d/50-pid-max.conf

# Every host makes keys and a machine id of its own when it first starts.
rm -f /etc/ssh/ssh_host_*
: >/etc/machine-id
cat >/etc/systemd/system/ssh-host-key.service <<UNIT
[Unit]
Description=SSH host key of this host
Before=ssh.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key

[Install]
WantedBy=multi-user.target
UNIT
cat >/etc/ssh/sshd_config.d/lab.conf <<SSHD
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
UseDNS no
MaxStartups 100:30:200
SSHD
# Credentials of services need a root that is a shared mount. systemd makes it one on a machine, not in a container.
cat >/etc/systemd/system/shared-root.service <<UNIT
[Unit]
Description=Mounts of services as on a machine
DefaultDependencies=no
Before=sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/mount --make-rshared /

[Install]
WantedBy=sysinit.target
UNIT
systemctl enable ssh.service ssh-host-key.service shared-root.service
install -d -m 0700 ~root/.ssh
