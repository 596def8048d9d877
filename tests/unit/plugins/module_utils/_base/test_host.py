# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that does not answer makes it hang."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import (
    Commands,
    Output,
    Root,
    Task,
    natural,
    together,
)


def run(words: list[str], **_options: Any) -> tuple[int, str, str]:
    """Run a command in the manner of AnsibleModule.run_command."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_a_file_is_read_below_the_root(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/limit").write_text("12\n")
    (tmp_path / "proc/link").symlink_to("limit")
    root = Root(str(tmp_path))
    assert root.number("/proc/limit") == 12
    assert root.real("/proc/link") == "/proc/limit"
    assert (root.read("/proc/none"), root.text("/proc/none"), root.names("/none")) == (None, "", [])


def test_the_real_root() -> None:
    assert Root().text("/proc/self/comm")
    assert Root().real("/proc/self/../self").startswith("/proc/")


def test_names_sort_by_their_numbers() -> None:
    assert sorted(["mlx5_10", "mlx5_2", "ib0", "mlx5_bond_0"], key=natural) == [
        "ib0",
        "mlx5_2",
        "mlx5_10",
        "mlx5_bond_0",
    ]


def test_a_name_may_begin_with_a_number() -> None:
    assert sorted(["0000:3b:00.0", "10", "eth0", "9"], key=natural)[-1] == "eth0"


def test_a_command_that_is_not_there_is_none() -> None:
    assert Commands(run, lambda _name: None, 1).output(["nvidia-smi"]) is None


@pytest.mark.parametrize("words", [["sleep", "30"], ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"]])
def test_a_command_that_hangs_is_ended(words: list[str]) -> None:
    commands = Commands(run, shutil.which, 0.3)
    started = time.monotonic()
    output = commands.output(words)
    assert time.monotonic() - started < 10
    assert output is not None
    assert output.trouble("sleep", 0.3) == "sleep did not answer within 0.3 s"


def test_commands_run_side_by_side_and_answer_in_order() -> None:
    commands = Commands(run, shutil.which, 5)
    started = time.monotonic()
    outputs = together(commands, [["sh", "-c", f"sleep 0.8; echo {number}"] for number in range(4)])
    assert [output.out for output in outputs if output] == ["0\n", "1\n", "2\n", "3\n"]
    assert time.monotonic() - started < 3


def test_a_command_that_cannot_be_killed_counts_as_timed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    commands = Commands(lambda *_words, **_options: (release.wait(30), "", ""), lambda name: name, -1.5)
    (output,) = together(commands, [["nvidia-smi"]])
    release.set()
    assert output is not None
    assert output.trouble("nvidia-smi", 1) == "nvidia-smi did not answer within 1 s"


def test_the_trouble_names_the_end_and_what_was_said() -> None:
    assert Output(0, "", "").trouble("x", 1) == ""
    assert Output(9, "no driver\n", "").trouble("nvidia-smi", 1) == "nvidia-smi ended with 9: no driver"
    assert Output(1, "", "").trouble("x", 1) == "x ended with 1: it said nothing"


def broken() -> None:
    """Have a bug."""
    raise KeyError("bug")


def missing() -> None:
    """Meet an expected error."""
    raise FileNotFoundError("no such thing")


def test_a_task_returns_its_value_or_why_there_is_none() -> None:
    soon = time.monotonic() + 5
    assert Task(lambda: 3).result(soon) == (3, "")
    assert Task(missing).result(soon) == (None, "no such thing")
    with pytest.raises(KeyError):
        Task(broken).result(soon)


def test_a_task_that_hangs_is_left_alone() -> None:
    release = threading.Event()
    started = time.monotonic()
    assert Task(release.wait).result(started + 0.1) == (None, "it did not answer in time")
    assert time.monotonic() - started < 1
    release.set()


def test_a_process_ends_while_a_task_hangs() -> None:
    program = (
        "import sys, time; sys.path[:0] = sys.argv[1:]\n"
        "from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Task\n"
        "Task(lambda: time.sleep(60)).result(0)\n"
    )
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", program, *sys.path], check=True, timeout=30)
    assert time.monotonic() - started < 15


def test_recorded_answers_stand_in_for_commands(answering: Callable[..., Commands]) -> None:
    output = answering({"chronyc -c": (0, "x")}).output(["chronyc", "-c", "tracking"])
    assert output == Output(0, "x", "")
