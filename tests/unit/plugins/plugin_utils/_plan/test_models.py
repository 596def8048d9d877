# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user may write in sglang_models, and what each host gets of it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.plugin_utils._plan import models

NFS = {"server": "nfs1", "export": "/export", "path": "/mnt/models"}
DIGEST = "a" * 64
PLAN = {
    "hosts": {
        "node1": {"units": [{"model": "/data/models/llama/current"}]},
        "node2": {"units": [{"model": "/data/models/qwen/current"}]},
        "head": {"units": []},
    }
}
SETTING = models.Setting("/data/models", 21500, "", "10.0.0.1")


def model(**changes: Any) -> dict[str, Any]:
    """Return an entry of sglang_models."""
    return {"source": "/mnt/models/llama", **changes}


REFUSED = [
    (["llama"], "sglang_models: it must be a mapping of names"),
    ({"a/b": model()}, "sglang_models.a/b: the name becomes a directory"),
    ({"..": model()}, "sglang_models...: the name becomes a directory"),
    ({"a": model(sauce=1)}, "sglang_models.a.sauce: there is no such key; there are source, nfs"),
    ({"a": {}}, "sglang_models.a.source: it must be an absolute path, and is None"),
    ({"a": model(source="models")}, "sglang_models.a.source: it must be an absolute path, and is 'models'"),
    ({"a": model(source="/mnt/../etc")}, "sglang_models.a.source: it must be an absolute path"),
    ({"a": model(expected="sha256:1")}, "sglang_models.a.expected: 'sha256:1' is no digest of a release"),
    ({"a": model(keep=0)}, "sglang_models.a.keep: it must be a number, at least 1, and is 0"),
    ({"a": model(keep=True)}, "sglang_models.a.keep: it must be a number"),
    ({"a": model(copy="no")}, "sglang_models.a.copy: it is 'no'; write true, or false"),
    (
        {"a": model(copy=False, expected=DIGEST)},
        "sglang_models.a.expected: what is served straight from the source is not verified",
    ),
    ({"a": model(hosts=3)}, "sglang_models.a.hosts: it must be the name of a group or a host"),
    (
        {"a": model(nfs={**NFS, "path": "/mnt/model"})},
        "sglang_models.a.source: /mnt/models/llama is not below the mount point /mnt/model;",
    ),
    ({"a": model(nfs={"server": "nfs1"})}, "sglang_models.a.nfs.export: it must be an absolute path"),
    (
        {"a": model(nfs={**NFS, "server": "nfs1;reboot"})},
        "sglang_models.a.nfs.server: it must be the name or the address",
    ),
    (
        {"a": model(nfs={**NFS, "options": ["ro defaults"]})},
        "sglang_models.a.nfs.options: it must be a list of mount options",
    ),
    (
        {"a": model(nfs={**NFS, "server": "nfs2"}), "b": model(nfs=NFS)},
        "sglang_models.b.nfs: a has another export or other options",
    ),
]


@pytest.mark.parametrize(("raw", "sentence"), REFUSED)
def test_what_cannot_work_is_refused_in_one_sentence(raw: Any, sentence: str) -> None:
    with pytest.raises(models.ModelError) as refusal:
        models.parse_models(raw)
    assert str(refusal.value).startswith(sentence)


def test_an_export_is_mounted_read_only_and_never_hangs_a_boot() -> None:
    mount = models.mounts(models.parse_models({"a": model(nfs=NFS), "b": model(nfs=NFS)}).values())
    assert len(mount) == 1
    assert {"ro", "nofail", "_netdev", "nconnect=8", "rsize=1048576"} <= set(mount[0]["opts"].split(","))
    assert (mount[0]["src"], mount[0]["path"], mount[0]["port"]) == ("nfs1:/export", "/mnt/models", 2049)


@pytest.mark.parametrize(
    ("words", "there", "gone"),
    [
        ("nconnect=16", "nconnect=16", "nconnect=8"),
        ("soft,vers=3", "soft", "hard"),
        (["rw"], "rw", "ro"),
        ([], "hard", "soft"),
    ],
)
def test_an_option_replaces_the_one_of_its_name(words: Any, there: str, gone: str) -> None:
    mount = models.mounts(
        models.parse_models({"a": model(nfs={**NFS, "options": words, "server": "fd00::1", "port": 2050})}).values()
    )[0]
    options = mount["opts"].split(",")
    assert there in options
    assert gone not in options
    assert "port=2050" in options
    assert mount["src"] == "[fd00::1]:/export"


def names(host: str, **entries: Any) -> list[str]:
    """Return the names of the models of a host."""
    parsed = models.parse_models(entries)
    return [
        found.name for found in models.served_on(host, parsed, PLAN, {"stores": ["store1", "node2"]}, "/data/models")
    ]


def test_a_host_gets_what_its_units_serve_and_what_names_it() -> None:
    assert names("node1", llama=model(), qwen=model()) == ["llama"]
    assert names("node2", llama=model(hosts="stores"), qwen=model()) == ["llama", "qwen"]
    assert names("store1", llama=model(hosts=["stores"]), qwen=model()) == ["llama"]
    assert names("head", llama=model(hosts="head"), qwen=model()) == ["llama"]
    assert names("head", llama=model(), qwen=model()) == []


def test_what_is_served_from_the_source_is_mounted_and_not_copied() -> None:
    parsed = models.parse_models({"llama": model(copy=False, nfs=NFS)})
    plan = {"hosts": {"node1": {"units": [{"model": "/mnt/models/llama"}]}}}
    wanted = models.served_on("node1", parsed, plan, {}, "/data/models")
    assert models.releases(parsed, wanted, SETTING) == []
    assert [mount["path"] for mount in models.mounts(wanted)] == ["/mnt/models"]


def test_a_model_has_the_same_port_on_hosts_with_other_models() -> None:
    parsed = models.parse_models({"llama": model(), "qwen": model(), "phi": model()})
    ports = {entry["name"]: entry["port"] for entry in models.releases(parsed, parsed.values(), SETTING)}
    assert ports == {"llama": 21500, "phi": 21501, "qwen": 21502}
    (alone,) = models.releases(parsed, [parsed["qwen"]], SETTING)
    assert (alone["port"], alone["store"]) == (21502, "/data/models/qwen")
