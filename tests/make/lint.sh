#!/usr/bin/env bash
# lint.sh: every static check, all at the same time. The exit status tells whether all passed; what failed is printed.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
export PATH=$PWD/.venv/bin:$PATH
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
names=() pids=() failed=()

check() {
  local name=$1
  shift
  "$@" >"$logs/$name" 2>&1 &
  names+=("$name") pids+=($!)
}

# One after the other, because they share a cache.
types() {
  mypy -p ansible_collections.multinode.sglang.plugins &&
    mypy -m tests.lab.__main__ -p tests.fabric -p tests.make -p tests.checks
}

# The one that takes longest first.
check "ansible-lint" ansible-lint -q --strict --nocolor
check "ruff" ruff check --quiet .
check "ruff format" ruff format --check --quiet .
check "yamllint" yamllint --strict .
check "shellcheck" shellcheck .ci/run tests/fabric/guest/*.sh tests/make/*.sh tests/sanity/*.sh
check "mypy" types
check "layers of imports" env PYTHONPATH=collections lint-imports --cache-dir .cache/import-linter
check "changelog fragments" antsibull-changelog lint

for index in "${!pids[@]}"; do
  name=${names[index]}
  if wait "${pids[index]}"; then
    echo "== $name: ok =="
  else
    failed+=("$name")
  fi
done
for name in "${failed[@]}"; do
  echo "== $name: failed =="
  cat "$logs/$name"
done
if [ ${#failed[@]} -gt 0 ]; then
  (IFS=,; echo "lint: failed: ${failed[*]}")
  exit 1
fi
echo "lint: everything passed"
