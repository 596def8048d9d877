# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that asks SGLang's own parser about commands; the interpreter that has SGLang runs it. PRIVATE.

Input: a JSON list of lists of words, what follows sglang.launch_server. Last line of the output: a JSON list with null
for each command that the parser accepts, or its error. Nothing is started, and no GPU is touched.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Sequence
from typing import NoReturn


class Refused(Exception):
    """What the parser says against a command."""


class Parser(argparse.ArgumentParser):
    """A parser that does not end the program."""

    def error(self, message: str) -> NoReturn:
        """Report a command that is refused."""
        raise Refused(message)


def sglang_parser() -> Parser:
    """Return a parser with the options of the installed SGLang."""
    parser = Parser(prog="sglang", add_help=False)
    importlib.import_module("sglang.srt.server_args").ServerArgs.add_cli_args(parser)
    return parser


def complaint(parser: Parser, words: Sequence[str]) -> str | None:
    """Return what a parser says against a command, None where it accepts it."""
    try:
        parser.parse_args(list(words))
    except Refused as refused:
        return str(refused)
    # Actions of SGLang's own check values with assertions, and read JSON. Whatever it is, SGLang would end with it.
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def main() -> None:
    """Answer for all commands on standard input."""
    answers = os.fdopen(os.dup(1), "w")
    # Libraries print when they are imported.
    os.dup2(2, 1)
    parser = sglang_parser()
    answers.write(json.dumps([complaint(parser, words) for words in json.load(sys.stdin)]) + "\n")
    answers.close()


if __name__ == "__main__":
    main()
