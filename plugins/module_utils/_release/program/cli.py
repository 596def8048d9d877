# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: one command, one JSON object on standard output; status 0 done, 1 refused, 2 wrong words, 3 another run is at work."""

from __future__ import annotations

import os
import sys

from .errors import Busy, Refused, explain
from .store import Store, is_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .chain import Plan

USAGE = """usage: release COMMAND STORE [DIGEST] [--OPTION VALUE ...]
  sync STORE --source DIRECTORY [--expect DIGEST] [--check yes] [--exact yes] [--run NAME] [--threads N] [--memory MIB]
       [--reserve MIB] [--stall SECONDS] [--peers FILE]     bring and verify a release; links stay
  status STORE [--run NAME] [--wait SECONDS] how far the last sync is
  verify STORE [DIGEST] [--full yes]         the current release, or the one that is named
  flip STORE DIGEST [--check yes]            make a release the current one
  rollback STORE [DIGEST] [--check yes]      the same, to the previous one
  list STORE [--references GLOB:GLOB]        the releases and who uses them
  prune STORE --keep N [--references GLOB:GLOB] [--check yes]
"""
_NUMBERS = {"threads", "memory", "reserve", "stall", "wait", "keep"}
_SWITCHES = {"check", "exact", "full"}
_OPTIONS = {
    "sync": {"source", "expect", "check", "exact", "run", "threads", "memory", "reserve", "stall", "peers"},
    "status": {"run", "wait"},
    "verify": {"full"},
    "flip": {"check"},
    "rollback": {"check"},
    "list": {"references"},
    "prune": {"keep", "references", "check"},
}


class Wrong(Exception):
    """The words on the command line make no sense."""


def parse(words: list[str]) -> tuple[str, list[str], dict[str, Any]]:
    """Return command, arguments and options; argparse alone would take longer than a run with nothing to do."""
    if not words or words[0] not in _OPTIONS:
        raise Wrong("name a command")
    command, arguments, options = words[0], [], {}
    rest = iter(words[1:])
    for word in rest:
        if not word.startswith("--"):
            arguments.append(word)
            continue
        name = word[2:]
        if name not in _OPTIONS[command]:
            raise Wrong(f"{command} has no option {word}")
        options[name] = _value(name, next(rest, None))
    if not 1 <= len(arguments) <= 2:
        raise Wrong("name one store")
    if len(arguments) == 2 and not is_digest(arguments[1]):
        raise Wrong(f"{arguments[1]} is no digest of a release (64 hexadecimal digits)")
    return command, arguments, options


def _value(name: str, text: str | None) -> Any:
    if not text:
        raise Wrong(f"--{name} needs a value")
    if name in _SWITCHES:
        if text not in {"yes", "no"}:
            raise Wrong(f"--{name} is yes or no")
        return text == "yes"
    if name in _NUMBERS:
        if not text.isdigit():
            raise Wrong(f"--{name} is a number")
        return int(text)
    return text.split(":") if name == "references" else text


def run(command: str, store: Store, digest: str, options: dict[str, Any]) -> dict[str, Any]:
    """Do what a command says, and return what is printed."""
    if command == "sync":
        return _sync(store, options)
    if command == "verify":
        return _verify(store, digest or store.linked("current"), options.get("full", False))
    if command == "status":
        from .progress import status

        return status(store, options.get("wait", 0), options.get("run", ""))
    if command in {"flip", "rollback"}:
        return _flip(
            store, digest or (store.linked("previous") if command == "rollback" else ""), options.get("check", False)
        )
    from . import prune

    if command == "list":
        return {"releases": prune.releases(store, options.get("references", []))}
    if options.get("keep", 0) < 1:
        raise Wrong("prune needs --keep N, at least 1")
    removed = prune.prune(store, options["keep"], options.get("references", []), options.get("check", False))
    return {"changed": bool(removed), "removed": removed}


def _sync(store: Store, options: dict[str, Any]) -> dict[str, Any]:
    from .sync import Request, sync

    check = options.pop("check", False)
    if "source" not in options:
        raise Wrong("sync needs --source")
    for name in ("memory", "reserve"):
        if name in options:
            options[name] <<= 20
    if "peers" in options:
        options["plan"] = _plan(options.pop("peers"))
    return sync(store, Request(**options), check)


def _plan(path: str) -> Plan:
    """Read the hosts of the run, and the token that no argument may show."""
    import json

    from .chain import Plan

    try:
        with open(path, encoding="utf-8") as handle:
            return Plan(**json.load(handle))
    except (OSError, ValueError, TypeError) as error:
        raise Refused(f"{path} is no plan of a run: {error}") from error


def _verify(store: Store, digest: str, full: bool) -> dict[str, Any]:
    from .verify import verify

    if not digest:
        raise Refused(f"{store.root} has no current release; name one, or run sync and flip first")
    report = verify(store, digest, full)
    return (
        report.result()
        if report.ok
        else {**report.result(), "failed": True, "msg": report.sentence(store.release(digest))}
    )


def _flip(store: Store, digest: str, check: bool) -> dict[str, Any]:
    from .verify import verify

    if not digest:
        raise Refused(f"{store.root} has no release to go to; name one of its releases (list)")
    before = store.linked("current")
    report = verify(store, digest)
    if not report.ok:
        raise Refused(report.sentence(store.release(digest)))
    changed = before != digest if check else store.flip(digest)
    return {"changed": changed, "before": before, "after": digest}


def main(words: list[str]) -> int:
    """Run one command."""
    os.umask(0o022)
    command, status = "", 0
    try:
        command, arguments, options = parse(words)
        result = run(command, Store(arguments[0]), arguments[1] if len(arguments) == 2 else "", options)
        status = 1 if result.get("failed") else 0
    except Wrong as wrong:
        sys.stderr.write(f"{wrong}\n{USAGE}")
        return 2
    except Refused as refusal:
        result = {"failed": True, "msg": str(refusal)}
        status = 3 if isinstance(refusal, Busy) else 1
    except OSError as error:
        result = {"failed": True, "msg": str(explain(error, f"while {command} was at work"))}
        status = 1
    sys.stdout.write(_text(result) + "\n")
    return status


def _text(result: dict[str, Any]) -> str:
    if set(result) == {"changed", "digest"}:
        # A sync with nothing to do is over before json would be loaded.
        return f'{{"changed": {"true" if result["changed"] else "false"}, "digest": "{result["digest"]}"}}'
    import json

    return json.dumps(result, sort_keys=True)
