# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tuning a host of files: check mode is right, a second call changes nothing, and what is refused is told."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Root
from ansible_collections.multinode.sglang.plugins.module_utils._tuning import apply
from ansible_collections.multinode.sglang.plugins.module_utils._tuning.apply import Changes, Host, Wanted, tune

TREE = """/proc/sys/vm/max_map_count = 65530
/proc/sys/net/ipv4/tcp_rmem = 4096\t131072\t6291456
/proc/sys/net/ipv4/ip_local_reserved_ports = 40000
/proc/sys/net/core/somaxconn = 128
/sys/kernel/mm/transparent_hugepage/enabled = [always] madvise never
/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor = powersave
/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor = performance
"""
GOVERNORS = "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
HUGE = "/sys/kernel/mm/transparent_hugepage/enabled"
PARAMS: dict[str, Any] = {
    "sysctls": {}, "sysctls_at_least": {}, "reserved_ports": "", "sysfs": {}, "limits": {},
    "sysctl_file": "/etc/sysctl.d/95.conf", "tmpfiles_file": "/etc/tmpfiles.d/sglang.conf",
    "limits_file": "/etc/security/limits.d/95.conf",
}  # fmt: skip
FULL: dict[str, Any] = {
    "sysctls": {"net.core.somaxconn": 4096},
    "sysctls_at_least": {"vm.max_map_count": 1048576, "net.ipv4.tcp_rmem": "1 1 134217728"},
    "reserved_ports": "20000-20006", "sysfs": {GOVERNORS: "performance", HUGE: ""},
    "limits": {"memlock": "unlimited", "nofile": 4096},
}  # fmt: skip


class Files(Host):
    """A host of files, some of which refuse what is written, or keep another value."""

    def __init__(
        self, root: Root, refusing: dict[str, int] | None = None, keeping: dict[str, str] | None = None, fixed: str = ""
    ) -> None:
        super().__init__(root, lambda _name, _value: "")
        self.refusing, self.keeping, self.fixed = refusing or {}, keeping or {}, fixed

    def writable(self, path: str) -> bool:
        return path != self.fixed

    def write(self, path: str, value: str) -> None:
        if path in self.refusing:
            raise OSError(self.refusing[path], os.strerror(self.refusing[path]))
        super().write(path, self.keeping.get(path, value))


@pytest.fixture
def root(host_files: Callable[[str], Root]) -> Root:
    """A host that nobody has tuned."""
    made = host_files(TREE)
    for folder in ("/etc/sysctl.d", "/etc/tmpfiles.d", "/etc/security/limits.d"):
        os.makedirs(made.path(folder))
    return made


def wanted(**params: Any) -> Wanted:
    """What is wanted."""
    return Wanted.from_params({**PARAMS, **params})


def snapshot(root: Root) -> dict[str, str]:
    """All files of a host."""
    top = Path(root.path(""))
    return {str(path.relative_to(top)): path.read_text() for path in top.rglob("*") if path.is_file()}


def actions(changes: Changes, root: Root) -> list[str]:
    """What was done, with the paths of the host."""
    return [action.replace(root.path(""), "") for action in changes.actions]


def test_check_mode_tells_what_the_real_run_does_and_changes_nothing(root: Root) -> None:
    before = snapshot(root)
    told = tune(wanted(**FULL), Files(root), check=True)
    assert snapshot(root) == before
    done = tune(wanted(**FULL), Files(root), check=False)
    assert (
        actions(told, root)
        == actions(done, root)
        == [
            "write /etc/sysctl.d/95.conf",
            "set net.core.somaxconn = 4096",
            "set net.ipv4.ip_local_reserved_ports = 20000-20006,40000",
            "set net.ipv4.tcp_rmem = 4096 131072 134217728",
            "set vm.max_map_count = 1048576",
            "write /etc/tmpfiles.d/sglang.conf",
            "set /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor = performance",
            "write /etc/security/limits.d/95.conf",
        ]
    )
    assert told.all_diffs() == done.all_diffs()
    values = done.all_diffs()[-1]
    assert "vm.max_map_count = 65530\n" in values["before"]
    assert "vm.max_map_count = 1048576\n" in values["after"]


@pytest.mark.parametrize("check", [True, False])
def test_a_second_call_changes_nothing(root: Root, check: bool) -> None:
    tune(wanted(**FULL), Files(root), check=False)
    again = tune(wanted(**FULL), Files(root), check)
    assert (again.actions, again.refused, again.all_diffs(), again.warning()) == ([], [], [], "")


def test_nothing_wanted_leaves_nothing_behind(root: Root) -> None:
    before = snapshot(root)
    full = {**FULL, "sysfs": {}}
    tune(wanted(**full), Files(root), check=False)
    undone = tune(wanted(), Files(root), check=False)
    after = snapshot(root)
    assert {name: text.split() for name, text in after.items()} == {name: text.split() for name, text in before.items()}
    assert "remove /etc/sysctl.d/95.conf" in actions(undone, root)


def test_a_chosen_word_is_compared_not_the_whole_line(root: Root) -> None:
    assert tune(wanted(sysfs={HUGE: "always"}), Files(root), check=True).actions == [
        f"write {root.path('/etc/tmpfiles.d/sglang.conf')}"
    ]
    assert "madvise" in tune(wanted(sysfs={HUGE: "madvise"}), Files(root), check=True).actions[-1]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"refusing": {"/proc/sys/vm/max_map_count": errno.EPERM}}, "Operation not permitted"),
        ({"refusing": {"/proc/sys/vm/max_map_count": errno.EINVAL}}, "Invalid argument"),
        ({"keeping": {"/proc/sys/vm/max_map_count": "65530"}}, "the kernel keeps another value"),
        ({"fixed": "/proc/sys/vm/max_map_count"}, "it is read-only here, as in a container"),
    ],
)
def test_a_refused_value_is_told_again_and_again_and_is_no_change(root: Root, how: dict[str, Any], reason: str) -> None:
    settings = wanted(sysctls_at_least={"vm.max_map_count": 1048576})
    for expected in (["write /etc/sysctl.d/95.conf"], []):
        changes = tune(settings, Files(root, **how), check=False)
        assert actions(changes, root) == expected
        assert changes.refused == [{"name": "vm.max_map_count", "wanted": "1048576", "has": "65530", "reason": reason}]
    assert changes.warning() == f"this host refuses 1 setting: vm.max_map_count=1048576 (is 65530: {reason})"


def test_a_read_only_value_is_told_in_check_mode_too(root: Root) -> None:
    changes = tune(wanted(sysctls={"vm.max_map_count": 1}), Files(root, fixed="/proc/sys/vm/max_map_count"), check=True)
    assert [item["name"] for item in changes.refused] == ["vm.max_map_count"]


def test_what_is_not_there_is_told(root: Root) -> None:
    changes = tune(
        wanted(sysctls_at_least={"net.core.rmem_max": 1}, sysfs={"/sys/none": "1"}), Files(root), check=False
    )
    assert [(item["name"], item["has"]) for item in changes.refused] == [("net.core.rmem_max", ""), ("/sys/none", "")]


def test_a_limit_that_would_refuse_logins_is_not_written(root: Root) -> None:
    host = Host(root, lambda name, _value: "not allowed; logins would be refused" if name == "nofile" else "")
    changes = tune(wanted(limits={"memlock": "unlimited", "nofile": 2097152}), host, check=False)
    text = root.text("/etc/security/limits.d/95.conf")
    assert "memlock unlimited" in text
    assert "nofile" not in text
    assert [item["name"] for item in changes.refused] == ["limit nofile"]


def test_a_limit_is_really_tried_and_put_back() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert apply.try_limit("nofile", str(before[1])) == ""
    # Nothing may be above fs.nr_open, not for root either.
    assert "logins would be refused" in apply.try_limit("nofile", str(2**40))
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"limits": {"nproc": "1"}}, "limits: unknown limit nproc; use memlock, nofile"),
        ({"sysctls": {"net.ipv4.ip_local_reserved_ports": "1"}}, "set reserved_ports instead"),
        ({"sysctls": {"vm.x": True}}, "set 1 or 0"),
    ],
)
def test_what_makes_no_sense_is_refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        wanted(**params)


def test_the_real_files_are_read_not_written() -> None:
    host = Host(Root())
    assert host.sysctl("vm.max_map_count")
    assert host.sysctl("net.core.no_such_key") is None
    assert host.writable("/proc/sys/kernel/osrelease") is False
    assert "/proc/sys/vm/max_map_count" in host.expand("/proc/sys/vm/max_map*")


def test_a_container_sets_only_what_is_its_own(root: Root) -> None:
    marker = Path(root.path("/run/systemd/container"))
    marker.parent.mkdir(parents=True)
    marker.write_text("docker\n", encoding="utf-8")
    changes = tune(Wanted.from_params({**PARAMS, **FULL}), Files(root), check=False)
    assert [item["name"] for item in changes.refused] == ["vm.max_map_count", GOVERNORS]
    assert root.text("/proc/sys/vm/max_map_count") == "65530"
    assert "max_map_count" not in root.text("/etc/sysctl.d/95.conf")
    assert root.text("/proc/sys/net/core/somaxconn") == "4096"
