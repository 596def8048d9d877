# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each host stores of the models in sglang_models: releases, the ports of their copies, mounts."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import PlanError, select
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.reach import expand
from ansible_collections.multinode.sglang.plugins.plugin_utils._report.plan import render_text

from .conftest import inventory, plan, typed

NFS = {"server": "nfs1", "export": "/export", "path": "/mnt/models"}
DIGEST = "a" * 64


def model(name: str = "llama", **keys: Any) -> dict[str, Any]:
    """Return an entry of sglang_models."""
    return {"source": f"/mnt/models/{name}", **keys}


def serving(**hosts: list[str]) -> dict[str, Any]:
    """Return a deployment of each model on its hosts."""
    return {
        name: {"model": name, "server": {"hosts": where, "tp_size": 1, "instances_per_host": 1}}
        for name, where in hosts.items()
    }


def releases(planned: dict[str, Any], host: str) -> dict[str, dict[str, Any]]:
    """Return the releases of a host by name, none for a host that is not in the plan."""
    return {one["name"]: one for one in planned["hosts"].get(host, {"releases": []})["releases"]}


def mount(**nfs: Any) -> dict[str, Any]:
    """Return the mount of a host that serves a model over NFS."""
    (found,) = plan(serving(a=["node0"]), models={"a": model(nfs={**NFS, **nfs})})["hosts"]["node0"]["mounts"]
    return dict(found)


def test_a_release_has_all_that_copying_it_needs() -> None:
    planned = plan(serving(llama=["node0", "node1"]), models={"llama": model(expected=DIGEST, keep="3", exact=True)})
    assert releases(planned, "node1")["llama"] == {
        "name": "llama",
        "store": "/data/models/llama",
        "source": "/mnt/models/llama",
        "expected": DIGEST,
        "release": "",
        "keep": 3,
        "address": "10.0.0.11",
        "port": 21500,
        "exact": True,
    }


def test_a_host_gets_what_its_units_serve_and_what_names_it() -> None:
    models = {
        "llama": model(hosts=["second", "node0"]),
        "qwen": model("qwen"),
        "idle": model("idle"),
    }
    planned = plan(serving(qwen=["node0"], llama=["node1"]), models=models)
    found = {host: list(releases(planned, host)) for host in planned["hosts"]}
    assert found == {"node0": ["llama", "qwen"], "node1": ["llama"], "node2": ["llama"], "node3": ["llama"]}
    assert planned["hosts"]["node3"]["units"] == []
    assert planned["hosts"]["node3"]["reserved_ports"] == "21501"


def test_a_model_has_the_same_port_on_hosts_with_other_models() -> None:
    models = {name: model(name) for name in ("llama", "qwen", "phi")}
    planned = plan(serving(llama=["node0"], qwen=["node0", "node1"], phi=["node0"]), models=models, models_port=22000)
    assert {name: one["port"] for name, one in releases(planned, "node0").items()} == {
        "llama": 22000,
        "phi": 22001,
        "qwen": 22002,
    }
    assert releases(planned, "node1")["qwen"]["port"] == 22002


def test_only_hosts_of_a_model_copy_it_from_each_other() -> None:
    models = {"llama": model(), "qwen": model("qwen")}
    planned = plan(serving(llama=["node0", "node2"], qwen=["node1"]), models=models)
    (rule,) = [rule for rule in expand(planned, "node0") if rule["ports"] == "21500"]
    assert rule["sources"] == ["10.0.0.10", "10.0.0.12"]
    assert not [rule for rule in expand(planned, "node1") if "21501" in rule["ports"]]
    assert "21501" in planned["hosts"]["node1"]["reserved_ports"]


def test_a_port_of_a_server_is_refused() -> None:
    raw = serving(llama=["node0"])
    raw["llama"]["server"]["port"] = 21500
    with pytest.raises(PlanError, match=r"llama-0 \(api 21500\) and model llama \(copy 21500\) use the same port"):
        plan(raw, models={"llama": model()})


def test_going_back_can_be_for_one_model_or_for_all() -> None:
    models = {"llama": model(release="previous"), "qwen": model("qwen"), "phi": model("phi", release=DIGEST)}
    raw = serving(llama=["node0"], qwen=["node0"], phi=["node0"])
    one, every = (releases(plan(raw, models=models, models_release=release), "node0") for release in ("", "previous"))
    assert {name: found["release"] for name, found in one.items()} == {"llama": "previous", "qwen": "", "phi": DIGEST}
    assert {name: found["release"] for name, found in every.items()} == {
        "llama": "previous",
        "qwen": "previous",
        "phi": DIGEST,
    }


def test_going_back_changes_no_unit() -> None:
    digests = [
        plan(serving(llama=["node0"]), models={"llama": model()}, models_release=release)["deployments"]["llama"][
            "instances"
        ][0]["digest"]
        for release in ("", "previous")
    ]
    assert digests[0] == digests[1]


def test_an_export_is_mounted_once_read_only_and_never_hangs_a_boot() -> None:
    found = mount()
    assert {"ro", "nofail", "_netdev", "nconnect=8", "rsize=1048576"} <= set(found["opts"].split(","))
    assert (found["src"], found["path"], found["server"], found["port"]) == (
        "nfs1:/export",
        "/mnt/models",
        "nfs1",
        2049,
    )
    both = {"a": model("a", nfs=NFS), "b": model("b", nfs=NFS)}
    assert len(plan(serving(a=["node0"], b=["node0"]), models=both)["hosts"]["node0"]["mounts"]) == 1


@pytest.mark.parametrize(
    ("options", "there", "gone"),
    [
        ("nconnect=16", "nconnect=16", "nconnect=8"),
        ("soft,vers=3", "soft", "hard"),
        (["rw"], "rw", "ro"),
        ([], "hard", "soft"),
    ],
)
def test_an_option_replaces_the_one_of_its_name(options: Any, there: str, gone: str) -> None:
    found = mount(options=options, server="fd00::1", port=2050)
    given = found["opts"].split(",")
    assert there in given
    assert gone not in given
    assert "port=2050" in given
    assert found["src"] == "[fd00::1]:/export"


def test_what_is_served_from_the_source_is_mounted_and_not_copied() -> None:
    entry = plan(serving(a=["node0"]), models={"a": model(copy=False, nfs=NFS)})["hosts"]["node0"]
    assert (entry["releases"], [one["path"] for one in entry["mounts"]]) == ([], ["/mnt/models"])


def test_a_release_that_is_on_the_disks_needs_no_file_server() -> None:
    models = {"a": model(nfs=NFS, release="previous"), "b": model(copy=False, nfs={**NFS, "path": "/mnt"})}
    entry = plan(serving(a=["node0"], b=["node0"]), models=models)["hosts"]["node0"]
    assert [one["path"] for one in entry["mounts"]] == ["/mnt"]


def test_acting_on_one_deployment_leaves_out_what_others_serve() -> None:
    models = {
        "a": model("a", nfs=NFS),
        "b": {"source": "/b/b", "nfs": {**NFS, "path": "/b"}},
        "named": model("named", hosts="node0"),
    }
    entry = select(typed(serving(a=["node0"], b=["node0"]), models=models), ["a"]).hosts["node0"]
    assert [one.name for one in entry.releases] == ["a", "named"]
    assert [one.path for one in entry.mounts] == ["/mnt/models"]
    assert "21501" in entry.reserved_ports or "21500-21502" in entry.reserved_ports


def test_a_host_that_a_model_names_needs_an_address_too() -> None:
    with pytest.raises(PlanError, match="host node3: it has no cluster address"):
        plan(
            serving(llama=["node0"]),
            inventory(node3={"ansible_host": "store.example"}),
            models={"llama": model(hosts="node3")},
        )


def test_the_printed_plan_shows_the_models() -> None:
    text = render_text(typed(serving(llama=["node0", "node1"]), models={"llama": model()}))
    assert "  llama  /mnt/models/llama  /data/models/llama  of the source  21500  node0, node1" in text
