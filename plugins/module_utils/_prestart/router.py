# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The launcher of a router: it adds the secrets inside the process, and waits until the router serves."""

from __future__ import annotations

import argparse
import os
import pathlib
import runpy
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from http import HTTPStatus
from http.client import HTTPException

from . import Refusal, secrets

RETRY_SECONDS = 0.2
ANSWER_SECONDS = 2


def run(module: str, arguments: Sequence[str]) -> None:
    """Write which generation runs, then become the router."""
    generation = pathlib.Path(os.environ["RUNTIME_DIRECTORY"], "generation")
    generation.write_text(os.environ.get("SGLANG_UNIT_DIGEST", "") + "\n", encoding="utf-8")
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def serves(url: str) -> bool:
    """Return whether a router answers there that has workers for requests."""
    # The router's own certificate may be for another name; nothing secret is sent.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        opener.open(f"{url}/readiness", timeout=ANSWER_SECONDS).close()
    except urllib.error.HTTPError as error:
        error.close()
        return error.code != HTTPStatus.SERVICE_UNAVAILABLE
    except (OSError, HTTPException):
        return False
    return True


def wait(url: str, seconds: float, pid: str | None) -> None:
    """Wait, bounded, until the router serves or has ended. Workers may take longer than a start should."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not serves(url):
        if pid and not os.path.exists(f"/proc/{pid}"):
            return
        time.sleep(RETRY_SECONDS)


def main(argv: Sequence[str]) -> int:
    """Run the router or wait for it; the arguments of a router are its own to parse."""
    parser = argparse.ArgumentParser(prog="router.py", description="Start a router, or wait until it serves.")
    parser.add_argument("action", choices=["run", "run-with-secrets", "wait"])
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="MODULE ARGUMENT... | URL SECONDS")
    args = parser.parse_args(argv)
    first, *others = args.arguments
    if args.action == "wait":
        wait(first, float(others[0]), os.environ.get("MAINPID"))
        return 0
    try:
        added = [str(word) for word in secrets()] if args.action == "run-with-secrets" else []
    except Refusal as refusal:
        sys.stderr.write(f"refused: {refusal}\n")
        return 1
    run(first, [*others, *added])
    return 0
