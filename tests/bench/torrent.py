# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same with BitTorrent: a torrent of a directory, a tracker, and aria2 on every host."""

from __future__ import annotations

import argparse
import hashlib
import http.server
import ipaddress
import struct
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

PIECE = 1 << 20
TRACKER, PEER = 21600, 21601
# aria2 asks the tracker again no sooner than this, and nobody comes late.
_INTERVAL = 1


def bencode(value: Any) -> bytes:
    """Return a value as BitTorrent writes it."""
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, str):
        return bencode(value.encode())
    if isinstance(value, Mapping):
        return b"d" + b"".join(bencode(key) + bencode(value[key]) for key in sorted(value)) + b"e"
    return b"l" + b"".join(bencode(element) for element in value) + b"e"


def torrent(source: Path, tracker: str) -> bytes:
    """Return the torrent of a directory of files of whole pieces."""
    files = sorted(source.iterdir())
    pieces = bytearray()
    for path in files:
        with path.open("rb") as handle:
            while piece := handle.read(PIECE):
                pieces += hashlib.sha1(piece).digest()  # noqa: S324
    shown = [{"length": path.stat().st_size, "path": [path.name]} for path in files]
    info = {"files": shown, "name": source.name, "piece length": PIECE, "pieces": bytes(pieces)}
    return bencode({"announce": f"http://{tracker}:{TRACKER}/announce", "info": info})


def aria2(file: Path, directory: Path, address: str, done: Path | None) -> list[str]:
    """Return the command of a host that has everything, or of one that gets it; `done` is called at its end."""
    words = [
        "aria2c",
        "--quiet",
        "--no-conf",
        f"--dir={directory}",
        f"--listen-port={PEER}",
        f"--bt-external-ip={address}",
    ]
    words += [
        "--enable-dht=false",
        "--bt-enable-lpd=false",
        "--file-allocation=none",
        "--seed-ratio=0",
        "--bt-max-peers=0",
    ]
    # Without these it waits a minute before it looks for more hosts, and keeps to some of those that it has.
    words += [f"--bt-tracker-interval={_INTERVAL}", "--bt-request-peer-speed-limit=1000M"]
    if done is None:
        return [*words, "--bt-seed-unverified=true", "--allow-overwrite=true", str(file)]
    return [*words, f"--on-bt-download-complete={done}", str(file)]


class _Tracker(http.server.BaseHTTPRequestHandler):
    """Returns to each host all others."""

    known: ClassVar[set[tuple[str, int]]] = set()

    def do_GET(self) -> None:
        """Note who asks, and answer with the others."""
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        own = (self.client_address[0], int(asked["port"][0]))
        self.known.add(own)
        peers = b"".join(
            struct.pack(">4sH", ipaddress.ip_address(host).packed, port) for host, port in self.known - {own}
        )
        body = bencode({"interval": _INTERVAL, "peers": peers})
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main() -> None:
    """Run the tracker until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    server = http.server.ThreadingHTTPServer((parser.parse_args().address, TRACKER), _Tracker)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
