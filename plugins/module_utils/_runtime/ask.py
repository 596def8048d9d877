# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the parser of an installed SGLang about commands. PRIVATE to the collection."""

from __future__ import annotations

import inspect
import json
from typing import Any

from . import parser
from .python import Run
from .request import RuntimeRefused
from .venv import Venv

# It imports torch, which takes half a minute where the disk has not read it yet.
SECONDS = 300
# How timeout(1) ends when it ended the command.
TIMED_OUT = 124
_ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"}


def ask(venv: Venv, title: str, commands: list[dict[str, Any]], run: Run) -> list[str]:
    """Refuse commands that the parser refuses. Return why it could not be asked, nothing where it was.

    commands: with where, the field they come from; words, what follows the module that is started; and environment,
    which may decide what the parser knows. One environment is one process.
    """
    refused: list[str] = []
    warnings: list[str] = []
    together: dict[str, list[dict[str, Any]]] = {}
    for command in commands:
        together.setdefault(json.dumps(command["environment"], sort_keys=True), []).append(command)
    for some in together.values():
        answers, trouble = _answers(venv.interpreter, some, run)
        refused += [
            f"{command['where']}: {title} refuses it: {error}; correct server_args"
            for command, error in zip(some, answers)
            if error
        ]
        if trouble:
            warnings.append(f"the parser of {title} cannot be asked, so errors in options show at the start: {trouble}")
    if refused:
        raise RuntimeRefused("\n".join(refused))
    return warnings


def _answers(interpreter: str, commands: list[dict[str, Any]], run: Run) -> tuple[list[str | None], str]:
    """Return what the parser says against each command, or why it does not answer."""
    argv = ["timeout", "-k", "5", str(SECONDS), interpreter, "-s", "-W", "ignore", "-c", inspect.getsource(parser)]
    questions = json.dumps([command["words"] for command in commands])
    environment = {**commands[0]["environment"], **_ENVIRONMENT}
    # The working directory: with -c, Python imports from there.
    rc, out, err = run(argv, data=questions, cwd="/", environ_update=environment, expand_user_and_vars=False)
    if rc:
        lines = err.strip().splitlines() or ["it said nothing"]
        return [], f"it did not answer in {SECONDS} s" if rc == TIMED_OUT else lines[-1].strip()
    return json.loads(out.splitlines()[-1]), ""
