# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real SGLang's parser accepts what the plan writes; it and the routers have the options of the shipped tables."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._runtime import parser
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.programs import ROUTERS, SGLANG
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.tables import load_table
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.versions import parse_version
from hypothesis import given, settings

from tests.lab import Lab
from tests.lab.settings import REPO
from tests.unit.plugins.plugin_utils._plan.test_properties import deployments, planned

PROGRAMS = {"sglang": SGLANG, **ROUTERS}
CPU = ("SGLANG_USE_CPU_ENGINE=1", "PYTHONPATH=/opt/sglang-lab/shim", "HF_HUB_OFFLINE=1")


def run_tool(lab: Lab, tool: str, *argv: str, venv: str = "/opt/sglang/current") -> str:
    """Run one of tests/tools with the Python of an environment on a host."""
    words = [
        "env",
        *CPU,
        f"{venv}/bin/python",
        "-W",
        "ignore",
        "-c",
        (REPO / "tests/tools" / tool).read_text(encoding="utf-8"),
        *argv,
    ]
    code, output = lab.exec("node1", words)
    assert code == 0, output
    return output


def sample() -> list[list[str]]:
    """Return the commands of some generated plans, with a model that the hosts have."""
    commands: list[list[str]] = []

    @settings(max_examples=25, derandomize=True, database=None)
    @given(deployments())
    def collect(raw: dict[str, Any]) -> None:
        for host in planned(raw, 3)["hosts"].values():
            for unit in host["units"]:
                words = unit["argv"][2:]
                words[words.index("--model-path") + 1] = "/models/tiny"
                commands.append([*words, "--device", "cpu"])

    collect()
    return [commands[index] for index in range(0, len(commands), max(1, len(commands) // 40))]


def test_generated_commands_are_accepted(lab: Lab) -> None:
    commands = sample()
    wrong = ["--tp-size", "3", "--nnodes", "2", "--dist-init-addr", "10.0.0.1:1", "--model-path", "/models/tiny"]
    said = json.loads(run_tool(lab, "check_argv.py", json.dumps([*commands, wrong])).splitlines()[-1])
    assert said.pop() is not None
    assert {" ".join(words): answer for words, answer in zip(commands, said, strict=True) if answer} == {}
    assert len(commands) >= 30


@pytest.mark.parametrize(
    ("program", "version", "venv"),
    [
        ("sglang", "0.5.23", "/opt/sglang/current"),
        ("sglang-router", "0.3.2", "/opt/sglang-router/0.3.2"),
        ("smg", "1.13.0", "/opt/sglang-router/1.13.0"),
    ],
)
def test_the_option_table_is_that_of_the_pinned_release(lab: Lab, program: str, version: str, venv: str) -> None:
    printed = run_tool(lab, "dump_options.py", program, venv=venv)
    installed = {
        tuple(row["names"]): (
            row["kind"],
            row.get("type", "str"),
            tuple(row.get("choices", ())),
            row.get("retired", ""),
        )
        for row in json.loads(printed[printed.index("[\n") :])
    }
    table = load_table(PROGRAMS[program], parse_version(version, "version"))
    shipped = {row.spellings: (row.kind, row.type, row.choices, row.retired) for row in table.by_spelling.values()}
    assert installed == shipped


def test_the_installed_parser_answers_for_a_release_that_has_no_table(lab: Lab) -> None:
    questions = [
        ["--model-path", "/m"],
        ["--model-path", "/m", "--new-thing", "3"],
        ["--model-path", "/m", "--port", "x"],
    ]
    program = inspect.getsource(parser)
    words = ["/opt/sglang/current/bin/python", "-W", "ignore", "-c", program]
    code, output = lab.exec(
        "node1", ["env", *CPU, "sh", "-c", f"echo '{json.dumps(questions)}' | \"$@\"", "sh", *words]
    )
    assert code == 0, output
    right, unknown, wrong = json.loads(output.splitlines()[-1])
    assert right is None
    assert unknown == "unrecognized arguments: --new-thing 3"
    assert "argument --port" in wrong
