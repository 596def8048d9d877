# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put commands through SGLang's own parser, resolution and checks, without starting anything.

Run it with the interpreter of a venv that has SGLang. Argument: a JSON list of lists of words (what follows
launch_server). Last line of the output: a JSON list with null for each command that is accepted, or what SGLang said.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys

from sglang.srt.server_args import prepare_server_args


def complaint(words: list[str]) -> str | None:
    """Return what SGLang says against a command."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            args = prepare_server_args(words)
            args.resolve_once()
            args.check_server_args()
    except SystemExit:
        return said.getvalue().strip().splitlines()[-1]
    except (AssertionError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return None


print(json.dumps([complaint(words) for words in json.loads(sys.argv[1])]))
