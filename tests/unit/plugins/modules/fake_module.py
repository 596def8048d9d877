# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An AnsibleModule that keeps its result."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest


class Ended(Exception):
    """The module has returned."""


class FakeModule:
    """A module with its options, in place of the AnsibleModule that its main makes."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, module: ModuleType, params: dict[str, Any], check_mode: bool = False
    ) -> None:
        self.params, self.check_mode, self.result = params, check_mode, dict[str, Any]()
        self._main = module.main
        monkeypatch.setattr(module, "AnsibleModule", lambda **_options: self)

    def run_command(self, _words: list[str], **_options: Any) -> tuple[int, str, str]:
        """Answer nothing."""
        return 0, "", ""

    def exit_json(self, **result: Any) -> None:
        """Return a result."""
        self.result = result
        raise Ended

    def fail_json(self, **result: Any) -> None:
        """Return a failure."""
        self.exit_json(failed=True, **result)

    def run(self) -> dict[str, Any]:
        """Run the module."""
        with pytest.raises(Ended):
            self._main()
        return self.result
