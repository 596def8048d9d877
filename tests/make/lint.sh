#!/usr/bin/env bash
# lint.sh: every static check, quick ones first. All of them run; the exit status tells whether all passed.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
export PATH=$PWD/.venv/bin:$PATH
failed=()

check() {
  local name=$1
  shift
  echo "== $name =="
  "$@" || failed+=("$name")
}

check "ruff" ruff check --quiet .
check "ruff format" ruff format --check --quiet .
check "yamllint" yamllint --strict .
check "shellcheck" shellcheck .ci/run tests/fabric/guest/*.sh tests/make/*.sh tests/sanity/*.sh
check "mypy, plugins" mypy -p ansible_collections.multinode.sglang.plugins
check "mypy, tests" mypy -m tests.lab.__main__ -p tests.fabric -p tests.make -p tests.checks
check "changelog fragments" antsibull-changelog lint
check "ansible-lint" ansible-lint -q --strict --nocolor

if [ ${#failed[@]} -gt 0 ]; then
  (IFS=,; echo "lint: failed: ${failed[*]}")
  exit 1
fi
echo "lint: everything passed"
