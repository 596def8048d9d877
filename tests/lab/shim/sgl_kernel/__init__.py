# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the place of SGLang's compiled GPU kernels: any name can be imported, and none can be called.

A CPU without AMX needs no more: SGLang imports the kernels everywhere, and computes with plain PyTorch.
"""

from collections.abc import Callable
from typing import NoReturn

__version__ = "0.0.0+lab"


def __getattr__(name: str) -> Callable[..., NoReturn]:
    if name.startswith("__"):
        raise AttributeError(name)

    def kernel(*_args: object, **_kwargs: object) -> NoReturn:
        raise NotImplementedError(f"the lab has no GPU kernels, and something called sgl_kernel.{name}")

    return kernel
