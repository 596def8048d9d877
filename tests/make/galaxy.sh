#!/usr/bin/env bash
# galaxy.sh: builds the collection and puts it through the checks that Galaxy makes on import.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH=$PWD/.venv/bin:$PATH
artefact=$(mktemp -d)
trap 'rm -rf "$artefact"' EXIT
ansible-galaxy collection build --output-path "$artefact"
cd "$artefact"
# `make lint` has more rules than the importer's own run of ansible-lint.
export GALAXY_IMPORTER_RUN_ANSIBLE_LINT=false
python -m galaxy_importer.main ./*.tar.gz | tee log
# The importer reports what ansible-doc finds as warnings; here they count.
if grep -E '^(WARNING|ERROR):' log; then
  echo "galaxy: fix the lines above"
  exit 1
fi
