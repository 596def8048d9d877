# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What units may not do, because SGLang and the routers never do it. docs/security.md explains it to users."""

from __future__ import annotations

import pwd
from typing import Any

_BOTH: dict[str, Any] = {
    "NoNewPrivileges": "yes",
    "PrivateTmp": "yes",
    "ProtectControlGroups": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectProc": "invisible",
    "LockPersonality": "yes",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "SystemCallArchitectures": "native",
    "UMask": "0077",
    # A dump would have the keys in it.
    "LimitCORE": 0,
}
ROUTER: dict[str, Any] = {
    **_BOTH,
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateDevices": "yes",
    "ProcSubset": "pid",
    "ProtectClock": "yes",
    "MemoryDenyWriteExecute": "yes",
    "RemoveIPC": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "SystemCallFilter": ["@system-service", "~@privileged @resources"],
}
# What only hosts with GPUs could prove is not here: the devices, the calls of their drivers, code compiled at run time.
SERVER: dict[str, Any] = {**_BOTH, "ProtectSystem": "full", "ProtectHome": "read-only"}
_HOMES = ("/home", "/root", "/run/user")


def of_server(user: str) -> dict[str, Any]:
    """Return the directives for servers that run as a user."""
    options = dict(SERVER)
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        # It is created with a home elsewhere.
        return {**options, "CapabilityBoundingSet": ""}
    if account.pw_dir.startswith(_HOMES):
        # There SGLang keeps its compiled kernels.
        del options["ProtectHome"]
    return options if account.pw_uid == 0 else {**options, "CapabilityBoundingSet": ""}
