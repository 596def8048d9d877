# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the models and files that servers read are on a host, except for those that a deploy brings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.multinode.sglang.plugins.module_utils._base.text import first_few

from .finding import Finding, section

Planned = Mapping[str, Any]
MODELS = ("model-path", "speculative-draft-model-path")
# What the user writes for an option that the plan writes.
FIELDS = {"model-path": "model"}


def findings(node: dict[str, Any], planned: Planned) -> Iterable[Finding]:
    """Yield what is missing. A path that did not answer in time is among the problems of the facts."""
    known = {entry["path"]: entry for entry in section(node, "files", [])}
    for (path, option), deployments in read(planned).items():
        entry = known.get(path)
        if entry is None or _comes(path, planned):
            continue
        field = FIELDS.get(option, option)
        if entry["kind"] is None:
            found, expected = f"{field} {path} does not exist", "it on every host of the deployment"
        elif option in MODELS and entry["kind"] == "directory" and not entry["model"]:
            found, expected = f"{field} {path} has no config.json", "the directory of a model"
        else:
            continue
        fix = f"copy it to this host{_copying(option)}, or correct {field} of {first_few(deployments, 3)}"
        yield Finding("model", "absent_file", found, expected, fix)


def read(planned: Planned) -> dict[tuple[str, str], list[str]]:
    """Return (path, option) -> deployments, of all that the units of a host read."""
    found: dict[tuple[str, str], list[str]] = {}
    for unit in planned["units"]:
        for option, paths in unit["files"].items():
            for path in paths:
                names = found.setdefault((path, option), [])
                names += [unit["deployment"]] if unit["deployment"] not in names else []
    return found


def _comes(path: str, planned: Planned) -> bool:
    """Return whether a deploy copies a path, or mounts where it is, before it starts servers."""
    places = [*(release["store"] for release in planned["releases"]), *(mount["path"] for mount in planned["mounts"])]
    return any(path == place or path.startswith(place.rstrip("/") + "/") for place in places)


def _copying(option: str) -> str:
    return " (sglang_models does that)" if option in MODELS else ""


def seen(node: dict[str, Any], planned: Planned) -> bool:
    """Return whether all that the units of a host read was looked at, and there is any."""
    known = {entry["path"] for entry in section(node, "files", []) if entry["kind"]}
    wanted = {path for path, _option in read(planned)}
    return bool(wanted) and wanted <= known
