# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make docs/sglang.schema.json, with which editors check and complete files in group_vars.

It is made of the keys that the plan checks, and of the options of all releases of SGLang. A value may also be a
template, which only Ansible can judge.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import keys
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.intervals import LAST_PORT
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.programs import PORT_OPTIONS, SGLANG
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.schema import NAME
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan.tables import Known, load_history

Schema = dict[str, Any]
TEMPLATE = {"type": "string", "pattern": "\\{\\{"}
TEXT = {"type": "string", "minLength": 1}
WORDS = {"anyOf": [TEXT, {"type": "array", "items": TEXT, "minItems": 1}]}
# kind of a key -> what its value is, if it is no template.
KINDS: dict[str, Schema] = {
    "str": TEXT,
    "bool": {"type": "boolean"},
    "hosts": WORDS,
    "options": WORDS,
    "devices": {"anyOf": [*WORDS["anyOf"], {"type": "object", "additionalProperties": WORDS}]},
    "env": {"type": "object", "additionalProperties": {"type": ["string", "integer"]}},
    "ports": {"type": "object", "propertyNames": {"enum": list(PORT_OPTIONS)}},
    "listeners": {"type": "object", "additionalProperties": {"type": "object", "required": ["port"]}},
    "args": {"$ref": "#/$defs/server_args"},
}


def value(key: keys.Key) -> Schema:
    """Return what the value of a key is."""
    if below := keys.below(key):
        return table(below, closed=key.kind != "router")
    if key.kind in ("int", "port"):
        return {"type": "integer", "minimum": key.low, **({"maximum": LAST_PORT} if key.kind == "port" else {})}
    return KINDS[key.kind]


def table(rows: Sequence[keys.Key], closed: bool = True) -> Schema:
    """Return a mapping with keys of its own. closed: it has no others."""
    properties = {}
    for key in rows:
        described = f"{key.text} Default: {key.default}." if key.default else key.text
        properties[key.name] = {"description": described, "anyOf": [value(key), TEMPLATE]}
    found: Schema = {"type": "object", "properties": properties}
    if required := [key.name for key in rows if key.required]:
        found["required"] = required
    if closed:
        found["additionalProperties"] = False
    return found


def server_args() -> Schema:
    """Return the options of SGLang in all releases; the plan checks them by release."""
    history = load_history(SGLANG)
    reserved = {*SGLANG.owned, *SGLANG.refused}
    names = sorted({row.name for row in history.options if not reserved & {*row.spellings}})
    properties = {
        name: option([row for row in history.options if row.name == name], history.spans(name)) for name in names
    }
    return {"type": "object", "properties": properties}


def option(rows: Sequence[Known], span: str) -> Schema:
    """Return an option. rows: what it was in the releases that have it."""
    found: Schema = {"description": f"SGLang {span}"}
    if all(row.choices and row.kind == "value" for row in rows):
        found["anyOf"] = [
            {"enum": sorted({choice for row in rows for choice in row.choices})},
            {"type": ["integer", "string"]},
        ]
    if all(row.kind == "flag" for row in rows):
        found["anyOf"] = [{"$ref": "#/$defs/switch"}]
    return found


def variables() -> Schema:
    """Return the schema of a file with variables."""
    one = table(keys.DEPLOYMENT)
    one["oneOf"] = [{"required": ["server"]}, {"required": ["prefill", "decode"]}]
    deployments = {"type": "object", "minProperties": 1, "patternProperties": {NAME.pattern.replace("\\Z", "$"): one}}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Variables of multinode.sglang",
        "type": "object",
        "properties": {
            "sglang_deployments": {"anyOf": [{**deployments, "additionalProperties": False}, TEMPLATE]},
            "sglang_models": {"anyOf": [{"type": "object", "additionalProperties": table(keys.MODEL)}, TEMPLATE]},
        },
        "$defs": {"switch": {"anyOf": [{"type": "boolean"}, TEMPLATE]}, "server_args": server_args()},
    }


def text() -> str:
    """Return the file."""
    return json.dumps(variables(), indent=1) + "\n"
