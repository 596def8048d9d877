# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sysctls: compare wanted and current values, and keep earlier ones in a drop-in. PRIVATE to the collection."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .._base.intervals import join, parse, without

RESERVED = "net.ipv4.ip_local_reserved_ports"
HEADER = "# Written by multinode.sglang, role node_tuning. A removed setting gets its previous value back.\n"
BEFORE = "# before:"


@dataclass(frozen=True)
class Entry:
    """A line of the drop-in: the value, and the value before."""

    value: str
    before: str | None


@dataclass(frozen=True)
class Planned:
    """The lines of the drop-in, the values for the running kernel, and the keys that it does not have."""

    entries: dict[str, Entry]
    values: dict[str, str]
    absent: dict[str, str]


def normal(value: object) -> str:
    """Return a value with single blanks, for comparison."""
    if isinstance(value, bool):
        raise ValueError(f"{value} is not a value of a sysctl; set 1 or 0")
    return " ".join(str(value).split())


def numbers(value: str, key: str) -> list[int]:
    """Return the numbers of a value."""
    if not re.fullmatch(r"\d+( \d+)*", value):
        raise ValueError(f"{key}: {value!r} is not a number or a list of numbers, so it cannot be a minimum")
    return [int(word) for word in value.split()]


def at_least(current: str, floor: str, key: str) -> str:
    """Return the larger of the current and the wanted number, for each number of a value."""
    have, want = numbers(current, key), numbers(floor, key)
    if len(have) != len(want):
        raise ValueError(
            f"{key} has {len(have)} numbers on this host ({current}), but {len(want)} are expected ({floor})"
        )
    return " ".join(str(max(pair)) for pair in zip(have, want))


def parse_dropin(text: str) -> dict[str, Entry]:
    """Return the lines of a drop-in that this collection has written."""
    entries: dict[str, Entry] = {}
    before: str | None = None
    for line in text.splitlines():
        key, equals, value = (part.strip() for part in line.partition("="))
        if line.startswith(BEFORE):
            before = line[len(BEFORE) :].strip()
        elif equals and not line.startswith("#"):
            entries[key] = Entry(normal(value), before)
            before = None
    return entries


def render_dropin(entries: dict[str, Entry]) -> str:
    """Return the text of the drop-in, empty if it has no lines."""
    blocks = []
    for key, entry in sorted(entries.items()):
        comment = "" if entry.before is None else f"{BEFORE} {entry.before}".rstrip() + "\n"
        blocks.append(f"{comment}{key} = {entry.value}\n")
    return HEADER + "".join(blocks) if blocks else ""


def plan_reserved(ours: str, current: str | None, old: Entry | None) -> Entry | None:
    """Return the reserved ports: ours and those of others, without ours of an earlier plan."""
    foreign = parse((old.before if old else current) or "")
    if old is not None:
        foreign += without(parse(current or ""), parse(old.value))
    if not ours:
        return None
    return Entry(join([*foreign, *parse(ours)]), join(foreign))


def plan_sysctls(
    exact: dict[str, str], floors: dict[str, str], reserved: str, current: dict[str, str | None], old: dict[str, Entry]
) -> Planned:
    """Return what differs between the wanted sysctls and the host's. old: the current drop-in."""
    entries: dict[str, Entry] = {}
    values: dict[str, str] = {}
    absent = {key: value for key, value in {**floors, **exact}.items() if current[key] is None}
    for key, value in exact.items():
        entries[key] = Entry(value, old[key].before if key in old else current[key])
    for key, floor in floors.items():
        now = current[key]
        before = old[key].before if key in old else now
        if key in exact or now is None or before is None:
            continue
        wanted = at_least(before, floor, key)
        if wanted != before:
            entries[key] = Entry(wanted, before)
            # A value that somebody has raised further since then stays.
            values[key] = at_least(now, wanted, key)
    ports = plan_reserved(reserved, current[RESERVED], old.get(RESERVED))
    if ports is not None:
        entries[RESERVED] = ports
    for key, entry in entries.items():
        values.setdefault(key, entry.value)
    for key in set(old) - set(entries):
        values[key] = restored(key, current.get(key), old[key])
    changed = {key: value for key, value in values.items() if current.get(key) is not None and current[key] != value}
    return Planned(entries, dict(sorted(changed.items())), dict(sorted(absent.items())))


def restored(key: str, current: str | None, old: Entry) -> str:
    """Return the value to restore for a removed key: the value before, unless somebody has changed it since."""
    if key == RESERVED:
        return join([*parse(old.before or ""), *without(parse(current or ""), parse(old.value))])
    return old.before if old.before is not None and current == old.value else current or ""


def tmpfiles_text(settings: dict[str, str]) -> str:
    """Return the lines by which systemd-tmpfiles sets sysfs at boot, empty without settings."""
    lines = [f"w {path} - - - - {value}\n" for path, value in sorted(settings.items())]
    return "# Written by multinode.sglang, role node_tuning.\n" + "".join(lines) if lines else ""


def limits_text(limits: dict[str, str]) -> str:
    """Return the file of login limits, empty without limits. The star does not include root, so root has own lines."""
    lines = [f"{who} - {name} {value}\n" for name, value in sorted(limits.items()) for who in ("*", "root")]
    header = "# Written by multinode.sglang, role node_tuning. Services ignore it; their units have their own limits.\n"
    return header + "".join(lines) if lines else ""
