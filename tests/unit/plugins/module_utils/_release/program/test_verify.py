# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was right is known by a stat; what stat does not know is hashed again; what is wrong is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._release.program import rehash
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.errors import Refused
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.store import Store
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.verify import verify

from .conftest import BLOCK, bring

SHARD = "model-00002-of-00003.safetensors"


@pytest.fixture
def release(store: Store, source: Path) -> Path:
    """A release that is right."""
    return Path(store.release(bring(store, source)["digest"]))


def flip_byte(path: Path, offset: int) -> None:
    """Damage a file as a bad disk controller would: size and mtime stay."""
    status = path.stat()
    with path.open("r+b") as handle:
        handle.seek(offset)
        byte = handle.read(1)
        handle.seek(offset)
        handle.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)


def test_a_flipped_byte_is_found_and_repaired(store: Store, source: Path, release: Path) -> None:
    flip_byte(release / SHARD, 2 * BLOCK + 10)
    report = verify(store, release.name)
    assert report.problems == {SHARD: f"damaged in the {BLOCK} bytes at {2 * BLOCK}"}
    assert report.rehashed == []
    result = bring(store, source)
    assert result["source_bytes"] == (source / SHARD).stat().st_size
    assert (release / SHARD).read_bytes() == (source / SHARD).read_bytes()
    assert verify(store, release.name).ok
    assert verify(store, release.name, full=True).rehashed == sorted(path.name for path in source.iterdir())


def test_a_repair_takes_nothing_but_the_release_itself(store: Store, source: Path, release: Path) -> None:
    flip_byte(release / SHARD, 10)
    flip_byte(source / SHARD, 5 * BLOCK)
    # As if the source's clock had stood still: only the content tells.
    (release / ".release/source").write_text("".join(_source_lines(source)))
    with pytest.raises(Refused, match=f"{SHARD}: block 5 of the source differs from the release"):
        bring(store, source)
    assert list(verify(store, release.name).problems) == [SHARD]


def _source_lines(source: Path) -> list[str]:
    statuses = {path.name: path.stat() for path in sorted(source.iterdir())}
    return [
        f"f {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {name}\n" for name, status in statuses.items()
    ]


def test_a_byte_that_flips_below_the_filesystem_needs_full(store: Store, release: Path) -> None:
    flip_byte(release / SHARD, 10)
    # As if stat had seen nothing.
    lines = (release / ".release/local").read_text().splitlines()
    new = (release / SHARD).stat().st_ctime_ns
    changed = [
        " ".join([*line.split()[:3], str(new), *line.split()[4:]]) if line.endswith(SHARD) else line for line in lines
    ]
    (release / ".release/local").write_text("\n".join(changed) + "\n")
    assert verify(store, release.name).ok
    assert list(verify(store, release.name, full=True).problems) == [SHARD]


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("truncate", "instead of"),
        ("remove", "missing"),
        ("add", "not in the manifest"),
        ("link", "a link"),
        ("execute", "executable"),
    ],
)
def test_other_damage_is_named_and_repaired(
    store: Store, source: Path, release: Path, damage: str, problem: str
) -> None:
    path = release / SHARD
    if damage == "truncate":
        os.truncate(path, 100)
    elif damage == "remove":
        path.unlink()
    elif damage == "add":
        path = release / "modeling.py"
        path.touch()
    elif damage == "link":
        path.unlink()
        path.symlink_to(source / SHARD)
    else:
        path.chmod(0o755)
    report = verify(store, release.name)
    assert problem in report.problems[path.name]
    assert path.name in report.sentence("x")
    bring(store, source)
    assert verify(store, release.name, full=True).ok


def test_a_new_ctime_leads_to_a_new_hash_once(store: Store, release: Path) -> None:
    os.chmod(release / SHARD, 0o644)
    os.utime(release / "config.json", (5, 5))
    assert verify(store, release.name).rehashed == ["config.json", SHARD]
    assert verify(store, release.name).rehashed == []
    (release / ".release/local").unlink()
    assert len(verify(store, release.name).rehashed) == 5
    assert verify(store, release.name).rehashed == []


def test_a_file_that_changes_while_it_is_hashed_is_not_noted(
    store: Store, release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = rehash.examine

    def examine(*words: object) -> None:
        real(*words)  # type: ignore[arg-type]
        flip_byte(release / SHARD, 0)

    os.chmod(release / SHARD, 0o644)
    monkeypatch.setattr(rehash, "examine", examine)
    assert verify(store, release.name).ok
    monkeypatch.setattr(rehash, "examine", real)
    assert list(verify(store, release.name).problems) == [SHARD]


@pytest.mark.parametrize("name", ["manifest.json", "marks"])
def test_a_damaged_manifest_makes_the_release_a_lost_one(store: Store, source: Path, release: Path, name: str) -> None:
    flip_byte(release / ".release" / name, 3)
    assert verify(store, release.name).lost
    assert bring(store, source)["digest"] == release.name
    assert verify(store, release.name, full=True).ok
    assert os.listdir(store.trash) == [release.name]


def test_kept_links_are_verified(store: Store, source: Path) -> None:
    (source / "link").symlink_to("config.json")
    digest = bring(store, source, exact=True)["digest"]
    link = Path(store.release(digest), "link")
    assert verify(store, digest, full=True).ok
    link.unlink()
    link.symlink_to("/etc/passwd")
    assert verify(store, digest).problems == {"link": "leads to /etc/passwd"}
    bring(store, source, exact=True)
    assert os.readlink(link) == "config.json"


def test_a_release_that_is_not_there(store: Store) -> None:
    assert verify(store, "0" * 64).lost == "there is no such release"
