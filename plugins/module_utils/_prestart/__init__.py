# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What units run on their host without Ansible: the checks before a start, and the launchers."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

# What systemd hands over to a unit without showing it to anybody.
CREDENTIAL = "secrets.json"


class Refusal(Exception):
    """The unit must not start; the text says why and what to do."""


def secrets() -> Any:
    """Return the content of the credential of systemd. A unit with secrets never starts without them."""
    path = pathlib.Path(os.environ.get("CREDENTIALS_DIRECTORY", "/run/credentials"), CREDENTIAL)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refusal(
            f"systemd did not pass the secrets of this unit ({path}: {error.strerror}); deploy again, "
            "and in a container make its root a shared mount (mount --make-rshared /) before systemd starts"
        ) from error
