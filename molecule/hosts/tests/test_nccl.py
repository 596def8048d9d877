# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The NCCL that a server loads is checked by its own version, and the system's is installed, pinned and held."""

import pytest
from machines import FROM_HERE, LIBRARY, fresh, installed, publish, roles, sentences

RUNTIME = "/opt/nccl-test"
PLACE = f"{RUNTIME}/lib/python3.11/site-packages/nvidia/nccl/lib"
ONLY = ("--tags", "nccl")
HERE = {"node_facts_runtimes": [RUNTIME]}
INSTALL = {
    "nccl_install": True,
    "nccl_repository": FROM_HERE,
    "nccl_version": "2.28.9*",
    "nccl_packages": ["libnccl2", "nccl-tests"],
}


@pytest.fixture(scope="module", autouse=True)
def packages(hosts, library):
    """Publish the runtime's library as packages as well: that is the easiest way to have its versions."""
    for host in hosts.names[:2]:
        fresh(hosts, host)
        made = [
            {
                "name": "libnccl2",
                "version": f"{version}-1+cuda13.0",
                "files": {f"{LIBRARY}/libnccl.so.2": library(number)},
            }
            for version, number in (("2.27.3", 22703), ("2.28.9", 22809), ("2.29.2", 22902))
        ]
        publish(hosts, host, [*made, {"name": "nccl-tests", "version": "2.17.6-1", "depends": "libnccl2"}])
    yield
    for host in hosts.names[:2]:
        fresh(hosts, host)


@pytest.fixture
def runtime_has(hosts, library):
    """Return the function that gives the runtime of the first host a version of NCCL."""

    def give(number):
        text = library(number).removeprefix("base64:")
        hosts.run(
            hosts.names[0],
            "sh",
            "-c",
            f'mkdir -p {PLACE}; printf %s "$1" | base64 -d > {PLACE}/libnccl.so.2',
            "sh",
            text,
        )

    yield give
    hosts.run(hosts.names[0], "rm", "-rf", RUNTIME)


def test_the_runtime_is_judged_by_what_its_library_says(hosts, runtime_has):
    runtime_has(22703)
    text = sentences(roles(*ONLY, succeeds=False, **HERE))
    assert (
        f"{hosts.names[0]}  {PLACE}/libnccl.so.2 is NCCL 2.27.3 (expected 2.28.3 or later). Fix: install a newer"
        in text
    )
    assert hosts.names[1] not in text


def test_a_version_that_hangs_is_refused_with_the_reason(hosts, runtime_has):
    runtime_has(22902)
    text = sentences(roles(*ONLY, succeeds=False, **HERE))
    assert "is NCCL 2.29.2 on x86_64: a regression makes it hang" in text
    assert "(expected 2.29.3). Fix: " in text


def test_a_version_that_is_right_needs_nothing(runtime_has):
    runtime_has(22903)
    assert set(roles(*ONLY, **HERE).count("changed").values()) == {0}


def test_a_check_of_a_fresh_host_installs_nothing(hosts):
    play = roles(*ONLY, "--check", **HERE, **INSTALL)
    assert "would install libnccl2, nccl-tests from file:/srv/packages" in play.output
    assert "libnccl2" not in installed(hosts, hosts.names[0])


def test_the_pinned_version_is_installed_and_held(hosts):
    roles(*ONLY, **HERE, **INSTALL)
    for host in hosts.names[:2]:
        found = installed(hosts, host)
        assert found["libnccl2"] == ("2.28.9-1+cuda13.0", "hold")
        assert found["nccl-tests"] == ("2.17.6-1", "hold")
    for words in ([], ["--check"]):
        again = roles(*ONLY, *words, **HERE, **INSTALL)
        assert again.count("changed") == dict.fromkeys(hosts.names[:2], 0), again.diff()


def test_the_library_of_the_system_counts_where_the_runtime_has_none(hosts):
    wanted = INSTALL | {"nccl_version": "2.29.2*"}
    text = sentences(roles(*ONLY, succeeds=False, **HERE, **wanted))
    assert f"{hosts.names[1]}  {LIBRARY}/libnccl.so.2 is NCCL 2.29.2" in text
    assert installed(hosts, hosts.names[1])["libnccl2"] == ("2.29.2-1+cuda13.0", "hold")
