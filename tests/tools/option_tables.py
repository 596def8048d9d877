# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add releases of SGLang or of a router to the option tables of the plan, each from its own parser.

    python tests/tools/option_tables.py sglang 0.5.24 --dump FILE     what dump_options.py printed where it is installed
    python tests/tools/option_tables.py sglang 0.5.24 --venv VENV     from the wheel; VENV has what the method cpu of
                                                                      the role sglang_runtime installs, and triton
    python tests/tools/option_tables.py sglang --venv VENV            all releases of the table again

--venv downloads the wheel of a release alone and imports it from a temporary directory, together with the release of
transformers that it names. With --verdicts it also asks the parsers of RELEASES about every option, and writes
tests/unit/plugins/plugin_utils/_plan/verdicts.json, with which the plan is compared.

A table has one line for each option, and one more for each change of it. since and until are the first and the last
release that the line holds for; left out, the first and the last of the table.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REPO = HERE.parents[1]
PLAN = REPO / "plugins/plugin_utils/_plan"
PARSER = REPO / "plugins/module_utils/_runtime/parser.py"
VERDICTS = REPO / "tests/unit/plugins/plugin_utils/_plan/verdicts.json"
# The oldest, one in the middle and the newest: what the verdicts are recorded for.
RELEASES = ("0.5.6", "0.5.15", "0.5.23")
# A word that each type takes.
EXAMPLES = {"int": "1", "float": "0.5", "size": "1", "json": "{}", "str": "x", "lora": "x"}

Row = dict[str, Any]


def order(release: str) -> list[int]:
    """Return what releases are sorted by."""
    return [int(number) for number in re.findall(r"\d+", release)]


def expanded(table: Mapping[str, Any]) -> dict[str, list[Row]]:
    """Return the options of each release of a table."""
    releases: list[str] = table["releases"]
    found: dict[str, list[Row]] = {release: [] for release in releases}
    for row in table["options"]:
        first, last = row.get("since", releases[0]), row.get("until", releases[-1])
        plain = {key: value for key, value in row.items() if key not in ("since", "until")}
        for release in releases[releases.index(first) : releases.index(last) + 1]:
            found[release].append(plain)
    return found


def folded(dumps: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """Return the table of releases: equal lines of releases that follow each other are one."""
    releases = sorted(dumps, key=order)
    after = dict(pairwise(releases))
    open_rows: dict[str, Row] = {}
    rows: list[Row] = []
    for release in releases:
        for row in dumps[release]:
            text = json.dumps(row)
            known = open_rows.get(text)
            if known is None or after[known["until"]] != release:
                known = open_rows[text] = {**row, "since": release}
                rows.append(known)
            known["until"] = release
    for row in rows:
        if row["since"] == releases[0]:
            del row["since"]
        if row["until"] == releases[-1]:
            del row["until"]
    return {
        "releases": releases,
        "options": sorted(rows, key=lambda row: (row["names"][0], order(row.get("since", "0")))),
    }


def written(table: Mapping[str, Any]) -> str:
    """Return the text of a table, one option a line."""
    lines = ",\n".join(json.dumps(row) for row in table["options"])
    return f'{{"releases": {json.dumps(table["releases"])},\n"options": [\n{lines}\n]}}\n'


class Wheel:
    """A release of SGLang, unpacked."""

    def __init__(self, venv: Path, release: str, root: Path) -> None:
        """Download the wheel, and the transformers that it names."""
        self.python, self.root = venv / "bin/python", root
        self._pip("download", "--no-deps", "--only-binary=:all:", "--dest", str(root), f"sglang=={release}")
        (wheel,) = root.glob("sglang-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(root, [name for name in archive.namelist() if name.startswith("sglang/")])
            (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
            pins = re.findall(r"^Requires-Dist: (transformers==[^;\s]+)", archive.read(metadata).decode(), re.MULTILINE)
        if pins:
            # Not their dependencies: those of the venv are near enough, except for these two.
            old = ["huggingface-hub<1"] if "==4" in pins[0] else []
            self._pip("install", "--no-deps", "--target", str(root), pins[0], "tokenizers<=0.23.0", *old)

    def _pip(self, *words: str) -> None:
        subprocess.run([self.python, "-m", "pip", "--quiet", *words], check=True)

    def run(self, program: Path, *words: str, text: str = "") -> str:
        """Run a program with this release, and return what it printed."""
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        # Where torch is built for CPUs, torchvision's extension for CUDA does not load; two operators must be declared.
        code = (
            "import sys, runpy, torch; kept = torch.library.Library('torchvision', 'DEF')\n"
            "for name in ('nms', 'qnms'):\n"
            "    kept.define(name + '(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')\n"
            f"sys.argv = sys.argv[1:]; sys.path.insert(0, {str(self.root)!r})\n"
            "runpy.run_path(sys.argv[0], run_name='__main__')\n"
        )
        argv = [self.python, "-W", "ignore", "-c", code, str(program), *words]
        done = subprocess.run(argv, check=True, env=environment, input=text, capture_output=True, text=True)
        return done.stdout


def from_wheel(program: str, wheel: Wheel) -> list[Row]:
    """Return the options of a release."""
    printed = wheel.run(HERE / "dump_options.py", program)
    rows: list[Row] = json.loads(printed[printed.index("[\n") :])
    return rows


def question(row: Row) -> list[str]:
    """Return the words of one option with a value that it takes."""
    word = row["choices"][0] if row.get("choices") else EXAMPLES[row.get("type", "str")]
    values = [] if row["kind"] in ("flag", "boolean", "optional") else [word]
    return ["--model-path", "m", f"--{row['names'][0]}", *values]


def verdicts(dumps: Mapping[str, Sequence[Row]], wheels: Mapping[str, Wheel]) -> str:
    """Ask the parsers about every option of every release; a plus sign for each that accepts it."""
    newest = {row["names"][0]: row for release in sorted(dumps, key=order) for row in dumps[release]}
    names = sorted(newest)
    answers = []
    for release in RELEASES:
        own = {row["names"][0]: row for row in dumps[release]}
        asked = [question(own.get(name, newest[name])) for name in names]
        said = json.loads(wheels[release].run(PARSER, text=json.dumps(asked)).splitlines()[-1])
        answers.append(["-" if error else "+" for error in said])
    lines = ",\n".join(f'"{name}": "{"".join(marks)}"' for name, *marks in zip(names, *answers, strict=True))
    return f'{{"releases": {json.dumps(RELEASES)},\n"options": {{\n{lines}\n}}}}\n'


def main(words: Iterable[str]) -> None:
    """Change a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", choices=["sglang", "sglang-router", "smg"])
    parser.add_argument("releases", nargs="*")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--dump", type=Path)
    source.add_argument("--venv", type=Path)
    parser.add_argument("--verdicts", action="store_true")
    args = parser.parse_args(list(words))
    path = PLAN / f"options-{args.program}.json"
    dumps = expanded(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        wheels = {}
        for release in args.releases or [*dumps]:
            if args.dump:
                dumps[release] = json.loads(args.dump.read_text(encoding="utf-8"))
                continue
            root = Path(folder, release)
            root.mkdir()
            wheels[release] = Wheel(args.venv.absolute(), release, root)
            dumps[release] = from_wheel(args.program, wheels[release])
            print(release, len(dumps[release]), "options", flush=True)
        path.write_text(written(folded(dumps)), encoding="utf-8")
        if args.verdicts:
            VERDICTS.write_text(verdicts(dumps, wheels), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
