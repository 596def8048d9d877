# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of unit, environment and key files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._units import server
from ansible_collections.multinode.sglang.plugins.module_utils._units.server import Settings, Unit

SETTINGS = Settings(
    user="sglang",
    group="sglang",
    config_dir="/etc/sglang",
    interpreter="/opt/sglang/current/bin/python",
    helper="/usr/local/lib/sglang/prestart.py",
    rdma_helper="/usr/local/lib/sglang/rdma.py",
    runtime="abc",
    barrier_timeout=300,
    stop_timeout=120,
)


def plan_unit(rank: int = 1, nnodes: int = 2, **changes: Any) -> dict[str, Any]:
    """Return a unit as the plan gives it."""
    unit: dict[str, Any] = {
        "name": "sglang-llama-0",
        "instance": "llama-0",
        "deployment": "llama",
        "role": "server",
        "rank": rank,
        "nnodes": nnodes,
        "host": f"node{rank + 1}",
        "address": f"10.0.0.{rank + 11}",
        "gpus": [0, 1],
        "ranks": [{"host": f"node{number + 1}", "address": f"10.0.0.{number + 11}"} for number in range(nnodes)],
        "api_port": 30000,
        "ports": {"api": "30000", "dist_init": "20000", "dp_attention": "20001-20006", "barrier": "20051"},
        "argv": ["-m", "sglang.launch_server", "--model-path", "/models/llama 3", "--tp-size", "4", "--enable-metrics"],
        "environment": {"SGLANG_HOST_IP": f"10.0.0.{rank + 11}", "NCCL_DEBUG": "WARN"},
        "interface": None,
        "digest": "plan",
    }
    return {**unit, **changes}


UNIT = Unit.from_plan(plan_unit())


def test_the_unit_reads_like_the_documented_command() -> None:
    assert """ExecStart=/opt/sglang/current/bin/python -m sglang.launch_server \\
    --model-path "/models/llama 3" \\
    --tp-size 4 \\
    --enable-metrics
""" in server.unit_text(UNIT, SETTINGS, with_keys=False)


@pytest.mark.parametrize(
    "line",
    [
        "# Managed by multinode.sglang",
        "Description=SGLang llama-0 rank 1 of 2 (multinode.sglang)",
        'RequiresMountsFor="/models/llama 3"',
        "User=sglang",
        "RuntimeDirectory=sglang/sglang-llama-0",
        "EnvironmentFile=/etc/sglang/sglang-llama-0/environment",
        "EnvironmentFile=-/run/sglang/sglang-llama-0/network.env",
        "ExecStartPre=/usr/bin/python3 -I /usr/local/lib/sglang/prestart.py network --address 10.0.0.12",
        "ExecStartPre=+/usr/bin/python3 -I /usr/local/lib/sglang/prestart.py"
        " ports api=30000 barrier=20051 dist_init=20000 dp_attention=20001-20006",
        "ExecStartPre=/usr/bin/python3 -I /usr/local/lib/sglang/prestart.py"
        " peers --rank 1 --timeout 300 10.0.0.11:20051 node1=10.0.0.11 node2=10.0.0.12",
        "Restart=always",
        "KillMode=control-group",
        "TimeoutStartSec=360",
        "TimeoutStopSec=120",
        "LimitMEMLOCK=infinity",
        "LimitNOFILE=1048576",
        "WantedBy=multi-user.target",
    ],
)
def test_the_unit_has_the_line(line: str) -> None:
    assert line in server.unit_text(UNIT, SETTINGS, with_keys=False).splitlines()


def test_one_rank_waits_for_nobody() -> None:
    unit = Unit.from_plan(plan_unit(rank=0, nnodes=1))
    assert " peers " not in server.unit_text(unit, SETTINGS, with_keys=False)


def test_an_ipv6_leader_is_in_brackets() -> None:
    ranks = [{"host": "node1", "address": "fd00::1"}, {"host": "node2", "address": "fd00::2"}]
    unit = Unit.from_plan(plan_unit(ranks=ranks, address="fd00::2"))
    assert '"[fd00::1]:20051" node1=fd00::1' in server.unit_text(unit, SETTINGS, with_keys=False)


def test_a_model_by_name_requires_no_mount() -> None:
    unit = replace(UNIT, argv=("-m", "sglang.launch_server", "--model-path", "meta-llama/Llama"))
    assert "RequiresMountsFor" not in server.unit_text(unit, SETTINGS, with_keys=False)


def test_numactl_stands_before_the_interpreter() -> None:
    text = server.unit_text(UNIT, replace(SETTINGS, numactl=("--cpunodebind=0", "--membind=0")), with_keys=False)
    assert "ExecStart=/usr/bin/numactl --cpunodebind=0 --membind=0 \\\n    /opt/sglang/current/bin/python -m" in text


def test_the_interface_of_the_inventory_is_passed_on() -> None:
    text = server.unit_text(Unit.from_plan(plan_unit(interface="ib0")), SETTINGS, with_keys=False)
    assert "network --address 10.0.0.12 --interface ib0" in text


def test_service_options_override_add_repeat_and_remove() -> None:
    options = (
        ("Restart", "no"),
        ("NoNewPrivileges", False),
        ("ProtectSystem", None),
        ("DeviceAllow", ["/dev/a", "/dev/b"]),
    )
    lines = server.unit_text(UNIT, replace(SETTINGS, options=options), with_keys=False).splitlines()
    assert {"Restart=no", "NoNewPrivileges=no", "DeviceAllow=/dev/a", "DeviceAllow=/dev/b"} <= set(lines)
    assert not [line for line in lines if line.startswith("ProtectSystem")]


@pytest.mark.parametrize(("name", "value"), [("ExecStart", "x"), ("User", "x"), ("Nice", "1\nUser=root")])
def test_service_options_are_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"service_options.{name}"):
        server.unit_text(UNIT, replace(SETTINGS, options=((name, value),)), with_keys=False)


def test_keys_are_in_a_file_and_the_log_is_quiet() -> None:
    text = server.unit_text(UNIT, SETTINGS, with_keys=True)
    assert text.count("--config /etc/sglang/sglang-llama-0/keys.yaml \\\n    --log-level warning\n") == 1


def test_a_quiet_level_of_the_user_stays() -> None:
    unit = replace(UNIT, argv=(*UNIT.argv, "--log-level", "error"))
    assert server.unit_text(unit, SETTINGS, with_keys=True).count("--log-level") == 1


@pytest.mark.parametrize("words", [("--log-level", "info"), ("--log-level=debug",), ("--log-level", "INFO")])
def test_a_level_that_logs_the_keys_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"deployments\.llama: log-level .* would write the API keys to the journal"):
        server.unit_text(replace(UNIT, argv=(*UNIT.argv, *words)), SETTINGS, with_keys=True)


def test_two_configuration_files_are_refused() -> None:
    with pytest.raises(ValueError, match=r"server_args\.config and API keys exclude each other"):
        server.unit_text(replace(UNIT, argv=(*UNIT.argv, "--config", "/x.yaml")), SETTINGS, with_keys=True)


def test_keys_text() -> None:
    assert server.keys_text({"api_key": 'a"b', "admin_api_key": "c"}) == 'api-key: "a\\"b"\nadmin-api-key: "c"\n'
    assert server.keys_text({"api_key": "", "admin_api_key": ""}) == ""


@pytest.mark.parametrize("key", ["-x", " x", "x\ny"])
def test_keys_that_argparse_or_http_cannot_take_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="api_key must not begin"):
        server.keys_text({"api_key": key})


def test_all_ranks_agree_on_the_instance_and_differ_in_the_unit() -> None:
    leader = Unit.from_plan(plan_unit(rank=0))
    assert server.instance_digest(leader, SETTINGS, "") == server.instance_digest(UNIT, SETTINGS, "")
    assert server.environment_text(leader, SETTINGS, "")[1] != server.environment_text(UNIT, SETTINGS, "")[1]


def test_the_digest_knows_everything_that_a_rank_runs_with() -> None:
    digests = {
        server.environment_text(unit, settings, keys)[1]
        for unit, settings, keys in [
            (UNIT, SETTINGS, ""),
            (UNIT, SETTINGS, "key"),
            (UNIT, replace(SETTINGS, runtime="other"), ""),
            (UNIT, replace(SETTINGS, stop_timeout=1), ""),
            (replace(UNIT, digest="other"), SETTINGS, ""),
            (replace(UNIT, environment=(("A", "1"),)), SETTINGS, ""),
        ]
    }
    assert len(digests) == 6


def test_the_environment_file_has_no_key() -> None:
    text, digest = server.environment_text(UNIT, SETTINGS, 'api-key: "canary"\n')
    assert "canary" not in text
    assert f'SGLANG_UNIT_DIGEST="{digest}"' in text
    assert 'SGLANG_HOST_IP="10.0.0.12"' in text


@pytest.mark.parametrize("change", [{"name": "../x"}, {"name": "a b"}, {"rank": "x"}, {"ranks": None}, {"ports": []}])
def test_what_is_not_a_unit_of_the_plan_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="units: "):
        Unit.from_plan({**plan_unit(), **change})


def test_a_server_that_sends_nothing_from_a_gpu_to_another_host_looks_for_no_rdma() -> None:
    def looks(**changes: Any) -> list[str]:
        text = server.unit_text(Unit.from_plan(plan_unit(**changes)), SETTINGS, with_keys=False)
        return [line.partition("rdma.py ")[2] for line in text.splitlines() if "rdma.py" in line]

    head = ["-m", "sglang.launch_server"]
    assert looks() == ["--gpus 0,1"]
    assert looks(rank=0, nnodes=1) == []
    assert looks(rank=0, nnodes=1, argv=[*head, "--disaggregation-mode", "prefill"]) == ["--gpus 0,1"]
    assert looks(argv=[*head, "--device", "cpu"]) == []
    wanted = [
        *head,
        "--disaggregation-mode",
        "prefill",
        "--disaggregation-ib-device",
        "/run/sglang/sglang-llama-0/ib_devices.json",
    ]
    assert looks(argv=wanted) == ["--gpus 0,1 --required"]
