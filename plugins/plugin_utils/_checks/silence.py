# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Why a host does not answer Ansible, and what to do about it, from what Ansible says."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SUDO = "sudo asks for a password"
_ASK = "run again with -K, or set ansible_become_password in a vault"
# What Ansible, ssh or sudo print -> what is wrong (words of the message in braces), what to do.
_KNOWN: tuple[tuple[str, str, str], ...] = (
    (r"Missing sudo password|password is required|terminal is required", _SUDO, _ASK),
    (r"Incorrect sudo password|Sorry, try again", "sudo refuses the password", "correct what you type after -K"),
    (
        r"not in the sudoers file|may not run sudo",
        "its user may not use sudo",
        "allow it in /etc/sudoers.d of this host, or set another ansible_user",
    ),
    (
        r"interpreter '?(?P<it>[^' ]+)'? was not found|(?P<path>/\S+python\S*): (?:not found|No such file)",
        "there is no Python at {it}",
        "install Python 3.9 or later there, or set ansible_python_interpreter",
    ),
    (
        r"Permission denied \((?P<it>[^)]+)\)",
        "ssh refuses the login ({it})",
        "check ansible_user and the key for this host",
    ),
    (r"Invalid/incorrect password", "ssh refuses the password", "correct what you type after -k"),
    (
        r"IDENTIFICATION HAS CHANGED|Host key verification failed",
        "its ssh host key is not the known one",
        "accept the key if the host is new (ssh-keygen -R ADDRESS, then ssh ADDRESS); find out why if it is not",
    ),
    (
        r"Could not resolve hostname (?P<it>[^\s:]+)",
        "no address is known for {it}",
        "set ansible_host to its address",
    ),
    (
        r"(?P<it>Connection refused|Connection timed out|timed out|No route to host|Network is unreachable)",
        "nothing answers ssh at its address ({it})",
        "check that the host is up, and ansible_host and ansible_port",
    ),
)
_HEAD = re.compile(r"^(Task failed: |Action failed: |Failed to connect to the host via ssh: )+")


@dataclass(frozen=True)
class Silence:
    """Why a host does not answer. found, fix: as in a finding."""

    found: str
    fix: str

    @property
    def needs_password(self) -> bool:
        """Return whether -K is all that is missing."""
        return self.found == _SUDO


def why(message: str, host: str) -> Silence | None:
    """Return the reason in a message of Ansible if it is a known one."""
    for pattern, found, fix in _KNOWN:
        match = re.search(pattern, message)
        if match:
            words = [word for word in match.groupdict().values() if word]
            return Silence(found.format(it=words[0] if words else ""), fix.replace("ADDRESS", host))
    return None


def explain(message: str, host: str) -> Silence:
    """Return the reason, the message itself where it is an unknown one."""
    said = _HEAD.sub("", message).strip().partition("\n")[0].rstrip(".")
    found = f"the host did not answer: {said}" if said else "the host did not answer"
    return why(message, host) or Silence(found, f"check ssh and become (ansible {host} -m ping --become)")
