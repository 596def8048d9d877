# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask every deployment of an inventory a question whose answer is known."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .progress import LabError
from .settings import ANSIBLE_PLAYBOOK, REPO, STATE

QUESTION = "What is the capital of France? Answer in one sentence."
ANSWER_HOLDS = "Paris"


def plan(inventory: Path, *extra: str) -> dict[str, Any]:
    """Return the plan of an inventory; extra words go to ansible-playbook."""
    dest = STATE / "plan.json"
    words = [
        ANSIBLE_PLAYBOOK,
        "playbooks/plan.yml",
        "-i",
        str(inventory),
        "-e",
        "sglang_plan_show=none",
        "-e",
        f"sglang_plan_dest={dest}",
        *extra,
    ]
    done = subprocess.run(words, cwd=REPO, check=False, capture_output=True, text=True)
    if done.returncode:
        raise LabError(f"the plan of {inventory} failed:\n{done.stdout}{done.stderr}")
    return dict(json.loads(dest.read_text(encoding="utf-8")))


def post(url: str, body: dict[str, Any], timeout: float = 120) -> dict[str, Any]:
    """Send JSON and return the JSON that comes back."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 our own host
    with urllib.request.urlopen(request, timeout=timeout) as response:  # noqa: S310 our own host
        return dict(json.load(response))


def chat(url: str, model: str, question: str = QUESTION) -> str:
    """Return a model's greedy answer to a question."""
    body = {"model": model, "messages": [{"role": "user", "content": question}], "temperature": 0, "max_tokens": 32}
    return str(post(f"{url}/v1/chat/completions", body)["choices"][0]["message"]["content"])


def doors(deployment: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return where a deployment takes questions: what it is called, its URL and a host to look around on."""
    behind = ", ".join(instance["instance"] for instance in deployment["instances"])
    if deployment["routers"]:
        return [
            (f"router on {router['host']} in front of {behind}", router["url"], router["host"])
            for router in deployment["routers"]
        ]
    ranks = [(instance, [rank["host"] for rank in instance["ranks"]]) for instance in deployment["instances"]]
    return [
        (f"instance {instance['instance']} on {', '.join(hosts)}", instance["url"], hosts[0])
        for instance, hosts in ranks
    ]


def ask(inventory: Path) -> Iterator[str]:
    """Ask every router, or every instance without one; yield what to print, and raise on a wrong answer."""
    for name, deployment in plan(inventory)["deployments"].items():
        for title, url, _host in doors(deployment):
            answer = chat(url, deployment["served_model"])
            yield f"\n{name}: {deployment['served_model']}, {title}"
            yield f"  question: {QUESTION}"
            yield f"  answer:   {answer}"
            if ANSWER_HOLDS not in answer:
                raise LabError(f"{name}: {title} answered {answer!r}, which does not name {ANSWER_HOLDS}")
            yield f"  ask it:   curl {url}/v1/chat/completions -H 'Content-Type: application/json' \\"
            hello = {"model": deployment["served_model"], "messages": [{"role": "user", "content": "Hello!"}]}
            yield f"              -d '{json.dumps(hello)}'"
        shell = f".venv/bin/python -m tests.lab shell {doors(deployment)[0][2]}"
        yield f"  look at:  {shell}    (then: systemctl cat 'sglang-*'; journalctl -fu 'sglang-*')"
        yield f"            .venv/bin/ansible-playbook playbooks/status.yml -i {inventory}"
    yield "\nWhen you have seen enough: make lab-down"
