# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""RDMA devices, as the user names them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .errors import PlanError, shown


def parse_ib_devices(value: Any, where: str) -> str:
    """Return devices as --disaggregation-ib-device takes them: names, or JSON with the names for each GPU.

    value: "mlx5_0,mlx5_1", a list of names, or GPU -> either (mooncake_transfer_engine.py, parse_ib_device_config).
    """
    if not isinstance(value, Mapping):
        return _names(value, where)
    if not value or not all(str(gpu).isdecimal() for gpu in value):
        raise PlanError(f"{where}: {shown(value)} maps no GPUs to devices; write it as in {{0: mlx5_0, 1: mlx5_1}}")
    each = {str(gpu): _names(names, f"{where}.{gpu}") for gpu, names in value.items()}
    return json.dumps(each, separators=(",", ":"))


def _names(value: Any, where: str) -> str:
    names = list(value) if isinstance(value, (list, tuple)) else [value]
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise PlanError(f"{where}: {shown(value)} names no RDMA devices; write their names, such as mlx5_0,mlx5_1")
    return ",".join(name.strip() for name in names)
