# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drop-in for sysctls holds: nothing is lowered, foreign ports stay, and everything can be taken back."""

from __future__ import annotations

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base.intervals import parse
from ansible_collections.multinode.sglang.plugins.module_utils._tuning import settings
from ansible_collections.multinode.sglang.plugins.module_utils._tuning.settings import RESERVED, Entry, Planned
from hypothesis import given
from hypothesis import strategies as st

KEY = "vm.max_map_count"
RMEM = "net.ipv4.tcp_rmem"
SHMMAX = "kernel.shmmax"


class Kernel:
    """A kernel that takes every value, and the drop-in that it starts with."""

    def __init__(self, **values: str) -> None:
        self.values: dict[str, str | None] = {
            KEY: "65530",
            RMEM: "4096 131072 6291456",
            SHMMAX: "18446744073692774399",
            RESERVED: "",
        }
        self.values.update({key.replace("__", "."): value for key, value in values.items()})
        self.text = ""

    def tune(self, exact: dict[str, str], floors: dict[str, str], reserved: str = "") -> Planned:
        """Apply settings as the module does."""
        old = settings.parse_dropin(self.text)
        current = {key: self.values.get(key) for key in {*exact, *floors, *old, RESERVED}}
        planned = settings.plan_sysctls(exact, floors, reserved, current, old)
        self.values.update(planned.values)
        self.text = settings.render_dropin(planned.entries)
        return planned

    def unchanged(self, exact: dict[str, str], floors: dict[str, str], reserved: str = "") -> bool:
        """Tell whether applying settings again changes nothing."""
        text = self.text
        return self.tune(exact, floors, reserved).values == {} and self.text == text


def test_a_value_is_set_written_and_stays() -> None:
    kernel = Kernel()
    assert kernel.tune({KEY: "1048576"}, {}).values == {KEY: "1048576"}
    assert kernel.text.endswith("# before: 65530\nvm.max_map_count = 1048576\n")
    assert kernel.unchanged({KEY: "1048576"}, {})


def test_what_is_high_enough_is_neither_lowered_nor_written() -> None:
    # The value that SGLang's documents give would cut what every kernel of today has.
    kernel = Kernel()
    assert kernel.tune({}, {SHMMAX: "68719476736"}) == Planned({}, {}, {})
    assert kernel.text == ""


def test_of_several_numbers_each_is_raised_by_itself() -> None:
    kernel = Kernel()
    kernel.tune({}, {RMEM: "8192 65536 134217728"})
    assert kernel.values[RMEM] == "8192 131072 134217728"
    assert kernel.unchanged({}, {RMEM: "8192 65536 134217728"})


def test_a_higher_value_that_somebody_set_later_stays() -> None:
    kernel = Kernel()
    kernel.tune({}, {KEY: "1048576"})
    kernel.values[KEY] = "2000000"
    assert kernel.unchanged({}, {KEY: "1048576"})
    assert kernel.values[KEY] == "2000000"


def test_a_lower_floor_lowers_what_the_higher_one_had_raised() -> None:
    kernel = Kernel()
    kernel.tune({}, {KEY: "1048576"})
    kernel.tune({}, {KEY: "262144"})
    assert "= 262144" in kernel.text
    kernel.tune({}, {})
    assert kernel.text == ""


def test_what_is_not_wanted_any_more_is_taken_back() -> None:
    kernel = Kernel()
    kernel.tune({KEY: "1"}, {RMEM: "1 1 134217728"}, "20000")
    kernel.tune({}, {})
    assert (kernel.values[KEY], kernel.values[RMEM], kernel.values[RESERVED]) == ("65530", "4096 131072 6291456", "")
    assert kernel.text == ""


def test_what_somebody_else_changed_since_is_not_taken_back() -> None:
    kernel = Kernel()
    kernel.tune({KEY: "100000"}, {})
    kernel.values[KEY] = "300000"
    kernel.tune({}, {})
    assert kernel.values[KEY] == "300000"


def test_what_a_kernel_does_not_have_is_told() -> None:
    planned = Kernel().tune({"net.core.none": "1"}, {"net.core.rmem_max": "134217728"})
    assert planned.absent == {"net.core.none": "1", "net.core.rmem_max": "134217728"}
    assert planned.values == {}
    # Nobody knows whether it would be lowered.
    assert set(planned.entries) == {"net.core.none"}


@pytest.mark.parametrize(
    ("floors", "words"),
    [({RMEM: "1"}, "has 3 numbers on this host"), ({KEY: "many"}, "is not a number or a list of numbers")],
)
def test_what_cannot_be_compared_is_refused(floors: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Kernel().tune({}, floors)


def test_yes_is_no_value() -> None:
    with pytest.raises(ValueError, match="set 1 or 0"):
        settings.normal(True)


def ports(kernel: Kernel) -> set[int]:
    """The ports that a kernel keeps reserved."""
    return {port for first, last in parse(kernel.values[RESERVED] or "") for port in range(first, last + 1)}


def test_ports_are_merged_and_those_of_an_old_plan_are_let_go() -> None:
    kernel = Kernel()
    kernel.values[RESERVED] = "40000-40010"
    kernel.tune({}, {}, "20000-20006,30000")
    assert kernel.values[RESERVED] == "20000-20006,30000,40000-40010"
    assert kernel.unchanged({}, {}, "20000-20006,30000")
    kernel.tune({}, {}, "20000")
    assert kernel.values[RESERVED] == "20000,40000-40010"
    kernel.tune({}, {}, "")
    assert (kernel.values[RESERVED], kernel.text) == ("40000-40010", "")


def test_ports_that_somebody_added_later_stay() -> None:
    kernel = Kernel()
    kernel.tune({}, {}, "20000")
    kernel.values[RESERVED] = "20000,50000"
    kernel.tune({}, {}, "20001")
    assert kernel.values[RESERVED] == "20001,50000"


def test_after_a_restart_of_the_host_nothing_changes() -> None:
    kernel = Kernel()
    kernel.values[RESERVED] = "40000"
    kernel.tune({KEY: "1048576"}, {RMEM: "1 1 134217728"}, "20000")
    booted = Kernel()
    booted.text = kernel.text
    booted.values.update({key: entry.value for key, entry in settings.parse_dropin(kernel.text).items()})
    assert booted.unchanged({KEY: "1048576"}, {RMEM: "1 1 134217728"}, "20000")


PORTS = st.lists(st.integers(1024, 1060), max_size=6).map(lambda found: ",".join(map(str, found)))


@given(PORTS, st.lists(PORTS, min_size=1, max_size=4))
def test_whatever_was_planned_before_the_ports_are_ours_and_the_foreign_ones(foreign: str, plans: list[str]) -> None:
    kernel = Kernel()
    kernel.values[RESERVED] = foreign
    theirs = ports(kernel)
    for plan in plans:
        kernel.tune({}, {}, plan)
        assert ports(kernel) == theirs | {int(port) for port in plan.split(",") if port}


@given(
    st.dictionaries(
        st.sampled_from(["a.b", "c.d", RESERVED]),
        st.tuples(st.sampled_from(["1", "4096 1 2"]), st.sampled_from([None, "", "7"])),
    )
)
def test_a_dropin_is_read_as_it_was_written(lines: dict[str, tuple[str, str | None]]) -> None:
    entries = {key: Entry(*pair) for key, pair in lines.items()}
    assert settings.parse_dropin(settings.render_dropin(entries)) == entries


def test_a_dropin_is_what_sysctl_reads() -> None:
    text = settings.render_dropin({"a.b": Entry("1 2", "3"), RESERVED: Entry("20000", "")})
    assert [line for line in text.splitlines() if not line.startswith("#")] == ["a.b = 1 2", f"{RESERVED} = 20000"]


def test_settings_of_sysfs_are_lines_of_tmpfiles() -> None:
    text = settings.tmpfiles_text({"/sys/kernel/mm/transparent_hugepage/enabled": "madvise"})
    assert text.splitlines()[-1] == "w /sys/kernel/mm/transparent_hugepage/enabled - - - - madvise"
    assert settings.tmpfiles_text({}) == ""


def test_limits_are_for_root_too() -> None:
    assert settings.limits_text({"memlock": "unlimited"}).splitlines()[1:] == [
        "* - memlock unlimited",
        "root - memlock unlimited",
    ]
    assert settings.limits_text({}) == ""
