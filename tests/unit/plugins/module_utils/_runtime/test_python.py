# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which interpreter an environment gets, on hosts with each distribution's Python."""

from __future__ import annotations

import pathlib
import sys
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._runtime import needs, python
from ansible_collections.multinode.sglang.plugins.module_utils._runtime.python import Python
from ansible_collections.multinode.sglang.plugins.module_utils._runtime.request import RuntimeRefused

from tests.unit.plugins.module_utils._runtime.test_install import Fake, install, request


@pytest.fixture(autouse=True)
def _a_new_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python, "glibc", lambda: (2, 36))


def on_a_host_with(root: pathlib.Path, version: str) -> Fake:
    """Return a host whose python3 has a version, such as "3 9 2"; it has none without one."""
    run = Fake(root)
    run.versions = {"python3": version} if version else {}
    return run


@pytest.mark.parametrize(
    ("release", "first", "last", "glibc"),
    [
        ("0.5.6", (3, 10), (3, 12), ()),
        ("0.5.10.post1", (3, 10), (3, 12), ()),
        ("0.5.11", (3, 10), (3, 12), (2, 34)),
        ("0.5.21", (3, 10), (3, 12), (2, 34)),
        ("0.5.22", (3, 11), (3, 12), (2, 34)),
        ("0.5.23.post1", (3, 11), (3, 12), (2, 34)),
        ("0.6.0rc1", (3, 11), (), (2, 34)),
    ],
)
def test_what_a_release_needs(release: str, first: Any, last: Any, glibc: Any) -> None:
    assert needs.of("sglang", release) == needs.Needs(first, last, glibc)


@pytest.mark.parametrize(
    ("host", "release", "managed"),
    [
        ("3 11 2", "0.5.23", ""),
        ("3 13 5", "0.5.23", "3.12"),
        ("3 10 12", "0.5.21", ""),
        ("3 10 12", "0.5.23", "3.12"),
        ("3 9 2", "0.5.21", "3.12"),
        ("3 14 0", "0.5.23", "3.12"),
        ("", "0.5.23", "3.12"),
    ],
)
def test_auto_takes_the_hosts_python_if_the_release_does(
    tmp_path: pathlib.Path, host: str, release: str, managed: str
) -> None:
    chosen = python.choose(request(tmp_path, version=release), on_a_host_with(tmp_path, host))
    assert chosen.managed == managed
    assert chosen.maker == (sys.executable if managed else "python3")


def test_a_python_that_will_not_do_is_refused_with_the_way_out(tmp_path: pathlib.Path) -> None:
    with pytest.raises(
        RuntimeRefused,
        match=r"^python3 is Python 3\.9\.2 \(expected 3\.11 to 3\.12 for SGLang 0\.5\.23\)\. "
        "Fix: set sglang_runtime_python: auto",
    ):
        install(request(tmp_path, python="python3"), on_a_host_with(tmp_path, "3 9 2"))
    with pytest.raises(RuntimeRefused, match=r"sglang_runtime_python 3\.10 \(expected 3\.11 to 3\.12"):
        install(request(tmp_path, python="3.10"), on_a_host_with(tmp_path, "3 11 2"))
    assert not (tmp_path / "0.5.23").exists()


def test_an_old_c_library_is_refused(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python, "glibc", lambda: (2, 31))
    run = on_a_host_with(tmp_path, "3 11 2")
    with pytest.raises(
        RuntimeRefused, match=r"has glibc 2\.31 \(expected 2\.34 or later for SGLang 0\.5\.23\)\. Fix: "
    ):
        python.choose(request(tmp_path), run)
    assert python.choose(request(tmp_path, version="0.5.10"), run) == Python("python3")
    router = request(tmp_path, distribution="sglang-router", version="0.3.2")
    assert python.choose(router, on_a_host_with(tmp_path, "3 9 2")) == Python("python3")


class Uv(Fake):
    """A host on which uv can install Python 3.12.16."""

    def __call__(self, words: list[str], **options: Any) -> tuple[int, str, str]:
        """Leave an interpreter where uv would."""
        if "--install-dir" in words:
            folder = pathlib.Path(words[words.index("--install-dir") + 1])
            (folder / "cpython-3.12.16-linux-x86_64-gnu/bin").mkdir(parents=True)
            (folder / "cpython-3.12-linux-x86_64-gnu").symlink_to("cpython-3.12.16-linux-x86_64-gnu")
            (folder / "cpython-3.12.16-linux-x86_64-gnu/bin/python3.12").symlink_to(sys.executable)
            (folder / ".lock").touch()
            (folder / ".lock").chmod(0o666)
        return super().__call__(words, **options)


def test_uv_installs_python_once_and_from_where_it_is_told(tmp_path: pathlib.Path) -> None:
    run = Uv(tmp_path)
    run.versions = {"python3": "3 9 2"}
    wanted = request(tmp_path, wheelhouse="/w", python_mirror="/w")
    assert install(wanted, run)[:2] == [f"install Python 3.12 in {tmp_path}/python", f"create {tmp_path}/0.5.23"]
    uv = f"{tmp_path}/.0.5.23.tmp/uv"
    pip = ["-m", "pip", "install", "--no-input", "--progress-bar", "off", "--no-index", "--find-links", "/w"]
    fetch = ["python", "install", "--no-bin", "--no-cache", "--install-dir", f"{tmp_path}/python"]
    assert run.commands[1:4] == [
        [sys.executable, "-m", "venv", uv],
        [f"{uv}/bin/python", *pip, "--only-binary", ":all:", "uv==0.13.9"],
        [f"{uv}/bin/uv", *fetch, "--mirror", "file:///w", "3.12"],
    ]
    assert run.commands[4] == [python.managed(wanted, "3.12").path, "-m", "venv", f"{tmp_path}/0.5.23"]
    assert (tmp_path / "python/.lock").stat().st_mode & 0o777 == 0o644
    run.commands.clear()
    assert install(wanted, run) == []
    assert run.commands == []
    # The next release finds it.
    run.site = tmp_path / "0.5.22/lib/python3.12/site-packages"
    assert install(request(tmp_path, version="0.5.22"), run)[0].startswith("create ")
    assert not any("--install-dir" in words for words in run.commands)


def test_an_environment_keeps_its_python(tmp_path: pathlib.Path) -> None:
    run = on_a_host_with(tmp_path, "3 11 2")
    install(request(tmp_path), run)
    run.versions = {"python3": "3 9 2"}
    assert install(request(tmp_path, python="3.12"), run) == []


def test_a_python_that_cannot_be_fetched_names_both_ways_out(tmp_path: pathlib.Path) -> None:
    run = on_a_host_with(tmp_path, "3 9 2")
    run.broken = True
    with pytest.raises(
        RuntimeRefused,
        match=r"^python3 of this host is Python 3\.9\.2 \(expected 3\.11 to 3\.12 for SGLang 0\.5\.23\), and uv cannot "
        r"install Python 3\.12\. Fix: set sglang_runtime_python_mirror .* or install a Python yourself",
    ):
        install(request(tmp_path), run)


def test_the_oldest_patch_that_uv_has_is_not_taken(tmp_path: pathlib.Path) -> None:
    for patch in (9, 16):
        (tmp_path / f"python/cpython-3.12.{patch}-linux-x86_64-gnu/bin").mkdir(parents=True)
        path = tmp_path / f"python/cpython-3.12.{patch}-linux-x86_64-gnu/bin/python3.12"
        path.write_text("")
        path.chmod(0o755)
    assert "3.12.16" in python.managed(request(tmp_path), "3.12").path
    assert "3.12.9" in python.managed(request(tmp_path), "3.12.9").path
    assert python.managed(request(tmp_path), "3.13").missing
