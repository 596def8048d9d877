# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installing in a directory, with an installer that only remembers, and once for real from a wheelhouse."""

from __future__ import annotations

import hashlib
import os
import pathlib
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._runtime import install as installing
from ansible_collections.multinode.sglang.plugins.module_utils._runtime.arguments import ARGUMENTS
from ansible_collections.multinode.sglang.plugins.module_utils._runtime.request import Request, RuntimeRefused
from ansible_collections.multinode.sglang.plugins.module_utils._runtime.venv import Venv

WHEELS = ["--only-binary", ":all:"]
Run = Callable[..., tuple[int, str, str]]


def request(root: pathlib.Path, version: str = "0.5.23", **changes: Any) -> Request:
    """Return a request."""
    defaults = {name: option.get("default") for name, option in ARGUMENTS.items()}
    own: dict[str, Any] = {"versions": [version], "root": str(root), "packages": ["sglang=={version}"]}
    return Request.from_params({**defaults, **own, **changes}, version)


class Fake:
    """Pretends to run commands; pip leaves metadata of what it was asked for."""

    def __init__(self, root: pathlib.Path) -> None:
        self.site = root / "0.5.23/lib/python3.11/site-packages"
        self.commands: list[list[str]] = []
        self.broken = False
        self.versions = {"python3": "3 11 2"}

    def python(self, name: str) -> tuple[int, str, str]:
        """Answer as an interpreter that is asked for its version."""
        return (0, f"{self.versions[name]}\n", "") if name in self.versions else (257, "", "no such file")

    def __call__(self, words: list[str], **_options: Any) -> tuple[int, str, str]:
        if "sys.version_info" in words[-1]:
            return self.python(words[0])
        self.commands.append(words[5:] if words[0] == "/bin/sh" else words)
        if self.broken and words[0] == "/bin/sh":
            return 1, "", ""
        for word in words:
            if "==" in word and not word.startswith("uv=="):
                for old in self.site.glob(f"{word.partition('==')[0]}-*.dist-info"):
                    old.rmdir()
                (self.site / f"{word.replace('==', '-')}.dist-info").mkdir(parents=True, exist_ok=True)
        return 0, "", ""


def install(wanted: Request, run: Run) -> list[str]:
    """Run what the module runs."""
    venv = Venv(wanted)
    actions, chosen = installing.examine(wanted, venv, run)
    if actions:
        installing.Installer(wanted, venv, chosen, run).run()
    return actions


def test_install_once(tmp_path: pathlib.Path) -> None:
    run = Fake(tmp_path)
    wanted = request(tmp_path)
    assert install(wanted, run) == [
        f"create {tmp_path}/0.5.23",
        "install sglang==0.5.23",
        f"switch {tmp_path}/current to 0.5.23",
    ]
    assert (tmp_path / "current").readlink() == pathlib.Path("0.5.23")
    run.commands.clear()
    assert install(wanted, run) == []
    assert run.commands == []


@pytest.mark.parametrize(
    ("changes", "last"),
    [
        ({}, ["-m", "pip", "install", "--no-input", "--progress-bar", "off", *WHEELS, "sglang==0.5.23"]),
        ({"wheels_only": False}, ["off", "sglang==0.5.23"]),
        ({"wheelhouse": "/w"}, ["off", "--no-index", "--find-links", "/w", *WHEELS, "sglang==0.5.23"]),
        ({"installer_args": ["--index-url", "x"]}, [":all:", "--index-url", "x", "sglang==0.5.23"]),
        ({"packages_no_deps": ["xgrammar==1"]}, [":all:", "--no-deps", "xgrammar==1"]),
        ({"installer": "uv"}, ["--compile-bytecode", *WHEELS, "sglang==0.5.23"]),
    ],
)
def test_the_command_of_the_installer(tmp_path: pathlib.Path, changes: dict[str, Any], last: list[str]) -> None:
    run = Fake(tmp_path)
    install(request(tmp_path, **changes), run)
    assert run.commands[-1][-len(last) :] == last


def test_uv_comes_from_the_wheelhouse_too(tmp_path: pathlib.Path) -> None:
    run = Fake(tmp_path)
    install(request(tmp_path, installer="uv", wheelhouse="/w"), run)
    assert run.commands[-2][-7:] == ["off", "--no-index", "--find-links", "/w", *WHEELS, "uv==0.13.9"]
    assert run.commands[-1][0] == f"{tmp_path}/0.5.23/bin/uv"


def test_constraints_are_a_file(tmp_path: pathlib.Path) -> None:
    run = Fake(tmp_path)
    install(request(tmp_path, constraints=["numpy==2.3.5"]), run)
    path = tmp_path / "0.5.23/constraints.txt"
    assert path.read_text() == "numpy==2.3.5\n"
    assert run.commands[-1][-3:] == ["--constraint", str(path), "sglang==0.5.23"]


LOCK = """numpy==2.3.5 ; python_version > '3' \\
    --hash=sha256:aa \\
    --hash=sha256:bb
sglang==0.5.23 --hash=sha256:cc
"""


def test_a_lock_decides_what_is_installed_and_further_packages_change_none_of_it(tmp_path: pathlib.Path) -> None:
    run = Fake(tmp_path)
    locks = {"0.5.23": LOCK}
    with pytest.raises(RuntimeRefused, match=r"sglang==0\.5\.23.* is not in"):
        # The fake reads no files; the command is what counts.
        install(request(tmp_path, locks=locks), run)
    lock, constraints = tmp_path / "0.5.23/lock.txt", tmp_path / "0.5.23/constraints.txt"
    assert run.commands[-1][-5:] == [*WHEELS, "--require-hashes", "--requirement", str(lock)]
    assert lock.read_text() == LOCK
    with pytest.raises(RuntimeRefused, match=r"sglang==0\.5\.23.* is not in"):
        install(request(tmp_path, locks=locks, packages=["sglang==0.5.23", "nixl==1"]), run)
    assert run.commands[-1][-3:] == ["--constraint", str(constraints), "nixl==1"]
    assert constraints.read_text() == "numpy==2.3.5 ; python_version > '3'\nsglang==0.5.23\n"


def test_only_a_lock_of_the_user_makes_an_environment_another_one(tmp_path: pathlib.Path) -> None:
    before = request(tmp_path).digest()
    assert request(tmp_path, locks={"0.5.23": LOCK}).digest() == before
    assert request(tmp_path, lock_digests={"0.5.23": "abc"}).digest() != before


@pytest.mark.parametrize("option", ["installer_args", "python_mirror"])
def test_a_password_that_everybody_would_see_is_refused(tmp_path: pathlib.Path, option: str) -> None:
    url = "https://me:canary@mirror.example/simple"
    given: Any = ["--index-url", url] if option == "installer_args" else url
    with pytest.raises(RuntimeRefused, match="which every account of the host would see") as refused:
        request(tmp_path, **{option: given})
    assert "canary" not in str(refused.value)


def test_the_password_of_an_index_is_seen_by_nobody(tmp_path: pathlib.Path) -> None:
    seen: dict[str, str] = {}
    url = "https://me:canary@mirror.example/simple"

    class Failing(Fake):
        def __call__(self, words: list[str], **options: Any) -> tuple[int, str, str]:
            if words[0] != "/bin/sh":
                return super().__call__(words, **options)
            seen.update(options["environ_update"])
            assert "canary" not in " ".join(words)
            (tmp_path / ".0.5.23.log").open("a").write(f"Looking in {url}\n\x1b[2J\n")
            return 1, "", ""

    wanted = request(tmp_path, index_url=url, packages=["sglang==0.5.23", f"x @ {url}"])
    with pytest.raises(RuntimeRefused) as refused:
        install(wanted, Failing(tmp_path))
    assert seen["PIP_INDEX_URL"] == seen["UV_DEFAULT_INDEX"] == url
    assert "canary" not in str(refused.value) + repr(wanted.index_url and wanted).replace(f"x @ {url}", "")
    assert "Looking in https://****@mirror.example/simple" in str(refused.value)
    assert "\x1b" not in str(refused.value)
    assert stat.S_IMODE((tmp_path / ".0.5.23.log").stat().st_mode) == 0o600


def test_an_installation_that_was_cut_short_is_made_again(tmp_path: pathlib.Path) -> None:
    run = Fake(tmp_path)
    wanted = request(tmp_path)
    install(wanted, run)
    (tmp_path / "0.5.23/.complete").rename(tmp_path / "0.5.23/.unfinished")
    (tmp_path / "0.5.23/half").touch()
    assert install(wanted, run)[0] == f"create {tmp_path}/0.5.23"
    assert not (tmp_path / "0.5.23/half").exists()


def test_further_packages_repair_in_place(tmp_path: pathlib.Path) -> None:
    run = Fake(tmp_path)
    install(request(tmp_path), run)
    more = request(tmp_path, packages=["sglang==0.5.23", "nixl==1"])
    run.commands.clear()
    assert install(more, run) == [f"repair {tmp_path}/0.5.23", "install sglang==0.5.23 nixl==1"]
    assert len(run.commands) == 1
    assert install(more, run) == []


def test_a_pin_that_is_gone_is_repaired(tmp_path: pathlib.Path) -> None:
    run = Fake(tmp_path)
    wanted = request(tmp_path)
    install(wanted, run)
    (run.site / "sglang-0.5.23.dist-info").rename(run.site / "sglang-0.5.22.dist-info")
    assert install(wanted, run)[0] == f"repair {tmp_path}/0.5.23"


def test_a_failure_shows_the_log_and_does_not_switch(tmp_path: pathlib.Path) -> None:
    run = Fake(tmp_path)
    wanted = request(tmp_path)
    run.broken = True
    with pytest.raises(
        RuntimeRefused,
        match=r"SGLang 0.5.23 failed \(rc 1\), .* has [\d.]+ GiB free; the end of .*0.5.23.log:\n  run: .* -m venv",
    ):
        install(wanted, run)
    run.broken = False
    assert not (tmp_path / "current").exists()
    assert install(wanted, run)[0] == f"create {tmp_path}/0.5.23"


def test_a_disk_that_is_too_small_is_refused_before_anything_is_written(tmp_path: pathlib.Path) -> None:
    run = Fake(tmp_path)
    root = tmp_path / "sub/root"
    with pytest.raises(
        RuntimeRefused, match=r"has [\d.]+ GiB free \(expected 1e\+06 GiB to install SGLang 0\.5\.23, see"
    ):
        install(request(root, free_gib=1e6), run)
    assert not root.exists()
    # What is there needs no room again.
    install(request(tmp_path), run)
    assert install(request(tmp_path, free_gib=1e6), run) == []


def test_the_installer_unpacks_where_the_environment_goes(tmp_path: pathlib.Path) -> None:
    given: list[str] = []

    class Watching(Fake):
        def __call__(self, words: list[str], **options: Any) -> tuple[int, str, str]:
            folder = options.get("environ_update", {}).get("TMPDIR", "")
            given.extend([folder] if folder and pathlib.Path(folder).is_dir() else [])
            return super().__call__(words, **options)

    install(request(tmp_path), Watching(tmp_path))
    assert set(given) == {f"{tmp_path}/.0.5.23.tmp"}
    assert not (tmp_path / ".0.5.23.tmp").exists()


def test_a_release_beside_the_current_one_leaves_the_link(tmp_path: pathlib.Path) -> None:
    run = Fake(tmp_path)
    install(request(tmp_path), run)
    canary = request(tmp_path, "0.5.22", current="0.5.23")
    run.site = tmp_path / "0.5.22/lib/python3.11/site-packages"
    assert install(canary, run) == [f"create {tmp_path}/0.5.22", "install sglang==0.5.22"]
    assert (tmp_path / "current").readlink() == pathlib.Path("0.5.23")
    assert Venv(canary).interpreter == f"{tmp_path}/0.5.22/bin/python"
    assert install(canary, run) == []


def test_a_foreign_directory_is_not_touched(tmp_path: pathlib.Path) -> None:
    (tmp_path / "0.5.23/theirs").mkdir(parents=True)
    with pytest.raises(
        RuntimeRefused,
        match="was not created by this collection; remove it, or use it with sglang_runtime_method: existing",
    ):
        Venv(request(tmp_path)).examine()


def existing(tmp_path: pathlib.Path, version: str) -> Venv:
    """Return an environment that somebody else made."""
    (tmp_path / f"lib/python3.11/site-packages/sglang-{version}.dist-info").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(sys.executable)
    return Venv(request(tmp_path, method="existing", path=str(tmp_path)))


def test_existing_is_verified(tmp_path: pathlib.Path) -> None:
    assert existing(tmp_path / "good", "0.5.23").examine() == []
    with pytest.raises(RuntimeRefused, match=r"has sglang 0\.5\.22, but sglang_version is 0\.5\.23"):
        existing(tmp_path / "old", "0.5.22").examine()
    with pytest.raises(RuntimeRefused, match="is not an interpreter"):
        Venv(request(tmp_path, method="existing", path=str(tmp_path / "absent"))).examine()


def test_a_router_is_verified_and_its_variables_are_named(tmp_path: pathlib.Path) -> None:
    changes = {
        "distribution": "sglang-router",
        "variables": "sglang_router",
        "version": "0.3.2",
        "path": str(tmp_path),
        "method": "existing",
    }
    existing(tmp_path, "0.5.23")
    with pytest.raises(RuntimeRefused, match=r"has no sglang-router, but sglang_router_version is 0\.3\.2"):
        Venv(request(tmp_path, **changes)).examine()
    (tmp_path / "lib/python3.11/site-packages/sglang_router-0.3.2.dist-info").mkdir()
    router = Venv(request(tmp_path, **changes))
    assert router.examine() == []
    assert set(router.packages()[0]) == {"python", "sglang", "sglang-router"}
    assert router.summary().startswith(f"{tmp_path}: sglang-router 0.3.2\n")


def test_a_router_without_its_package_is_repaired(tmp_path: pathlib.Path) -> None:
    run = Fake(tmp_path)
    wanted = request(tmp_path, distribution="smg", packages=["smg==0.5.23"])
    assert install(wanted, run)[1] == "install smg==0.5.23"
    (run.site / "smg-0.5.23.dist-info").rmdir()
    assert install(wanted, run)[0] == f"repair {tmp_path}/0.5.23"
    assert install(wanted, run) == []


def real_run(words: list[str], environ_update: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Run a command like AnsibleModule.run_command."""
    done = subprocess.run(
        words, check=False, capture_output=True, text=True, env={**os.environ, **(environ_update or {})}
    )
    return done.returncode, done.stdout, done.stderr


def make_wheel(folder: pathlib.Path) -> str:
    """Make a package; return the SHA-256 of its file."""
    path = folder / "sglang-0.5.23-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("sglang/__init__.py", "")
        wheel.writestr("sglang-0.5.23.dist-info/METADATA", "Metadata-Version: 2.1\nName: sglang\nVersion: 0.5.23\n")
        wheel.writestr(
            "sglang-0.5.23.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("sglang-0.5.23.dist-info/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_real_installation_from_a_wheelhouse(tmp_path: pathlib.Path) -> None:
    digest = make_wheel(tmp_path)
    wrong, right = (f"sglang==0.5.23 --hash=sha256:{one}\n" for one in ("0" * 64, digest))
    with pytest.raises(RuntimeRefused, match="The lock of this release has other files; see sglang_runtime_lock"):
        install(request(tmp_path / "root", wheelhouse=str(tmp_path), locks={"0.5.23": wrong}), real_run)
    wanted = request(tmp_path / "root", wheelhouse=str(tmp_path), locks={"0.5.23": right})
    assert len(install(wanted, real_run)) == 3
    assert install(wanted, real_run) == []
    compiled = list((tmp_path / "root").glob("0.5.23/lib/python3*/site-packages/sglang/__pycache__/__init__*.pyc"))
    assert len(compiled) == 1
