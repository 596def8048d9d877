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
_ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"}


def ask(venv: Venv, title: str, commands: list[dict[str, Any]], run: Run) -> str:
    """Refuse commands that the parser refuses. Return why it could not be asked, empty where it was.

    commands: with where, the field they come from, and words, what follows the module that is started.
    """
    # -I: ignore the environment and the working directory.
    argv = ["timeout", "-k", "5", str(SECONDS), venv.interpreter, "-I", "-W", "ignore", "-c", inspect.getsource(parser)]
    questions = json.dumps([command["words"] for command in commands])
    rc, out, err = run(argv, data=questions, environ_update=_ENVIRONMENT, expand_user_and_vars=False)
    if rc != 0:
        said = f"it did not answer in {SECONDS} s" if rc == 124 else _last_line(err)
        return f"the parser of {title} cannot be asked about its options, so errors in them show at the start: {said}"
    refused = [
        f"{command['where']}: {title} refuses it: {error}; correct server_args"
        for command, error in zip(commands, json.loads(out.splitlines()[-1]))
        if error
    ]
    if refused:
        raise RuntimeRefused("\n".join(refused))
    return ""


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1].strip()
