# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far others are, asked from a host of the run."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from ansible_collections.multinode.sglang.plugins.module_utils._release import others
from ansible_collections.multinode.sglang.plugins.module_utils._release.program import wire
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.manifest import MARK
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.shelf import Server, Shelf


def test_who_answers_is_counted_and_who_does_not_is_left_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        port, dead = one.getsockname()[1], other.getsockname()[1]
    shelf = Shelf(4096)
    shelf.offer(str(tmp_path), [("line", "w.bin", 5 * 4096, bytearray(3 * MARK))])
    server = Server(shelf, wire.token_of("word"), 1, [("127.0.0.1", 1), ("127.0.0.1", port)])
    path = tmp_path / "request.json"
    plan = {"own": 0, "hosts": [["127.0.0.1", 1], ["127.0.0.1", port], ["127.0.0.1", dead]]}
    try:
        path.write_text(json.dumps({"plan": {**plan, "token": "word"}}))
        assert others.blocks(str(path), 2) == {f"127.0.0.1:{port}": 3}
        path.write_text(json.dumps({"plan": {**plan, "token": "another"}}))
        assert others.blocks(str(path), 2) == {}
    finally:
        server.close()
    assert others.blocks(str(tmp_path / "gone"), 2) == {}
