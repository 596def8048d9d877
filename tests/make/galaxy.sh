#!/usr/bin/env bash
# galaxy.sh: builds the collection and puts it through the checks that Galaxy makes on import.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH=$PWD/.venv/bin:$PATH
artefact=$(mktemp -d)
trap 'rm -rf "$artefact"' EXIT
ansible-galaxy collection build --output-path "$artefact"
cd "$artefact"
python -m galaxy_importer.main ./*.tar.gz | tee log
# The importer reports what its ansible-lint and ansible-doc find as warnings; here they count.
if grep -E '^(WARNING|ERROR):' log; then
  echo "galaxy: the lines above must be mended"
  exit 1
fi
