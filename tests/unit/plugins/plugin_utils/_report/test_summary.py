# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last lines of a run have one reason for each host, and what to do next."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.plugin_utils._report.summary import (
    PLAN,
    READY,
    Command,
    Reason,
    Run,
    curl,
    first_line,
    render,
)

COMMAND = Command(("multinode.sglang.deploy",), ("hosts.yml",))
DEPLOY = "ansible-playbook multinode.sglang.deploy -i hosts.yml"


def instance(number: int, *hosts: str, role: str = "server") -> dict[str, Any]:
    """Return an instance of a plan."""
    return {
        "name": f"sglang-llama-{number}",
        "instance": f"llama-{number}@{hosts[0]}",
        "role": role,
        "ranks": [{"host": host} for host in hosts],
        "url": f"http://10.0.0.{number + 1}:30000",
    }


def plan(*instances: dict[str, Any], routers: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """Return a plan with one deployment."""
    entry = {"model": "/m", "served_model": "llama", "instances": list(instances), "routers": list(routers)}
    return {"deployments": {"llama": entry}, "hosts": {}}


def finding(host: str, text: str, severity: str = "error") -> dict[str, str]:
    """Return a finding of preflight."""
    return {"host": host, "text": f"{host}  {text}", "severity": severity}


def test_a_deployment_has_its_url_and_a_request() -> None:
    ready = {("gpu01", "sglang-llama-0"): 13.6, ("gpu02", "sglang-llama-0"): 14.2}
    phases = {"Compute the plan": 0.2, "Run the servers, and wait until they answer": 15.0}
    run = Run(COMMAND, seconds=21.0, phases=phases, plan=plan(instance(0, "gpu01", "gpu02")), ready=ready)
    assert render(run) == [
        "DEPLOYED in 21 s (run the servers, and wait until they answer 15 s)",
        "  llama: 1 instance answers as model llama, after waiting 14 s",
        "    URL: http://10.0.0.1:30000/v1",
        "    curl http://10.0.0.1:30000/v1/chat/completions -H 'Content-Type: application/json' \\",
        """      -d '{"model": "llama", "messages": [{"role": "user", "content": "Hello!"}]}'""",
    ]


def test_instances_outside_of_the_run_do_not_count() -> None:
    run = Run(COMMAND, plan=plan(instance(0, "gpu01"), instance(1, "gpu02")), ready={("gpu01", "sglang-llama-0"): 0.0})
    assert render(run)[1] == "  llama: 1 of 2 instances answer as model llama".replace("answer ", "answers ")


def test_an_instance_without_the_answer_of_a_rank_does_not_count() -> None:
    ready = {("gpu01", "sglang-llama-0"): 1.0}
    assert len(render(Run(COMMAND, plan=plan(instance(0, "gpu01", "gpu02")), ready=ready))) == 1


def test_clients_ask_the_router() -> None:
    routers = ({"name": "sglang-router-llama", "host": "gw", "url": "http://10.0.0.9:8000"},)
    ready = {("gpu01", "sglang-llama-0"): 1.0, ("gw", "sglang-router-llama"): 1.0}
    lines = render(Run(COMMAND, plan=plan(instance(0, "gpu01", role="prefill"), routers=routers), ready=ready))
    assert lines[2] == "    routers: http://10.0.0.9:8000/v1"
    assert lines[3].startswith("    curl http://10.0.0.9:8000/v1/chat/completions ")


def test_a_request_can_be_pasted_whatever_the_model_is_called() -> None:
    words = shlex.split("\n".join(curl("http://h:1", "it's", True, True)))
    assert words[:2] == ["curl", "http://h:1/v1/embeddings"]
    assert json.loads(words[-1]) == {"model": "it's", "input": "Hello!"}
    assert "Authorization: Bearer $SGLANG_API_KEY" in words


def test_a_refused_plan_has_its_sentences_and_no_host() -> None:
    text = "The plan is refused; no host was touched.\na.tp_size: it is 0; write 1 or more\nb: c; d"
    assert render(Run(COMMAND, seconds=1.0, failed={"gpu01": Reason(text, PLAN, "Compute the plan")})) == [
        "FAILED after 1 s: Compute the plan",
        "  The plan is refused; no host was touched.",
        "  a.tp_size: it is 0; write 1 or more",
        "  b: c; d",
        "  Next: correct the inventory, then ansible-playbook multinode.sglang.plan -i hosts.yml",
    ]


def test_hosts_with_one_reason_share_a_line() -> None:
    why = Reason("Permission denied (publickey).\nmore", "multinode.sglang.node_info", unreachable=True)
    lines = render(Run(COMMAND, failed={"gpu01": why, "gpu02": why}))
    assert lines[1] == "  gpu01, gpu02: no answer: Permission denied (publickey)."
    assert lines[2] == f"  Next: ansible gpu01,gpu02 -i hosts.yml -b -m ansible.builtin.ping; when it works, {DEPLOY}"


def test_preflight_gives_each_host_its_own_first_error() -> None:
    findings = [finding("gpu01", "warned", "warning"), finding("gpu02", "MTU 1500"), finding("gpu02", "no driver")]
    run = Run(COMMAND, findings=findings, verdicts={"gpu01": True, "gpu02": False})
    run.failed = {"gpu01": Reason("1 of 2 hosts are ok; failed: gpu02 (2 errors)", "ansible.builtin.fail")}
    assert render(run)[1:] == [
        "  gpu02: MTU 1500 (and 1 more above)",
        "  Next: fix this, then ansible-playbook multinode.sglang.preflight -i hosts.yml",
    ]


def test_status_gives_each_host_what_is_not_as_planned() -> None:
    row = {
        "deployment": "llama",
        "instance": "llama-0@gpu01",
        "rank": 0,
        "host": "gpu01",
        "state": "ready",
        "error": "",
    }
    bad = {**row, "rank": 1, "host": "gpu02", "state": "failed", "error": "CUDA out of memory"}
    gone = {**row, "instance": "router", "rank": "-", "host": "gw", "state": "missing"}
    run = Run(COMMAND, status="2 of 3 are not", units=[row, bad, gone])
    run.failed = {"gpu01": Reason("2 of 3 are not", "ansible.builtin.fail")}
    assert render(run)[1:] == [
        "  gpu02: llama-0@gpu01 rank 1 is failed: CUDA out of memory",
        "  gw: router of llama is missing",
        "  Next: on the host: sudo journalctl -u 'sglang-*' -n 100; to bring all to the plan: " + DEPLOY,
    ]
    assert render(Run(COMMAND, status="3 are ready")) == ["OK in 0 s: 3 are ready"]


def test_a_failure_after_findings_has_its_own_reason() -> None:
    run = Run(COMMAND, check=True, verdicts={"gpu01": False}, findings=[finding("gpu01", "MTU 1500")])
    run.failed = {"gpu01": Reason("no systemd", "multinode.sglang.units")}
    assert render(run)[:2] == ["CHECK FAILED after 0 s", "  gpu01: no systemd"]


def test_a_server_that_failed_leads_to_its_journal() -> None:
    first = "llama-0@gpu01 rank 1 on gpu02 (unit sglang-llama-0) has failed: CUDA out of memory"
    failed = {
        "gpu01": Reason(f"no longer waiting for llama-0@gpu01 rank 0 on gpu01: {first}", READY),
        "gpu02": Reason(f"{first}; the last lines of its journal:\n  torch: CUDA out of memory", READY),
    }
    lines = render(Run(COMMAND, failed=failed))
    assert lines[2] == f"  gpu02: {first}"
    assert lines[3] == f"  Next: on gpu02: sudo journalctl -u sglang-llama-0 -n 100; when it is fixed, {DEPLOY}"


def test_a_password_of_sudo_is_asked_for() -> None:
    lines = render(Run(COMMAND, failed={"gpu01": Reason("Task failed: Missing sudo password", unreachable=True)}))
    assert lines[-1] == f"  Next: {DEPLOY} -K, which asks for the password of sudo"


def test_any_other_failure_goes_on_where_it_ended() -> None:
    limited = Command(("mine.yml",), (), "gpu01")
    lines = render(Run(limited, failed={"gpu01": Reason("no space left", "ansible.builtin.copy")}))
    assert lines[-1].startswith("  Next: fix this, then ansible-playbook mine.yml --limit gpu01, which goes on")


def test_a_check_ends_with_what_would_change() -> None:
    run = Run(COMMAND, check=True, plan=plan(instance(0, "gpu01")), verdicts={"gpu01": True, "gpu02": True})
    run.changed, run.restarts = {"gpu01": ["Write the units", "Write the units"]}, {("gpu01", "sglang-llama-0")}
    assert render(run) == [
        "CHECK: this run would go ahead; 2 of 2 hosts passed the checks; nothing was changed",
        "  gpu01 would change: Write the units",
        "  would stop or start: llama-0@gpu01",
        f"  Next: the same command without --check: {DEPLOY}",
    ]


def test_a_check_says_that_the_run_would_be_refused() -> None:
    run = Run(COMMAND, check=True, findings=[finding("gpu02", "MTU 1500")], verdicts={"gpu01": True, "gpu02": False})
    assert render(run) == [
        "CHECK: this run would be REFUSED; 1 of 2 hosts passed the checks",
        "  gpu02: MTU 1500",
        "  Next: fix this, then ansible-playbook multinode.sglang.preflight -i hosts.yml",
    ]


def test_the_other_playbooks_say_what_changed() -> None:
    run = Run(COMMAND, seconds=3.0, phases={"Compute the plan": 0.1, "Stop": 2.0}, changed={"gpu01": ["Stop"]})
    assert render(run) == ["DONE in 3 s (stop 2 s): changed gpu01"]
    assert render(Run(COMMAND, phases={"Compute the plan": 0.1})) == []
    lines = render(Run(COMMAND, verdicts={"gpu01": True}))
    assert lines == ["OK in 0 s: 1 of 1 host passed the checks", f"  Next: {DEPLOY}"]


def test_a_run_without_hosts_names_the_inventory() -> None:
    assert render(Run(COMMAND, matched=False))[0].startswith("NOTHING DONE: no host matched. Fix: name your inventory")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n a \nb", "a"),
        ("", "it failed without a word"),
        ("a failed:\n- b is missing\n- c", "a failed: - b is missing"),
        ("a:", "a:"),
        ("x" * 400, "x" * 300 + " ..."),
    ],
)
def test_a_reason_is_one_line(text: str, line: str) -> None:
    assert first_line(text) == line
