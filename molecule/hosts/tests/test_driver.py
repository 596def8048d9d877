# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA's driver is checked, installed, held and loaded. The tests build on each other."""

import re

import pytest
from machines import (
    FROM_HERE,
    LIBRARY,
    NEW,
    NEXT,
    OLD,
    OTHER_BRANCH,
    driver_packages,
    fresh,
    installed,
    looks,
    publish,
    restarts,
    roles,
    sentences,
)

TOOLKIT = {"name": "nvidia-container-toolkit", "version": "1.18.0-1"}
INSTALL = {"nvidia_driver_install": True, "nvidia_driver_repository": FROM_HERE, "nvidia_driver_version": NEW}
ONLY = ("--tags", "nvidia_driver")
# True, and the first host of the rounds is the last one that says so: hosts do not answer in the order of the rounds.
SLOW_FIRST = "{{ lookup('pipe', 'sleep 1; echo true') if inventory_hostname == ansible_play_hosts_all[0] else true }}"


@pytest.fixture(scope="module", autouse=True)
def two_machines(hosts):
    """Give both hosts a GPU, four NVSwitches and a repository with four releases of the driver."""
    for host in hosts.names[:2]:
        fresh(hosts, host)
        looks(hosts, host, switches=4)
        restarts(hosts, host)
        packages = [package for version in (OLD, NEW, NEXT, OTHER_BRANCH) for package in driver_packages(version)]
        publish(hosts, host, [*packages, TOOLKIT])
    yield
    for host in hosts.names[:2]:
        hosts.shell(
            host,
            "umount /sys/bus/pci /proc/driver /proc/sys/kernel/random/boot_id;ln -sf /bin/systemctl /usr/sbin/shutdown",
        )
        fresh(hosts, host)


def versions(hosts):
    """Return the version of each package of the driver on each host."""
    return {
        host: {name: one for name, one in installed(hosts, host).items() if "nvidia" in name}
        for host in hosts.names[:2]
    }


def test_a_host_without_a_driver_is_named_and_nothing_is_installed(hosts):
    play = roles(*ONLY, succeeds=False)
    for host in hosts.names[:2]:
        assert (
            f"{host}  no NVIDIA driver (expected driver 580.65.06 or later). Fix: deploy with nvidia_driver_install"
            in sentences(play)
        )
    assert versions(hosts) == {host: {} for host in hosts.names[:2]}


def test_installing_needs_a_repository(hosts):
    play = roles(*ONLY, succeeds=False, nvidia_driver_install=True)
    assert "set nvidia_driver_repository" in sentences(play)


def test_a_check_of_a_fresh_host_says_what_it_would_install(hosts):
    play = roles(*ONLY, "--check", **INSTALL)
    assert "would install nvidia-open from file:/srv/packages" in play.output
    assert versions(hosts) == {host: {} for host in hosts.names[:2]}
    assert hosts.shell(hosts.names[0], "ls /etc/apt/sources.list.d /etc/apt/preferences.d | grep multinode") == ""


def test_the_pinned_version_is_installed_and_a_restart_needs_consent(hosts):
    play = roles(*ONLY, succeeds=False, **INSTALL)
    assert f"NVIDIA's kernel module is not loaded (expected {NEW}, the installed driver)" in sentences(play)
    assert "nvidia_driver_reboot: true" in sentences(play)
    expected = dict.fromkeys(
        ["nvidia-open", "nvidia-kernel-open-dkms", "libnvidia-compute", "nvidia-persistenced", "nvidia-fabricmanager"],
        (f"{NEW}-1", "hold"),
    )
    assert versions(hosts) == dict.fromkeys(hosts.names[:2], expected)
    assert hosts.shell(hosts.names[0], "cat /run/restarts") == "cat: /run/restarts: No such file or directory\n"


def test_with_consent_hosts_of_an_instance_restart_one_at_a_time(hosts):
    play = roles(*ONLY, **INSTALL, nvidia_driver_reboot=True)
    spans = []
    for host in hosts.names[:2]:
        down, up = (float(line.split()[1]) for line in hosts.run(host, "cat", "/run/restarts").splitlines())
        spans.append((down, up))
        for service in ("nvidia-persistenced", "nvidia-fabricmanager"):
            shown = hosts.show(host, service)
            assert (shown["UnitFileState"], shown["ActiveState"]) == ("enabled", "active")
    (_down, up), (down, _up) = sorted(spans)
    assert up < down, "both hosts were down at the same time"
    assert play.code == 0


def test_a_second_run_changes_nothing(hosts):
    for words in ([], ["--check"]):
        again = roles(*ONLY, *words, **INSTALL, nvidia_driver_reboot=True)
        assert again.count("changed") == dict.fromkeys(hosts.names[:2], 0), again.diff()
    assert roles(*ONLY).count("changed") == dict.fromkeys(hosts.names[:2], 0)


def test_ibgda_needs_a_restart_and_then_has_its_parameters(hosts):
    text = sentences(roles(*ONLY, succeeds=False, nvidia_driver_ibgda=True))
    missing = "NVIDIA's kernel module was loaded without NVreg_EnableStreamMemOPs=1 and PeerMappingOverride=1 (expected"
    assert all(f"{host}  {missing}" in text for host in hosts.names[:2])
    roles(*ONLY, nvidia_driver_ibgda=True, nvidia_driver_reboot=True)
    assert roles(*ONLY, nvidia_driver_ibgda=True).count("changed") == dict.fromkeys(hosts.names[:2], 0)


def test_an_upgrade_of_the_host_leaves_the_driver_and_takes_the_rest(hosts):
    host = hosts.names[0]
    hosts.shell(host, "apt-get -y install nvidia-container-toolkit")
    output = hosts.run(
        host,
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "-y",
        "--simulate",
        "-o",
        "Dir::Etc::preferencesparts=/none",
        "dist-upgrade",
    )
    assert "nvidia-open" in output.partition("kept back:")[2]
    assert not re.search(rf"^Inst nvidia-open.*{OTHER_BRANCH}", output, re.MULTILINE)
    assert roles(*ONLY, **INSTALL).code == 0
    assert installed(hosts, host)["nvidia-container-toolkit"] == ("1.18.0-1", "install")


def test_a_library_ahead_of_the_module_is_a_mismatch(hosts):
    host = hosts.names[0]
    hosts.run(host, "mv", f"{LIBRARY}/libnvidia-ml.so.{NEW}", f"{LIBRARY}/libnvidia-ml.so.{NEXT}")
    try:
        text = sentences(roles(*ONLY, succeeds=False))
        mismatch = f"kernel module {NEW} is loaded and the libraries are {NEXT} (expected one version)"
        assert f"{host}  {mismatch}. Fix: restart the host" in text
    finally:
        hosts.run(host, "mv", f"{LIBRARY}/libnvidia-ml.so.{NEXT}", f"{LIBRARY}/libnvidia-ml.so.{NEW}")


def test_an_upgrade_that_does_not_start_stops_before_the_second_host(hosts):
    for host in hosts.names[:2]:
        hosts.run(host, "rm", "/run/restarts")
    hosts.run(hosts.names[0], "touch", "/run/broken")
    wanted = INSTALL | {"nvidia_driver_version": NEXT, "nvidia_driver_reboot": True, "nvidia_driver_manage": SLOW_FIRST}
    text = sentences(roles(*ONLY, succeeds=False, **wanted))
    assert f"{hosts.names[0]}  kernel module {NEW} is loaded and the libraries are {NEXT}" in text
    assert "up" in hosts.run(hosts.names[0], "cat", "/run/restarts")
    assert hosts.shell(hosts.names[1], "cat /run/restarts 2>/dev/null") == ""


def test_different_drivers_on_the_hosts_of_a_deployment(hosts):
    for host, version in zip(hosts.names, (NEW, NEXT), strict=False):
        hosts.run(host, "sh", "-c", f"cd {LIBRARY}; mv libnvidia-ml.so.* libnvidia-ml.so.{version} || true")
        looks(hosts, host, loaded=version)
    text = sentences(roles(*ONLY, succeeds=False))
    first, second = hosts.names[:2]
    assert (
        f"{second}  NVIDIA driver {NEXT} (expected {NEW}, as on {first}). Fix: deploy with nvidia_driver_install"
        in text
    )


def test_too_old(hosts):
    for host in hosts.names[:2]:
        hosts.run(host, "sh", "-c", f"cd {LIBRARY}; mv libnvidia-ml.so.* libnvidia-ml.so.{OLD}")
        looks(hosts, host, loaded=OLD)
    text = sentences(roles(*ONLY, succeeds=False))
    for host in hosts.names[:2]:
        assert (
            f"{host}  NVIDIA driver {OLD} (expected 580.65.06 or later). Fix: deploy with nvidia_driver_install" in text
        )
