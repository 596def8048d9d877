# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Output that is cut short, or of another version, breaks no parser: it returns less, or reports a problem."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base import sockets
from ansible_collections.multinode.sglang.plugins.module_utils._node import (
    clock,
    disk,
    driver,
    gpu,
    kernel,
    network,
    rdma,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FIXTURES = Path(__file__).parents[1] / "fixtures"
TCP = (
    "sl\n0: 0100007F:7530 00000000:0000 0A 0:0 00:0 0 0 0 1077 1\n"
    "1: 00000000000000000000000001000000:0016 0:0 0A 0:0 00:0 0 0 0 1078 1\n"
)
PARSERS: list[tuple[Callable[[str], Any], str]] = [
    (gpu.parse_gpus, "gpus_h100.csv"),
    (gpu.parse_processes, "processes_h100.csv"),
    (gpu.parse_fabric, "fabric_h100.csv"),
    (gpu.parse_topology, "topology_nics.txt"),
    (gpu.parse_nvlink, "nvlink_h100.txt"),
    (gpu.parse_mig_devices, "list_mig.txt"),
    (driver.parse_module_version, "proc_version_open.txt"),
    (driver.parse_params, "proc_params.txt"),
    (rdma.parse_active_mtus, "ibv_devinfo.txt"),
    (clock.parse_tracking, "chronyc_tracking.csv"),
    (clock.parse_timesync, "timesync.txt"),
    (disk.parse_mounts, "mountinfo.txt"),
    (sockets.parse_table, TCP),
    (kernel.parse_meminfo, "MemTotal:       24684092 kB\nHugePages_Total:     512\n"),
]


@pytest.mark.parametrize(("parse", "source"), PARSERS, ids=[parse.__name__ for parse, _source in PARSERS])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_text(parse: Callable[[str], Any], source: str, data: st.DataObject) -> None:
    text = source if "\n" in source else (FIXTURES / source).read_text()
    whole = repr(parse(text))
    assert len(whole) > 5
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    # ValueError is what a section reports as a problem.
    with contextlib.suppress(ValueError):
        parse(text[:start] + data.draw(st.text(max_size=8)) + text[end:])
    with contextlib.suppress(ValueError):
        parse(text[:start])


@pytest.mark.parametrize("text", ["null", "3", "{}", '[{"ifname": "l', "no json"])
def test_json_of_another_shape(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 the words are those of the json module, too
        network.parse_addresses(text)


def test_json_with_holes() -> None:
    (link,) = network.parse_addresses('["x", {}, {"ifname": "lo", "linkinfo": null, "addr_info": null}]')
    assert (link["name"], link["kind"], link["addresses"]) == ("lo", None, [])
