# Copyright (c) 2026 The multinode.sglang authors
# GNU General Public License v3.0-or-later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit of a server: its text, its digests, and its files on a host."""

from __future__ import annotations

import stat
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.multinode.sglang.plugins.module_utils._plan.plain import to_dict
from ansible_collections.multinode.sglang.plugins.module_utils._plan.types import Option, Rank, ServerUnit
from ansible_collections.multinode.sglang.plugins.module_utils._units import server as server_unit
from ansible_collections.multinode.sglang.plugins.module_utils._units.apply import Changes, UnitsError
from ansible_collections.multinode.sglang.plugins.module_utils._units.models import Resolved
from ansible_collections.multinode.sglang.plugins.module_utils._units.server import Secrets
from ansible_collections.multinode.sglang.plugins.module_utils._units.settings import Settings

from ...planned import SERVER, options, server

SETTINGS = Settings(
    user="sglang",
    group="sglang",
    interpreter="/opt/sglang/0.5.23/bin/python",
    runtime="abc",
    barrier_timeout=300,
    stop_timeout=120,
)
NO_SECRETS = Secrets()
PRESTART = "/usr/bin/python3 -IB /usr/local/lib/sglang/prestart.py"


KEYS = Secrets(keys='api-key: "canary"\n')


def text(unit: ServerUnit = SERVER, secrets: Secrets = NO_SECRETS, **changes: Any) -> str:
    """Return the unit file."""
    return server_unit.unit_text(unit, replace(SETTINGS, **changes), secrets)


def further(*more: Option) -> ServerUnit:
    """Return the server with further options."""
    return replace(SERVER, options=(*SERVER.options, *more))


def test_the_unit_reads_like_the_documented_command() -> None:
    assert """ExecStart=/usr/bin/python3 -IB /usr/local/lib/sglang/server.py run \\
    /opt/sglang/0.5.23/bin/python -m sglang.launch_server \\
    --model-path "/models/llama 3" \\
    --tp-size 4 \\
    --enable-metrics
""" in text()


@pytest.mark.parametrize(
    "line",
    [
        "# Managed by multinode.sglang",
        "Description=SGLang llama-0@node1 rank 1 of 2 (multinode.sglang)",
        'RequiresMountsFor="/models/llama 3"',
        "User=sglang",
        "RuntimeDirectory=sglang/sglang-llama-0",
        "EnvironmentFile=/etc/sglang/sglang-llama-0/environment",
        f"ExecStartPre={PRESTART} network --address 10.0.0.12",
        f"ExecStartPre={PRESTART} rdma --gpus 0,1",
        f"ExecStartPre=+{PRESTART} ports api=30000 barrier=20051 dist_init=20000 dp_attention=20001-20006",
        f"ExecStartPre={PRESTART} peers --rank 1 --timeout 300 10.0.0.11:20051 node1=10.0.0.11 node2=10.0.0.12",
        "Restart=always",
        "KillMode=control-group",
        "TimeoutStartSec=360",
        "TimeoutStopSec=120",
        "LimitMEMLOCK=infinity",
        "LimitNOFILE=1048576",
        "WantedBy=multi-user.target",
    ],
)
def test_the_unit_has_the_line(line: str) -> None:
    assert line in text().splitlines()


def test_one_rank_waits_for_nobody() -> None:
    assert " peers " not in text(server())


def test_an_ipv6_leader_is_in_brackets() -> None:
    ranks = (Rank("node1", "fd00::1"), Rank("node2", "fd00::2"))
    assert '"[fd00::1]:20051" node1=fd00::1' in text(replace(SERVER, ranks=ranks, address="fd00::2"))


def test_a_model_by_name_requires_no_mount() -> None:
    assert "RequiresMountsFor" not in text(replace(SERVER, model="meta-llama/Llama"))


def test_numactl_stands_before_the_interpreter() -> None:
    found = text(numactl=("--cpunodebind=0", "--membind=0"))
    assert (
        "server.py run \\\n    /usr/bin/numactl --cpunodebind=0 --membind=0 \\\n    /opt/sglang/0.5.23/bin/python -m"
        in found
    )


def test_the_interface_of_the_inventory_is_used() -> None:
    assert "network --address 10.0.0.12 --interface ib0" in text(replace(SERVER, interface="ib0"))


def test_service_options_override_add_repeat_and_remove() -> None:
    changes = {"Restart": "no", "NoNewPrivileges": False, "ProtectSystem": None, "DeviceAllow": ["/dev/a", "/dev/b"]}
    lines = text(options=changes).splitlines()
    assert {"Restart=no", "NoNewPrivileges=no", "DeviceAllow=/dev/a", "DeviceAllow=/dev/b"} <= set(lines)
    assert not [line for line in lines if line.startswith("ProtectSystem")]


@pytest.mark.parametrize(("name", "value"), [("ExecStart", "x"), ("User", "x"), ("Nice", "1\nUser=root")])
def test_service_options_are_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"service_options.{name}"):
        text(options={name: value})


def test_keys_are_in_a_file_and_the_log_is_quiet() -> None:
    config = "--config /etc/sglang/sglang-llama-0/keys.yaml \\\n    --log-level warning\n"
    assert text(secrets=KEYS).count(config) == 1


def test_a_quiet_level_of_the_user_stays() -> None:
    assert text(further(Option("log-level", ("error",))), secrets=KEYS).count("--log-level") == 1


@pytest.mark.parametrize("level", ["info", "debug", "INFO"])
def test_a_level_that_logs_the_keys_is_refused(level: str) -> None:
    with pytest.raises(ValueError, match=r"deployments\.llama: log-level .* would write the API keys to the journal"):
        text(further(Option("log-level", (level,))), secrets=KEYS)


def test_two_configuration_files_are_refused() -> None:
    with pytest.raises(ValueError, match=r"server_args\.config and API keys exclude each other"):
        text(further(Option("config", ("/x.yaml",))), secrets=KEYS)


def test_keys_text() -> None:
    assert server_unit.keys_text({"api_key": 'a"b', "admin_api_key": "c"}) == 'api-key: "a\\"b"\nadmin-api-key: "c"\n'
    assert server_unit.keys_text({"api_key": "", "admin_api_key": ""}) == ""


@pytest.mark.parametrize("key", ["-x", " x", "x\ny"])
def test_keys_that_argparse_or_http_cannot_take_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="api_key must not contain a line break, begin"):
        server_unit.keys_text({"api_key": key})


def digests(
    unit: ServerUnit = SERVER, secrets: Secrets = NO_SECRETS, releases: tuple[str, ...] = (), **changes: Any
) -> list[str]:
    """Return the digest of the instance and that of the unit."""
    found = server_unit.unit_files(Resolved(unit, releases), replace(SETTINGS, **changes), secrets)
    lines = environment(unit, secrets, releases, **changes).splitlines()
    (shared,) = [line for line in lines if line.startswith("SGLANG_INSTANCE_DIGEST=")]
    assert f'SGLANG_UNIT_DIGEST="{found.digest}"' in lines
    return [shared, found.digest]


def environment(unit: ServerUnit, secrets: Secrets = NO_SECRETS, releases: tuple[str, ...] = (), **changes: Any) -> str:
    """Return the text of the environment file."""
    found = server_unit.unit_files(Resolved(unit, releases), replace(SETTINGS, **changes), secrets)
    (text,) = [str(getattr(item, "text")) for item in found.items if item.path.endswith("/environment")]  # noqa: B009
    return text


def test_all_ranks_agree_on_the_instance_and_differ_in_the_unit() -> None:
    leader = replace(SERVER, rank=0, host="node1", address="10.0.0.11", environment={"SGLANG_HOST_IP": "10.0.0.11"})
    assert digests(leader)[0] == digests()[0]
    assert digests(leader)[1] != digests()[1]


def test_the_digests_cover_everything_that_a_rank_runs_with() -> None:
    shared = [
        digests(),
        digests(runtime="other"),
        digests(releases=("1",)),
        digests(replace(SERVER, digest="other")),
    ]
    own = [
        digests(secrets=KEYS),
        digests(secrets=KEYS, salt="other"),
        digests(secrets=Secrets(environment="{}")),
        digests(stop_timeout=1),
        digests(replace(SERVER, environment={"A": "1"})),
        digests(further(Option("log-level", ("error",)))),
    ]
    assert len({instance for instance, _unit in shared}) == len(shared)
    assert {instance for instance, _unit in own} == {shared[0][0]}
    assert len({unit for _instance, unit in [*shared, *own]}) == len(shared) + len(own)


def test_the_environment_file_has_no_key() -> None:
    text = environment(SERVER, KEYS)
    assert "canary" not in text
    assert 'SGLANG_HOST_IP="10.0.0.12"' in text


@pytest.mark.parametrize("name", ["../x", "a b"])
def test_a_name_that_is_no_unit_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"servers: .* is not a name for a systemd unit"):
        text(replace(SERVER, name=name))


def test_only_a_server_that_sends_from_a_gpu_to_another_host_checks_rdma() -> None:
    def checks(unit: ServerUnit) -> list[str]:
        return [line.partition(" rdma ")[2] for line in text(unit).splitlines() if " rdma " in line]

    file = "/run/sglang/sglang-a-0/ib_devices.json"
    assert checks(server(nnodes=2)) == ["--gpus 0,1"]
    assert checks(server()) == []
    assert checks(server(role="prefill")) == ["--gpus 0,1"]
    assert checks(server(nnodes=2, options=options(device="cpu"))) == []
    assert checks(server(nnodes=2, gpus=(), gpu_uuids=("MIG-1",))) == []
    assert checks(server(role="decode", ib_devices_file=file)) == [f"--gpus 0,1 --devices-file {file}"]


def converge(host: Any, *units: ServerUnit, **changes: Any) -> tuple[Changes, dict[str, Any]]:
    """Run the module."""
    found: tuple[Changes, dict[str, Any]] = host.converge(servers=[to_dict(unit) for unit in units], **changes)
    return found


def test_a_server_has_its_files_and_they_go_with_it(host: Any) -> None:
    before = host.left()
    converge(host, server(), api_key="x")
    assert {"config/sglang-a-0/environment", "units/sglang-a-0.service", "lib/prestart.py"} <= host.files()
    assert converge(host, server(), api_key="x")[0].actions == []
    converge(host)
    assert host.left() == before


def test_another_plan_makes_a_server_stale(host: Any) -> None:
    _changes, result = converge(host, server())
    host.run("sglang-a-0", result["units"]["sglang-a-0"]["digest"])
    assert converge(host, server())[1]["stale"] == []
    assert converge(host, server(digest="2"))[1]["stale"] == ["sglang-a-0"]


def test_a_new_release_makes_exactly_its_servers_stale(host: Any) -> None:
    units = [
        server(name, model=f"{host.root}/{name}/current", options=options(model_path=f"{host.root}/{name}/current"))
        for name in ("a", "b")
    ]
    for name in ("a", "b"):
        for digest in ("1", "2"):
            (host.root / name / "releases" / digest).mkdir(parents=True)
        (host.root / name / "current").symlink_to("releases/1")
    for name, state in converge(host, *units)[1]["units"].items():
        host.run(name, state["digest"])
    assert converge(host, *units)[1]["stale"] == []
    (host.root / "a/current").unlink()
    (host.root / "a/current").symlink_to("releases/2")
    changes, result = converge(host, *units)
    assert result["stale"] == ["sglang-a-0"]
    assert f"{host.root}/a/releases/2" in (host.root / "units/sglang-a-0.service").read_text()
    assert changes.actions


def test_a_new_package_makes_a_server_stale(host: Any) -> None:
    before = converge(host, server())[1]["units"]["sglang-a-0"]["digest"]
    (host.root / "lib/python3.11/site-packages/torch-3.dist-info").mkdir(parents=True)
    assert converge(host, server())[1]["units"]["sglang-a-0"]["digest"] != before


def test_keys_are_private_shown_nowhere_and_removed(host: Any) -> None:
    changes, _result = converge(host, server(), api_key="canary", admin_api_key="canary2")
    path = host.root / "config/sglang-a-0/keys.yaml"
    assert path.read_text() == 'api-key: "canary"\nadmin-api-key: "canary2"\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "canary" not in str(changes)
    gone, _result = converge(host, server())
    assert f"remove {path}" in gone.actions
    assert not path.exists()


def test_secrets_are_handed_over_by_systemd_and_shown_nowhere(host: Any) -> None:
    secrets = {"a": {"env": {"HF_TOKEN": "canary"}, "ssl_keyfile_password": "canary2"}}
    changes, result = converge(host, server(), server_secrets=secrets)
    config, unit = host.root / "config/sglang-a-0", (host.root / "units/sglang-a-0.service").read_text()
    assert (config / "secrets.json").read_text() == '{"HF_TOKEN": "canary"}\n'
    assert (config / "keys.yaml").read_text() == 'ssl-keyfile-password: "canary2"\n'
    assert stat.S_IMODE((config / "secrets.json").stat().st_mode) == 0o600
    assert f"LoadCredential=secrets.json:{config}/secrets.json" in unit.splitlines()
    assert "server.py run-with-secrets" in unit
    assert "canary" not in str(changes) + str(result) + unit + (config / "environment").read_text()
    other = {"a": {"env": {"HF_TOKEN": "another"}, "ssl_keyfile_password": "canary2"}}
    assert converge(host, server(), server_secrets=other)[1]["units"] != result["units"]
    gone, _result = converge(host, server())
    assert {f"remove {config}/secrets.json", f"remove {config}/keys.yaml"} <= {*gone.actions}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"token": "canary"}, "it has token; expected env or ssl_keyfile_password"),
        ({"env": "canary"}, r"env: it must be a mapping"),
        ({"env": {"A B": "canary"}}, "'A B' is not a name"),
        ({"env": {"A": ["canary"]}}, r"env\.A: it must be a text"),
        ({"env": {"A": "can\0ary"}}, r"env\.A: it must be a text"),
        ({"env": {"SGLANG_HOST_IP": "canary"}}, r"the plan sets SGLANG_HOST_IP, too"),
    ],
)
def test_secrets_that_nothing_could_use_are_refused_without_their_value(
    host: Any, given: dict[str, Any], found: str
) -> None:
    with pytest.raises(ValueError, match=found) as refused:
        converge(host, server(environment={"SGLANG_HOST_IP": "10.0.0.1"}), server_secrets={"a": given})
    assert "canary" not in str(refused.value)


def test_what_the_user_of_a_home_needs_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"ProtectHome=read-only", "CapabilityBoundingSet="} <= {*text(user="nobody").splitlines()}
    assert not {"ProtectHome=read-only", "CapabilityBoundingSet="} & {*text(user="root").splitlines()}


def test_the_keys_of_a_deployment_replace_those_of_all(host: Any) -> None:
    converge(host, server(), server("b"), server("c"), api_key="x", api_keys={"b": {"api_key": "y"}, "c": {}})
    assert (host.root / "config/sglang-a-0/keys.yaml").read_text() == 'api-key: "x"\n'
    assert (host.root / "config/sglang-b-0/keys.yaml").read_text() == 'api-key: "y"\n'
    assert not (host.root / "config/sglang-c-0/keys.yaml").exists()


def test_a_missing_interpreter_is_refused(host: Any) -> None:
    (host.root / "bin/python").unlink()
    with pytest.raises(
        UnitsError, match=r"there is no Python at .*; run the role sglang_runtime or correct sglang_server_python"
    ):
        converge(host, server())


def test_each_unit_runs_the_interpreter_of_its_own_release(host: Any) -> None:
    for version in ("0.5.22", "0.5.23"):
        (host.root / f"{version}/bin").mkdir(parents=True)
        (host.root / f"{version}/bin/python").symlink_to("/bin/true")
        (host.root / f"{version}/lib/python3.12/site-packages/sglang-{version}.dist-info").mkdir(parents=True)
    interpreter = f"{host.root}/{{version}}/bin/python"
    units = [server(), server("b", sglang_version="0.5.22")]
    before = converge(host, *units, interpreter=interpreter)[1]["units"]
    assert f"    {host.root}/0.5.23/bin/python -m" in (host.root / "units/sglang-a-0.service").read_text()
    assert f"    {host.root}/0.5.22/bin/python -m" in (host.root / "units/sglang-b-0.service").read_text()
    # A package of one release is no concern of the units that run the other.
    (host.root / "0.5.22/lib/python3.12/site-packages/torch-2.13.0.dist-info").mkdir()
    after = converge(host, *units, interpreter=interpreter)[1]["units"]
    assert [name for name in before if before[name]["digest"] != after[name]["digest"]] == ["sglang-b-0"]
    (host.root / "0.5.22/bin/python").unlink()
    with pytest.raises(UnitsError, match=r"there is no Python at .*/0\.5\.22/bin/python; run the role sglang_runtime"):
        converge(host, *units, interpreter=interpreter)


def test_a_link_that_leads_to_no_model_is_refused(host: Any) -> None:
    lost = f"{host.root}/models/tiny/current"
    with pytest.raises(UnitsError, match=r"models/tiny/current leads to no model; copy it with playbooks/weights.yml"):
        converge(host, server(model=lost, options=options(model_path=lost)))


def test_a_model_or_template_that_is_not_there_is_refused(host: Any) -> None:
    there, lost = f"{host.root}/there", f"{host.root}/lost"
    (host.root / "there").mkdir()
    converge(host, server(model=there, options=options(model_path=there)))
    for lacking in (options(model_path=lost), options(model_path=there, chat_template=lost)):
        with pytest.raises(UnitsError, match=r"/lost does not exist on this host; copy it there, or correct"):
            converge(host, server(model=there, options=lacking))
    # What SGLang writes comes into being later.
    converge(host, server(model=there, options=options(model_path=there, download_dir=lost)))


def test_a_missing_numactl_is_refused(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_unit, "NUMACTL", "/nonexistent/numactl")
    with pytest.raises(UnitsError, match="install the package numactl"):
        converge(host, server(), numactl=["--membind=0"])


def test_what_is_not_a_unit_of_the_plan_is_refused(host: Any) -> None:
    with pytest.raises(ValueError, match=r"servers\[0\]\.instance: it is missing"):
        host.converge(servers=[{"name": "x"}])
