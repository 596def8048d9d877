# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The copy as a program of its own: `release.py REQUEST`, where REQUEST is a file that only root can read.

It has no other arguments, because the request holds the token of the run, which no process list may show.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from .chain import Plan
from .errors import Refused, explain
from .request import Request
from .store import Store
from .sync import sync


def load(path: str) -> tuple[Store, Request]:
    """Read a request: the store, the fields of Request, and the plan of the hosts that copy the same."""
    try:
        with open(path, encoding="utf-8") as handle:
            fields: dict[str, Any] = json.load(handle)
        store, plan = Store(fields.pop("store")), fields.pop("plan", None)
        return store, Request(**fields, plan=Plan(**plan) if plan else None)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Refused(f"{path} is not a request for a copy: {error!r}") from error


def main(words: list[str]) -> int:
    """Copy what the request names; the last line says why it failed."""
    os.umask(0o022)
    try:
        sync(*load(words[0]))
    except Refused as refusal:
        message = str(refusal)
    except OSError as error:
        message = str(explain(error, "while the copy was started"))
    else:
        return 0
    sys.stdout.write(json.dumps({"msg": message}) + "\n")
    return 1
