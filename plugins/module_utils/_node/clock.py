# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clock of a host: its time service and its offset. PRIVATE to the collection."""

from __future__ import annotations

import ctypes
import re
import time
from typing import Any

from .._base.host import Commands, in_time, together
from .._base.systemd import parse_show

# The first one that runs is the source. More precise ones come before others that may run at the same time.
DAEMONS = {
    "phc2sys": "ptp", "ptp4l": "ptp", "chrony": "chrony", "chronyd": "chrony", "ntpsec": "ntp", "ntp": "ntp",
    "ntpd": "ntp", "openntpd": "ntp", "systemd-timesyncd": "timesyncd",
}  # fmt: skip
UNKNOWN = "unknown"
STA_UNSYNC, STA_NANO = 0x0040, 0x2000


class Timex(ctypes.Structure):
    """struct timex of adjtimex(2): the fields that are read, and space for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def kernel_clock() -> Timex | None:
    """Return what time services have reported to the kernel; reading it needs no service and no privilege."""
    clock = Timex()
    return clock if ctypes.CDLL(None).adjtimex(ctypes.byref(clock)) >= 0 else None


def parse_tracking(text: str) -> dict[str, Any]:
    """Return server, stratum and offset in seconds from 'chronyc -c tracking'; nothing while it has no server."""
    cells = text.strip().split(",")
    if len(cells) < 14 or cells[13] == "Not synchronised":
        return {}
    return {"server": cells[1] or cells[0], "stratum": int(cells[2]), "offset_seconds": float(cells[4])}


def parse_timesync(text: str) -> dict[str, Any]:
    """Return server and stratum from 'timedatectl show-timesync'; nothing while it has no server."""
    server = re.search(r"^ServerName=(.+)$", text, re.MULTILINE)
    stratum = re.search(r"\bStratum=(\d+)", text)
    return {"server": server.group(1), "stratum": int(stratum.group(1))} if server and stratum else {}


def source_of(show: str) -> str | None:
    """Return the time service that runs, from the states of all of them."""
    shown = parse_show(show)
    return next((kind for unit, kind in DAEMONS.items() if shown.get(unit, {}).get("ActiveState") == "active"), None)


def offset_of(clock: Timex) -> float:
    """Return the offset in seconds that the kernel has not corrected yet."""
    return clock.offset / (1e9 if clock.status & STA_NANO else 1e6)


def gather(commands: Commands) -> tuple[dict[str, Any], list[str]]:
    """Return the time service, the offset, and what could not be gathered."""
    words = ["systemctl", "show", "--property=Id,ActiveState", *(f"{unit}.service" for unit in DAEMONS)]
    units, tracking, timesync = together(
        commands, [words, ["chronyc", "-c", "tracking"], ["timedatectl", "show-timesync"]]
    )
    unknown = []
    try:
        units = in_time(units, "systemctl show", commands.seconds)
        source = source_of(units.out) if units and units.ok else None
    except ValueError as error:
        # Not None: where no time service runs, one is installed.
        source, unknown = UNKNOWN, [str(error)]
    found: dict[str, Any] = {"source": source, "server": None, "stratum": None, "offset_seconds": None}
    if source == "chrony" and tracking and tracking.ok:
        found.update(parse_tracking(tracking.out))
    elif source == "timesyncd" and timesync and timesync.ok:
        found.update(parse_timesync(timesync.out))
    clock = kernel_clock()
    synchronized = clock is not None and not clock.status & STA_UNSYNC
    if clock is not None and synchronized and found["offset_seconds"] is None:
        found["offset_seconds"] = offset_of(clock)
    found["synchronized"] = synchronized
    found["max_error_seconds"] = clock.maxerror / 1e6 if clock is not None else None
    found["epoch"] = time.time()
    return found, unknown
