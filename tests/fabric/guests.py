# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests of QEMU: two machines with a kernel of their own, a way out, and a cable between them."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.hosts import ssh_key
from tests.lab.progress import LabError, say, step, tail
from tests.lab.settings import KEY, SSH_OPTIONS, STATE

from .image import Image, image, programs

NAMES = ("guest1", "guest2")
# Without KVM, and with other work on the machine, five minutes are not unheard of.
BOOT_SECONDS = 900.0
COMMAND_SECONDS = 300.0
MEMORY_MIB = 768
OWN = STATE / "fabric"
COMMAND_LINE = (
    "root=/dev/vda rw console=ttyS0 net.ifnames=0 systemd.show_status=1 TERM=dumb fsck.mode=skip mitigations=off "
    "random.trust_cpu=on"
)


@dataclass
class Guest:
    """A machine that runs, and how it is reached."""

    name: str
    number: int
    port: int
    folder: Path
    process: subprocess.Popen[str] = field(repr=False)

    @property
    def address(self) -> str:
        """Its address on the cable to the other guest."""
        return f"10.79.0.1{self.number}"

    @property
    def console(self) -> Path:
        """What it wrote to its serial line."""
        return OWN / f"{self.name}.console"

    def ssh(self, *words: str) -> list[str]:
        """The command line that runs a command there; the first connection stays open for the next ones."""
        shared = (
            "-o",
            "ControlMaster=auto",
            "-o",
            "ControlPersist=600",
            "-o",
            f"ControlPath={self.folder / self.name}",
        )
        options = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-i", str(KEY), "-p", str(self.port))
        return ["ssh", *SSH_OPTIONS, *shared, *options, "root@127.0.0.1", *words]

    def attempt(self, command: str, seconds: float = COMMAND_SECONDS) -> tuple[int, str]:
        """Run a line of shell; its exit status and its output."""
        # A file, because the connection that stays open for the next command would keep a pipe open as well.
        with tempfile.TemporaryFile("w+") as output:
            code = subprocess.run(
                self.ssh(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=False,
            ).returncode
            output.seek(0)
            return code, output.read()

    def run(self, command: str, seconds: float = COMMAND_SECONDS) -> str:
        """Run a line of shell that must succeed; its output."""
        code, output = self.attempt(command, seconds)
        assert code == 0, f"{self.name}: {command} ended with {code}:\n{output}"
        return output

    def cable(self, plugged: bool) -> None:
        """Plug the cable to the other guest in, or pull it out."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"set_link fabric {'on' if plugged else 'off'}\n")
        self.process.stdin.flush()


def accelerators() -> list[str]:
    """KVM where the processor offers it to us, and QEMU's own translation where it does not."""
    # A KVM that only runs kernels made for it opens as well, so the device alone says nothing.
    flags = re.search(r"^flags\s*:(.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    hardware = flags is not None and {"vmx", "svm"} & set(flags[1].split())
    kvm = ["-accel", "kvm"] if hardware and os.access("/dev/kvm", os.R_OK | os.W_OK) else []
    return [*kvm, "-accel", "tcg,thread=multi,tb-size=512"]


@contextmanager
def running() -> Iterator[list[Guest]]:
    """Start both guests; they are gone at the end, with all that they wrote but their consoles."""
    programs()
    made = image()
    ssh_key()
    OWN.mkdir(exist_ok=True)
    with ExitStack() as stack:
        # Short, because the path of a socket may have no more than 107 characters.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fabric-")))
        ends = [stack.enter_context(end) for end in socket.socketpair()]
        if "kvm" not in accelerators():
            say("no KVM here: the guests are translated, and take minutes to start")
        guests = []
        for number, (name, end) in enumerate(zip(NAMES, ends, strict=True), 1):
            guests.append(_start(name, number, end, made, folder))
            stack.callback(_stop, guests[-1])
        with step("Starting two guests", lambda: "; ".join(f"{guest.name}: {_last(guest)}" for guest in guests)):
            for guest in guests:
                _wait(guest)
        yield guests


def _start(name: str, number: int, end: socket.socket, made: Image, folder: Path) -> Guest:
    disk = OWN / f"{name}.qcow2"
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(made.disk), "-F", "raw", str(disk)], check=True
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    console = OWN / f"{name}.console"
    console.unlink(missing_ok=True)
    argv = ["qemu-system-x86_64", "-machine", "q35", *accelerators(), "-cpu", "max", "-smp", "1", "-m", str(MEMORY_MIB)]
    argv += [
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        "-display",
        "none",
        "-monitor",
        "stdio",
        "-serial",
        f"file:{console}",
    ]
    argv += [
        "-kernel",
        str(made.kernel),
        "-initrd",
        str(made.ramdisk),
        "-append",
        f"{COMMAND_LINE} systemd.hostname={name}",
    ]
    argv += ["-fw_cfg", f"name=opt/io.systemd.credentials/ssh.authorized_keys.root,file={KEY.with_suffix('.pub')}"]
    argv += ["-drive", f"file={disk},if=virtio,cache=unsafe", "-device", "virtio-rng-pci"]
    argv += ["-netdev", f"user,id=outside,hostfwd=tcp:127.0.0.1:{port}-:22", "-device", "virtio-net-pci,netdev=outside"]
    argv += [
        "-netdev",
        f"socket,id=fabric,fd={end.fileno()}",
        "-device",
        f"virtio-net-pci,netdev=fabric,mac=52:54:00:00:79:0{number}",
    ]
    with (OWN / f"{name}.qemu").open("w") as log:
        process = subprocess.Popen(
            # The kernel ends a guest whose tests are gone, however they went.
            ["setpriv", "--pdeathsig", "KILL", "nice", "-n", "10", *argv],
            stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, text=True, pass_fds=[end.fileno()],
        )  # fmt: skip
    return Guest(name, number, port, folder, process)


def _stop(guest: Guest) -> None:
    subprocess.run([*guest.ssh()[:-1], "-O", "exit", "root@127.0.0.1"], stderr=subprocess.DEVNULL, check=False)
    guest.process.kill()
    guest.process.wait()
    if guest.process.stdin:
        guest.process.stdin.close()
    (OWN / f"{guest.name}.qcow2").unlink()


def _wait(guest: Guest) -> None:
    deadline = time.monotonic() + BOOT_SECONDS
    while True:
        if guest.process.poll() is not None:
            log = OWN / f"{guest.name}.qemu"
            raise LabError(f"{guest.name} ended while it started: QEMU says {' '.join(tail(log, 5))!r}.")
        if time.monotonic() > deadline:
            raise LabError(
                f"{guest.name}: no ssh after {BOOT_SECONDS:.0f} s; the end of {guest.console}:\n"
                + "\n".join(tail(guest.console, 15))
            )
        if guest.attempt("true")[0] == 0:
            break
        time.sleep(1)
    state = guest.attempt("systemctl is-system-running --wait")[1].strip()
    if state != "running":
        failed = guest.attempt("systemctl --failed --plain --no-legend")[1]
        raise LabError(f"{guest.name}: systemd is {state!r} where running was expected: {failed}")


def _last(guest: Guest) -> str:
    lines = [line for line in tail(guest.console, 5) if line.strip()]
    return lines[-1].strip()[:60] if lines else "nothing on its console yet"


def command_of(sentence: str) -> str:
    """The command in a sentence that tells how to mend something."""
    found = re.search(r"\((sudo [^),]*)", sentence)
    assert found, sentence
    return shlex.join(shlex.split(found[1]))
