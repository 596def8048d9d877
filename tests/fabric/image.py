# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disk of a guest: Debian with a kernel that has soft-RoCE and NFS, and sshd."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.lab.engine import apt_install
from tests.lab.image import SUITE, TRIM, fast_tmp, sources
from tests.lab.progress import LabError, run_logged, say
from tests.lab.settings import STATE, builder, cache, digest

FILES = Path(__file__).parent / "guest"
# Where each program comes from on Debian and Ubuntu.
PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "ssh": "openssh-client",
}
# Drivers of what no guest has: three quarters of the modules.
NEEDLESS = (
    *(
        f"drivers/{name}"
        for name in (
            "bluetooth",
            "gpu",
            "hid",
            "hwmon",
            "iio",
            "input",
            "media",
            "mmc",
            "mtd",
            "scsi",
            "staging",
            "usb",
        )
    ),
    "drivers/net/ethernet",
    "drivers/net/wireless",
    "net/bluetooth",
    "net/mac80211",
    "net/wireless",
    "sound",
)
DISK_SIZE = "3G"


@dataclass(frozen=True)
class Image:
    """What QEMU starts a guest from; none of it is written to."""

    disk: Path
    kernel: Path
    ramdisk: Path


def programs() -> None:
    """Have the programs that guests are made and started with."""
    missing = sorted({package for program, package in PROGRAMS.items() if shutil.which(program) is None})
    if missing and os.geteuid() != 0:
        raise LabError(
            f"The guests need {' '.join(missing)}, and only root can install them: become root, or install them first."
        )
    if missing:
        apt_install(*missing)


def image() -> Image:
    """The image of this release and of the files beside this one; made where the cache does not have it."""
    name = f"guest-{digest([FILES / 'configure.sh', FILES / 'packages.txt', Path(__file__)], SUITE, *TRIM)}"
    place = cache() / name
    found = Image(place / "disk.ext4", place / "vmlinuz", place / "initrd.img")
    with builder():
        if not place.exists():
            _make(found, place)
            for old in cache().glob("guest-*"):
                if old != place:
                    say(f"removing {old}: {name} takes its place")
                    shutil.rmtree(old)
    return found


def _make(made: Image, place: Path) -> None:
    if os.geteuid() != 0:
        raise LabError("The guests' image is not in the cache, and only root can make it with mmdebstrap: become root.")
    room = fast_tmp()
    # Only a whole image gets the name that is looked for.
    new = place.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    with tempfile.TemporaryDirectory(prefix="fabric-", dir=room.get("TMPDIR")) as folder:
        root = Path(folder) / "root"
        packages = ",".join((FILES / "packages.txt").read_text().split())
        without = [f"--dpkgopt=path-exclude=/lib/modules/*/kernel/{drivers}/*" for drivers in NEEDLESS]
        argv = ["mmdebstrap", "--variant=apt", "--format=directory", *TRIM, *without, f"--include={packages}"]
        argv += [f"--customize-hook={FILES / 'configure.sh'}", SUITE, str(root), str(sources())]
        run_logged(
            "Unpacking Debian and a kernel with mmdebstrap (about 90 s)", _gently(argv), STATE / "guest-image.log", room
        )
        # mmdebstrap has just emptied the package lists; apt's module would take them for fresh ones.
        os.utime(root / "var/lib/apt/lists", (0, 0))
        (boot,) = (path.name.removeprefix("vmlinuz-") for path in (root / "boot").glob("vmlinuz-*"))
        shutil.copy(root / f"boot/vmlinuz-{boot}", new / made.kernel.name)
        shutil.copy(root / f"boot/initrd.img-{boot}", new / made.ramdisk.name)
        argv = [
            "mke2fs",
            "-q",
            "-t",
            "ext4",
            "-O",
            "^has_journal",
            "-d",
            str(root),
            str(new / made.disk.name),
            DISK_SIZE,
        ]
        run_logged("Making the guests' disk", _gently(argv), STATE / "guest-disk.log")
    new.rename(place)


def _gently(argv: list[str]) -> list[str]:
    return ["nice", "-n", "10", *argv]
