# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy is what its source was, is read once, and is refused where it would not be."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._release.program import copy, directio
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.compare import missing
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.errors import Refused
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.store import Store
from ansible_collections.multinode.sglang.plugins.module_utils._release.program.verify import verify

from .conftest import BLOCK, bring, make_model, request, safetensors


def content(root: str | Path) -> dict[str, bytes]:
    """Everything below a directory that belongs to a model."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in Path(root).rglob("*")
        if path.is_file() and ".release" not in path.parts
    }


class Readings:
    """Counts what is read below a directory, and can do something at a byte."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
        """Stand between the program and the kernel."""
        self.bytes: dict[tuple[str, int], int] = {}
        self.total = 0
        self.lock = threading.Lock()
        real, prefix = os.preadv, f"{root}/"

        def preadv(descriptor: int, buffers: Any, offset: int, *more: int) -> int:
            count = real(descriptor, buffers, offset, *more)
            path = os.readlink(f"/proc/self/fd/{descriptor}")
            if path.startswith(prefix):
                with self.lock:
                    self.bytes[path, offset] = self.bytes.get((path, offset), 0) + count
                    self.total += count
                    self.happened()
            return count

        monkeypatch.setattr(os, "preadv", preadv)

    def happened(self) -> None:
        """Do nothing; tests put something else here."""


def test_the_release_is_the_source(source: Path, store: Store) -> None:
    (source / "sub").mkdir()
    (source / "sub/empty").touch()
    (source / ".git").mkdir()
    (source / ".git/HEAD").write_text("no part of the model")
    result = bring(store, source)
    release = store.release(result["digest"])
    (source / ".git/HEAD").unlink()
    assert content(release) == content(source)
    files = json.loads(Path(store.meta(result["digest"], "manifest.json")).read_text())["files"]
    summed = subprocess.run(
        ["sha256sum", *sorted(files)], cwd=release, check=True, capture_output=True, text=True
    ).stdout
    assert [line.split()[0] for line in summed.splitlines()] == [files[path]["sha256"] for path in sorted(files)]
    assert store.linked("current") == ""


def test_the_same_content_has_the_same_digest(tmp_path: Path, store: Store, source: Path) -> None:
    twin = make_model(tmp_path / "twin")
    (twin / "config.json").chmod(0o755)
    assert bring(store, source)["digest"] == bring(Store(str(tmp_path / "other")), twin, threads=1)["digest"]


def test_the_source_is_read_once(source: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (source / "large.bin").write_bytes(os.urandom((2 << 20) + 77))
    size = sum(len(data) for data in content(source).values())
    readings = Readings(monkeypatch, source)
    assert bring(store, source)["source_bytes"] == size
    assert readings.total == size


def test_nothing_is_read_where_nothing_is_to_be_done(
    source: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = bring(store, source)["digest"]
    readings = Readings(monkeypatch, source.parent)
    nothing = {"changed": False, "digest": digest}
    assert missing(store, request(source)) == nothing
    assert missing(store, request(source.parent / "away", expect=digest)) == nothing
    assert bring(store, source)["changed"] is False
    assert readings.total == 0


def test_a_comparison_returns_what_would_be_copied(source: Path, store: Store) -> None:
    size = sum(len(data) for data in content(source).values())
    assert missing(store, request(source)) == {"changed": True, "bytes": size, "files": 5, "space": size}
    assert not os.path.exists(store.root)
    bring(store, source)
    assert missing(store, request(source))["changed"] is False


def test_a_touched_source_gives_the_same_release(source: Path, store: Store) -> None:
    digest = bring(store, source)["digest"]
    os.utime(source / "config.json", (1, 1))
    assert bring(store, source)["digest"] == digest
    assert missing(store, request(source)) == {"changed": False, "digest": digest}


def test_links_are_followed_or_kept(source: Path, store: Store) -> None:
    (source / "blob").write_bytes(b"tokens")
    (source / "tokenizer.json").symlink_to("blob")
    (source / "tool").write_text("#!/bin/sh\n")
    (source / "tool").chmod(0o755)
    followed = Path(store.release(bring(store, source)["digest"]))
    assert (followed / "tokenizer.json").read_bytes() == b"tokens"
    assert not (followed / "tokenizer.json").is_symlink()
    assert (followed / "tool").stat().st_mode & 0o777 == 0o444
    exact = Path(store.release(bring(store, source, exact=True)["digest"]))
    assert os.readlink(exact / "tokenizer.json") == "blob"
    assert (exact / "tool").stat().st_mode & 0o777 == 0o555


def test_a_link_that_leads_nowhere_is_refused(source: Path, store: Store) -> None:
    (source / "blob").symlink_to("nowhere")
    with pytest.raises(Refused, match="blob is a link that leads nowhere"):
        bring(store, source)


@pytest.mark.parametrize("target", ["/etc/passwd", "../secret", "../source-2/secret"])
def test_a_link_that_leaves_the_source_is_refused(source: Path, store: Store, target: str) -> None:
    source.with_name("secret").write_text("key")
    source.with_name("source-2").mkdir()
    (source.with_name("source-2") / "secret").write_text("key")
    (source / "vocab.txt").symlink_to(target)
    with pytest.raises(Refused, match=r"vocab\.txt leads to .*, outside of the source; copy the file"):
        bring(store, source)
    assert not os.path.exists(f"{store.incoming}/tree/vocab.txt")


def test_a_snapshot_of_a_hub_cache_links_to_its_blobs(quick: Path, store: Store) -> None:
    repository = quick / "models--org--name"
    (repository / "blobs").mkdir(parents=True)
    (repository / "snapshots/abc").mkdir(parents=True)
    (repository / "blobs/1").write_text("{}")
    (repository / "snapshots/abc/config.json").symlink_to("../../blobs/1")
    assert bring(store, repository / "snapshots/abc")["changed"]


def test_what_is_expected_is_compared_before_it_is_published(source: Path, store: Store) -> None:
    with pytest.raises(Refused, match=rf"\(expected {'0' * 64}\); nothing was published"):
        bring(store, source, expect="0" * 64)
    assert store.digests() == []
    digest = bring(store, source)["digest"]
    with pytest.raises(Refused, match=rf"has the release {digest} \(expected {'0' * 64}\)"):
        bring(store, source, expect="0" * 64)


@pytest.mark.parametrize("damage", ["truncated", "missing", "list"])
def test_a_damaged_model_is_refused_before_it_is_copied(
    source: Path, store: Store, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = source / "model-00003-of-00003.safetensors"
    (source / "model-00001-of-00003.safetensors").write_bytes(safetensors({"layer.0": 100 * BLOCK}))
    if damage == "truncated":
        os.truncate(shard, shard.stat().st_size - 1)
    elif damage == "missing":
        shard.unlink()
    else:
        (source / "SHA256SUMS").write_text(f"{'0' * 64}  config.json\n")
    readings = Readings(monkeypatch, source)
    with pytest.raises(
        Refused,
        match={"truncated": "truncated", "missing": "names model-00003", "list": r"\(expected 0+, from the list"}[
            damage
        ],
    ):
        bring(store, source)
    assert readings.total < 10 * BLOCK
    assert store.digests() == []


def test_a_list_that_is_right_is_accepted(source: Path, store: Store) -> None:
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in content(source).items()]
    (source / "SHA256SUMS").write_text("".join(lines))
    assert bring(store, source)["changed"]


def test_a_source_that_changes_meanwhile(source: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    large = source / "large.bin"
    large.write_bytes(os.urandom(40 * BLOCK))
    readings = Readings(monkeypatch, source)

    def change() -> None:
        if readings.total > 20 * BLOCK:
            with large.open("r+b") as handle:
                handle.write(b"changed")

    readings.happened = change  # type: ignore[method-assign]
    with pytest.raises(Refused, match=r"large\.bin has changed at the source while it was copied"):
        bring(store, source)
    assert store.digests() == []
    readings.happened = lambda: None  # type: ignore[method-assign]
    assert content(store.release(bring(store, source)["digest"])) == content(source)


@pytest.mark.parametrize("change", ["new", "gone", "shorter"])
def test_a_source_that_gets_other_files_meanwhile(
    source: Path, store: Store, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    readings, config = Readings(monkeypatch, source), source / "config.json"
    (source / "large.bin").write_bytes(os.urandom(40 * BLOCK))

    def happen() -> None:
        if readings.total > 30 * BLOCK:
            if change == "new":
                (source / "new.json").touch()
            elif change == "gone":
                config.unlink(missing_ok=True)
            else:
                os.truncate(source / "large.bin", BLOCK)

    readings.happened = happen  # type: ignore[method-assign]
    with pytest.raises(Refused, match=r"(new\.json|config\.json|large\.bin).* changed at the source"):
        bring(store, source)
    assert store.digests() == []


def test_a_source_that_vanishes_is_waited_for_by_the_next_run(
    source: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "large.bin").write_bytes(os.urandom(40 * BLOCK))
    size = sum(len(data) for data in content(source).values())
    readings, real, away = Readings(monkeypatch, source), os.preadv, source.with_name("away")

    def stale(descriptor: int, buffers: Any, offset: int) -> int:
        if readings.total > 20 * BLOCK:
            raise OSError(116, "Stale file handle")
        return real(descriptor, buffers, offset)

    monkeypatch.setattr(os, "preadv", stale)
    with pytest.raises(Refused, match="Stale file handle, while the source was read; make it available"):
        bring(store, source, threads=1)
    source.rename(away)
    with pytest.raises(Refused, match="source cannot be read"):
        bring(store, source)
    away.rename(source)
    monkeypatch.setattr(os, "preadv", real)
    before = readings.total
    result = bring(store, source)
    assert result["bytes_kept"] > 0
    assert readings.total - before == result["source_bytes"] == size - result["bytes_kept"]
    assert before + result["source_bytes"] == size
    assert content(store.release(result["digest"])) == content(source)


def test_what_was_copied_is_hashed_again_before_it_counts(
    source: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "large.bin").write_bytes(os.urandom(40 * BLOCK))
    real = copy.Job._block

    def fail(job: copy.Job, *rest: Any) -> None:
        if job._done == 30:
            raise Refused("enough")
        real(job, *rest)

    monkeypatch.setattr(copy.Job, "_block", fail)
    with pytest.raises(Refused, match="enough"):
        bring(store, source, threads=1)
    monkeypatch.setattr(copy.Job, "_block", real)
    with open(f"{store.incoming}/tree/large.bin", "r+b") as handle:
        handle.seek(10 * BLOCK + 5)
        byte = handle.read(1)
        handle.seek(-1, os.SEEK_CUR)
        handle.write(bytes([byte[0] ^ 1]))
    result = bring(store, source)
    assert verify(store, result["digest"], full=True).ok
    shards = sum((source / f"model-0000{number}-of-00003.safetensors").stat().st_size for number in (1, 2, 3))
    assert result["bytes_kept"] <= 10 * BLOCK + shards + 2000
    assert result["bytes_kept"] >= 10 * BLOCK


def test_what_left_the_source_between_two_runs_is_not_published(source: Path, store: Store) -> None:
    (source / "sub").mkdir()
    (source / "sub/tokenizer.json").write_text("{}")
    with pytest.raises(Refused, match="expected"):
        bring(store, source, expect="0" * 64)
    (source / "sub/tokenizer.json").unlink()
    (source / "sub").rmdir()
    result = bring(store, source)
    assert result["source_bytes"] == 0
    assert sorted(os.listdir(store.release(result["digest"]))) == sorted([".release", *os.listdir(source)])


def test_too_little_space_is_found_out_first(source: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    readings = Readings(monkeypatch, source)
    with pytest.raises(Refused, match=r"are free \(expected .* GB\); free space there"):
        bring(store, source, reserve=1 << 60)
    assert readings.total == 0


@pytest.mark.parametrize("when", ["open", "read", "write", "never"])
def test_o_direct_is_used_where_it_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    # On a disk: files in memory may refuse O_DIRECT themselves.
    source, store = make_model(tmp_path / "source"), Store(str(tmp_path / "store"))
    (source / "large.bin").write_bytes(os.urandom((3 << 20) + 12345))
    directs: list[str] = []
    opened, preadv, pwritev, einval = os.open, os.preadv, os.pwritev, OSError(22, "Invalid argument")

    def is_direct(descriptor: int) -> bool:
        flags = int(Path(f"/proc/self/fdinfo/{descriptor}").read_text().split()[3], 8)
        return bool(flags & os.O_DIRECT)

    def open_file(path: str, flags: int, *rest: Any, **more: Any) -> int:
        if flags & os.O_DIRECT:
            directs.append(path)
            if when == "open":
                raise einval
        return opened(path, flags, *rest, **more)

    def read(descriptor: int, *rest: Any) -> int:
        if when == "read" and is_direct(descriptor):
            raise einval
        return preadv(descriptor, *rest)

    def write(descriptor: int, *rest: Any) -> int:
        if when == "write" and is_direct(descriptor):
            raise einval
        return pwritev(descriptor, *rest)

    for name, function in (("open", open_file), ("preadv", read), ("pwritev", write)):
        monkeypatch.setattr(os, name, function)
    result = bring(store, source, block=1 << 20)
    assert content(store.release(result["digest"])) == content(source)
    assert {os.path.basename(path) for path in directs} == {"large.bin"}


def test_short_reads_and_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, view = os.urandom((2 << 20) + 1000), directio.buffer(4 << 20)
    (tmp_path / "a").write_bytes(data)
    preadv, pwritev = os.preadv, os.pwritev
    monkeypatch.setattr(os, "preadv", lambda fd, views, offset: preadv(fd, [views[0][:100_000]], offset))
    monkeypatch.setattr(os, "pwritev", lambda fd, views, offset: pwritev(fd, [views[0][:100_000]], offset))
    reader, writer = directio.Reader(str(tmp_path / "a"), len(data)), directio.Writer(str(tmp_path / "b"), len(data))
    assert reader.read(view, len(data), 0) == len(data)
    writer.write(view, len(data), 0)
    writer.finish(len(data), 0o444)
    reader.close()
    writer.close()
    assert (tmp_path / "b").read_bytes() == data


def test_a_source_that_hangs_is_given_up(source: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(os, "preadv", lambda *_words: release.wait(20))
    with pytest.raises(Refused, match=r"has returned no data for \d+ s; make it available"):
        bring(store, source, stall=0.5)
    release.set()
    assert json.loads(Path(store.status).read_text())["state"] == "failed"


def misread(monkeypatch: pytest.MonkeyPatch, name: str, times: int) -> None:
    """Flip a bit of the first block of a file of the source, so many times."""
    real, left = os.preadv, [times]

    def preadv(descriptor: int, buffers: Any, offset: int) -> int:
        count = real(descriptor, buffers, offset)
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if path.endswith(f"source/{name}") and offset == 0 and left[0]:
            left[0] -= 1
            buffers[0][0] ^= 1
        return count

    monkeypatch.setattr(os, "preadv", preadv)


@pytest.mark.parametrize("known", ["list", "hub", "expected"])
@pytest.mark.parametrize("size", [100, 40 * BLOCK])
def test_one_misread_is_read_again_and_not_blamed_on_the_source(
    source: Path, store: Store, monkeypatch: pytest.MonkeyPatch, known: str, size: int
) -> None:
    (source / "extra.bin").write_bytes(os.urandom(size))
    digest = hashlib.sha256((source / "extra.bin").read_bytes()).hexdigest()
    expect = ""
    if known == "list":
        (source / "SHA256SUMS").write_text(f"{digest}  extra.bin\n")
    elif known == "hub":
        folder = source / ".cache/huggingface/download"
        folder.mkdir(parents=True)
        (folder / "extra.bin.metadata").write_text(f"commit\n{digest}\n1700000000.0\n")
    else:
        expect = bring(Store(f"{store.root}-right"), source)["digest"]
    misread(monkeypatch, "extra.bin", 1)
    result = bring(store, source, expect=expect)
    assert content(store.release(result["digest"]))["extra.bin"] == (source / "extra.bin").read_bytes()


def test_a_source_that_reads_wrong_twice_is_blamed_and_right_later(
    source: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "extra.bin").write_bytes(os.urandom(40 * BLOCK))
    digest = hashlib.sha256((source / "extra.bin").read_bytes()).hexdigest()
    (source / "SHA256SUMS").write_text(f"{digest}  extra.bin\n")
    misread(monkeypatch, "extra.bin", 2)
    with pytest.raises(Refused, match=r"extra\.bin: SHA-256 .* damaged at the source"):
        bring(store, source)
    # What the first run left is hashed again, found wrong, and read again.
    assert bring(store, source)["changed"]
