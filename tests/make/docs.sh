#!/usr/bin/env bash
# docs.sh: check the documentation of every module, plugin and role, links and references included.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH=$PWD/.venv/bin:$PATH
antsibull-docs lint-collection-docs --plugin-docs \
  --validate-collection-refs=dependent --disallow-unknown-collection-refs .
