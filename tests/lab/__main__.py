# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the lab: `python -m tests.lab COMMAND`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from docker.errors import DockerException

from . import ask, engine, hosts, models, runtime
from .lab import Lab
from .progress import LabError, say
from .settings import KEY, LABEL_HOST, SSH_OPTIONS, builder


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    arguments = _parser().parse_args(words)
    command: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return command(arguments)
    except (LabError, DockerException) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        return sub

    up = command("up", _up, "start hosts, and whatever they need that is missing")
    up.add_argument("--name", required=True, help="name of the lab")
    up.add_argument("--hosts", required=True, nargs="+", metavar="HOST", help="names of the hosts, in order")
    up.add_argument("--subnet", default=Lab.subnet, help="network of the lab (default: %(default)s)")
    up.add_argument("--stand-in", action="store_true", help="hosts for benchmarks: a stand-in server and no models")
    down = command("down", _down, "remove hosts; images and models stay")
    which = down.add_mutually_exclusive_group(required=True)
    which.add_argument("--name", help="name of the lab")
    which.add_argument("--all", action="store_true", help="every lab")
    command("status", _status, "list the engine and the hosts")
    execute = command("exec", _exec, "run a command in a host: exec HOST -- ARGV")
    execute.add_argument("--name", help="name of the lab, where several have such a host")
    execute.add_argument("host")
    execute.add_argument("argv", nargs="+")
    shell = command("shell", _shell, "open a shell in a host")
    shell.add_argument("--name", help="name of the lab, where several have such a host")
    shell.add_argument("host")
    asks = command("ask", _ask, "ask every deployment of an inventory a question whose answer is known")
    asks.add_argument("--inventory", required=True, type=Path)
    command("engine", _engine, "the Docker engine").add_argument("action", choices=["up", "down", "status"])
    command("image", _image, "build the hosts' images")
    command("models", _models, "make the models that the hosts serve")
    return parser


def _up(arguments: argparse.Namespace) -> int:
    lab = Lab(arguments.name, arguments.hosts, arguments.subnet, arguments.stand_in)
    lab.up()
    say("ready: " + ", ".join(f"{host} {lab.address(host)}" for host in lab.hosts))
    return 0


def _down(arguments: argparse.Namespace) -> int:
    client = engine.answering()
    if client is None:
        say("no Docker engine answers, so no lab is up")
        return 0
    for name in hosts.labs(client) if arguments.all else [arguments.name]:
        hosts.down(client, name)
    return 0


def _status(arguments: argparse.Namespace) -> int:
    print(engine.status())
    client = engine.answering()
    if client is None:
        return 0
    for name in hosts.labs(client):
        print(f"lab {name}")
        for container in sorted(hosts.of(client, name), key=lambda one: str(one.name)):
            print(f"  {container.labels[LABEL_HOST]:20} {hosts.address_of(container):16} {container.status}")
    return 0


def _exec(arguments: argparse.Namespace) -> int:
    code, output = hosts.run(hosts.find(engine.connect(), arguments.host, arguments.name), arguments.argv)
    print(output, end="")
    return code


def _shell(arguments: argparse.Namespace) -> NoReturn:
    where = hosts.address_of(hosts.find(engine.connect(), arguments.host, arguments.name))
    sys.stdout.flush()
    os.execvp("ssh", ["ssh", *SSH_OPTIONS, "-i", str(KEY), f"root@{where}"])


def _ask(arguments: argparse.Namespace) -> int:
    for line in ask.ask(arguments.inventory):
        print(line)
    return 0


def _engine(arguments: argparse.Namespace) -> int:
    if arguments.action == "up":
        engine.up()
    elif arguments.action == "down":
        engine.down()
    print(engine.status())
    return 0


def _image(arguments: argparse.Namespace) -> int:
    client = engine.up()
    with builder():
        print(runtime.tag(client))
    return 0


def _models(arguments: argparse.Namespace) -> int:
    client = engine.up()
    with builder():
        print(models.build(client, runtime.tag(client)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
