# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One option of one deployment changes."""

import json


def test_only_the_deployment_that_changed_is_restarted(hosts, alpha, beta, playbook):
    before_alpha, before_beta = alpha.started(), beta.started()
    playbook("deploy", "-e", json.dumps({"alpha_server_args": {"max-running-requests": 7}}))
    for host, now, then in zip(alpha.ranks, alpha.started(), before_alpha, strict=True):
        assert now > then, f"{alpha.unit} was not restarted on {host}"
        main = int(hosts.show(host, alpha.unit)["MainPID"])
        assert "--max-running-requests 7" in hosts.run(host, "ps", "-ww", "-o", "args=", "-p", str(main))
    assert alpha.answers()
    assert beta.started() == before_beta
