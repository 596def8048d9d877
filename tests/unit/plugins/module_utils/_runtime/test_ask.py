# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parser of an installed SGLang is asked in its own interpreter: here, of a package that only has a parser."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._runtime.ask import ask
from ansible_collections.multinode.sglang.plugins.module_utils._runtime.request import RuntimeRefused
from ansible_collections.multinode.sglang.plugins.module_utils._runtime.venv import Venv

from .test_install import request

SERVER_ARGS = """
import json
import os
print("libraries print when they are imported")

class ServerArgs:
    @staticmethod
    def add_cli_args(parser):
        parser.add_argument("--model-path", required=True)
        parser.add_argument("--port", type=int)
        parser.add_argument("--override", type=json.loads)
        parser.add_argument("--ratio", type=checked)
        if os.environ.get("NEW"):
            parser.add_argument("--new-thing")

def checked(text):
    assert float(text) < 1, "too much"
    return float(text)
"""


def run(words: list[str], data: str, cwd: str, environ_update: dict[str, str], **_options: Any) -> tuple[int, str, str]:
    """Run a command as a module does."""
    env = {**os.environ, **environ_update}
    done = subprocess.run(words, input=data, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def installed(root: pathlib.Path, text: str) -> Venv:
    """Return an environment with such an SGLang."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root / "0.5.24")], check=True)
    (site,) = root.glob("0.5.24/lib/python*/site-packages")
    (site / "sglang/srt").mkdir(parents=True)
    (site / "sglang/srt/server_args.py").write_text(text)
    return Venv(request(root, "0.5.24"))


def question(where: str, *words: str, environment: dict[str, str] | None = None) -> dict[str, Any]:
    """Return a command to ask about."""
    return {"where": where, "words": ["--model-path", "/m", *words], "environment": environment or {}}


def test_what_the_parser_refuses_is_refused_in_its_words(tmp_path: pathlib.Path) -> None:
    venv = installed(tmp_path, SERVER_ARGS)
    good = [question("deployments.a.server", "--port", "3"), question("deployments.b.server", "--override", "{}")]
    good.append(question("deployments.f.server", "--new-thing", "3", environment={"NEW": "1"}))
    assert ask(venv, "SGLang 0.5.24", good, run) == []
    bad = [
        question("deployments.c.server", "--new-thing", "3"),
        question("deployments.d.server", "--port", "x"),
        question("deployments.e.server", "--ratio", "2"),
    ]
    with pytest.raises(RuntimeRefused) as refused:
        ask(venv, "SGLang 0.5.24", [*good, *bad], run)
    assert str(refused.value).splitlines() == [
        "deployments.c.server: SGLang 0.5.24 refuses it: unrecognized arguments: --new-thing 3; correct server_args",
        "deployments.d.server: SGLang 0.5.24 refuses it: argument --port: invalid int value: 'x'; correct server_args",
        "deployments.e.server: SGLang 0.5.24 refuses it: AssertionError: too much; correct server_args",
    ]


def test_a_parser_that_is_elsewhere_is_said_and_stops_nothing(tmp_path: pathlib.Path) -> None:
    venv = installed(tmp_path, "import absent_library")
    (said,) = ask(venv, "SGLang 0.5.24", [question("deployments.a.server")], run)
    assert said.startswith("the parser of SGLang 0.5.24 cannot be asked")
    assert said.endswith("No module named 'absent_library'")
