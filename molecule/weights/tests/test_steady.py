# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers of models that have been brought, and deploying them again."""

from conftest import NODES, SHARD, STORE


def test_the_release_is_what_the_file_server_has(hosts, weights):
    path = f"{STORE}/releases/{weights.digest()}"
    for host in NODES:
        assert "nfs1:/srv/models /mnt/models fuse.nfs ro," in hosts.run(host, "cat", "/proc/mounts")
        sums = [
            hosts.run(one, "sha256sum", f"{folder}/{SHARD}").split()[0]
            for one, folder in (("nfs1", "/srv/models/tiny"), (host, path))
        ]
        assert sums[0] == sums[1], host


def test_every_rank_serves_the_release_and_reports_it(hosts, weights, tiny, local):
    digest = weights.digest()
    for host in tiny.ranks:
        (command,) = [text for _pid, _user, text in hosts.processes(host, tiny.unit) if f"/{digest} " in text]
        assert f"--model-path {STORE}/releases/{digest} --served-model-name tiny" in command
    assert weights.served_by(tiny) == digest
    assert (tiny.model, local.model) == ("tiny", "local")
    assert tiny.answers()
    assert local.answers()


def test_what_is_not_copied_is_served_from_the_mount_and_read_ahead(hosts, servers):
    direct = servers["direct"]
    (command,) = [text for _pid, _user, text in hosts.processes("node1", direct.unit) if "--model-path" in text]
    assert "--model-path /mnt/models/tiny --served-model-name direct" in command
    assert "--weight-loader-prefetch-checkpoints" in command
    assert hosts.shell("node1", "ls -d /data/models/direct 2>/dev/null") == ""
    assert direct.answers()


def test_a_directory_that_is_no_model_keeps_its_links_and_permissions(hosts):
    for host in NODES:
        assert hosts.run(host, "readlink", "/data/models/kernels/current/add").strip() == "add-1"
        assert hosts.run(host, "/data/models/kernels/current/add") == "compiled\n"
    assert len({hosts.run(host, "readlink", "/data/models/kernels/current") for host in NODES}) == 1


def test_a_second_deploy_changes_nothing_and_restarts_nobody(hosts, tiny, local, playbook):
    before = tiny.started() + local.started()
    for words in ([], ["--check"]):
        again = playbook("deploy", *words)
        assert again.count("changed") == dict.fromkeys(hosts.names, 0), again.diff()
    assert tiny.started() + local.started() == before
