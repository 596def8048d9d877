# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The version of libnccl is what the library says, and a library that breaks breaks nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._base.host import Commands, Root
from ansible_collections.multinode.sglang.plugins.module_utils._node import nccl

WHEEL, VERSION = "nvidia-nccl-cu13", "2.28.9"
SITE = "lib/python3.12/site-packages"
SOURCE = {
    "good": "int ncclGetVersion(int *version) { *version = 22703; return 0; }",
    "crash": "#include <signal.h>\n__attribute__((constructor)) static void load(void) { raise(SIGSEGV); }",
    "hang": "#include <unistd.h>\n__attribute__((constructor)) static void load(void) { sleep(60); }",
    "other": "int something_else(void) { return 0; }",
}


def run(words: list[str], **_options: Any) -> tuple[int, str, str]:
    """Run a command in the manner of AnsibleModule.run_command."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def ask(
    root: Path, runtimes: list[str], further: list[str], seconds: float = 20
) -> tuple[list[dict[str, Any]], list[str]]:
    """Ask real libraries."""
    return nccl.gather(Root(str(root)), Commands(run, shutil.which, seconds), sys.executable, runtimes, further)


def compile_library(folder: Path, kind: str) -> Path:
    """Make a library that stands in for libnccl."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("this machine has no C compiler")
    folder.mkdir(parents=True, exist_ok=True)
    source, library = folder / f"{kind}.c", folder / "libnccl.so.2"
    source.write_text(SOURCE[kind])
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    return library


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (22809, "2.28.9"),
        (23203, "2.32.3"),
        (22703, "2.27.3"),
        (2708, "2.7.8"),
        (2804, "2.8.4"),
        (20903, "2.9.3"),
        (30000, "3.0.0"),
    ],
)
def test_versions(number: int, text: str) -> None:
    assert nccl.version_text(number) == text


def test_a_library_is_found_once_and_the_runtimes_come_first(tmp_path: Path) -> None:
    for place in (f"opt/sglang/0.5.23/{SITE}/nvidia/nccl/lib", "usr/lib/x86_64-linux-gnu"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / f"opt/sglang/0.5.23/{SITE}/nvidia/nccl/lib/libnccl.so.2").touch()
    (tmp_path / "opt/sglang/current").symlink_to("0.5.23")
    (tmp_path / "usr/lib/x86_64-linux-gnu/libnccl.so.2.27.3").touch()
    (tmp_path / "usr/lib/x86_64-linux-gnu/libnccl.so.2").symlink_to("libnccl.so.2.27.3")
    found = nccl.search(
        Root(str(tmp_path)), [], ["/opt/sglang/current", "/opt/sglang/0.5.23"], ["/usr/lib/*/libnccl.so.2"]
    )
    assert [(path.replace(str(tmp_path), ""), origin) for path, origin in found] == [
        (f"/opt/sglang/current/{SITE}/nvidia/nccl/lib/libnccl.so.2", "runtime"),
        ("/usr/lib/x86_64-linux-gnu/libnccl.so.2", "named"),
    ]


def test_a_library_tells_its_version(tmp_path: Path) -> None:
    compile_library(tmp_path / f"venv/{SITE}/nvidia/nccl/lib", "good")
    (library,), problems = ask(tmp_path, ["/venv"], [])
    assert (library["version"], library["origin"], library["error"], problems) == ("2.27.3", "runtime", None, [])


@pytest.mark.parametrize(
    ("kind", "seconds", "error"),
    [
        ("crash", 20.0, "the interpreter that loaded it ended with"),
        ("hang", 0.5, "the interpreter that loaded it did not answer within 0.5 s"),
        ("other", 20.0, "undefined symbol: ncclGetVersion"),
    ],
)
def test_a_library_that_breaks_is_named_and_the_others_are_asked(
    tmp_path: Path, kind: str, seconds: float, error: str
) -> None:
    compile_library(tmp_path / "opt/broken", kind)
    if kind != "hang":
        compile_library(tmp_path / "usr/lib/x86_64-linux-gnu", "good")
    found, problems = ask(tmp_path, [], ["/opt/broken/libnccl.so.2"], seconds)
    assert error in found[0]["error"]
    assert [entry["version"] for entry in found] == [None, "2.27.3"][: len(found)]
    assert problems == [f"{found[0]['path']} cannot be loaded: {found[0]['error']}"]


def test_what_a_server_has_loaded_is_told(tmp_path: Path) -> None:
    library = compile_library(tmp_path / "opt/image/lib", "good")
    process = tmp_path / "proc/4711"
    process.mkdir(parents=True)
    (process / "cgroup").write_text("0::/system.slice/sglang-llama-0.service\n")
    (process / "maps").write_text(
        "7f00-7f10 r--p 0000 fd:01 77   /usr/lib/libc.so.6\n"
        "7f10-7f20 r-xp 0000 fd:01 78   /opt/image/lib/libnccl.so.2\n"
        "7f20-7f30 rw-p 1000 fd:01 78   /opt/image/lib/libnccl.so.2\n"
    )
    (tmp_path / "proc/1").mkdir()
    (tmp_path / "proc/1/cgroup").write_text("0::/init.scope\n")
    (tmp_path / "proc/1/maps").write_text("7f10-7f20 r-xp 0000 fd:01 78   /elsewhere/libnccl.so.2\n")
    (entry,), problems = ask(tmp_path, [], [])
    assert problems == []
    told = {"path": str(library), "origin": "running", "runtime": None, "version": "2.27.3", "error": None}
    assert entry == {**told, "processes": [4711]}


def test_a_file_that_is_no_library(tmp_path: Path) -> None:
    (tmp_path / "libnccl.so.2").write_text("not a library")
    (library,), _unused = ask(tmp_path, [], ["/libnccl.so.2"])
    assert "libnccl.so.2: " in library["error"]


@pytest.fixture(scope="module")
def real_runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the real library as an installer puts it into an environment."""
    folder = tmp_path_factory.mktemp("runtime")
    words = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(folder),
        f"{WHEEL}=={VERSION}",
    ]
    rc, out, err = run(words)
    if rc != 0 and ("from versions: none" in out + err or "No module named pip" in err):
        pytest.skip(f"pip has no index that offers {WHEEL}")
    assert rc == 0, err
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("libnccl.so.2")]
        archive.extract(name, folder / SITE)
    wheel.unlink()
    return folder


def test_the_real_library_tells_its_version(real_runtime: Path) -> None:
    found, problems = ask(Path("/"), [str(real_runtime)], [])
    (library,) = [entry for entry in found if entry["origin"] == "runtime"]
    assert (library["version"], library["error"]) == (VERSION, None)
    assert [problem for problem in problems if str(real_runtime) in problem] == []
