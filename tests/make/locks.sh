#!/usr/bin/env bash
# locks.sh [DIR]: write the locks of the runtime and the routers, with the versions that the present ones have where they
# still fit. Remove a lock first to have the newest packages in it.
set -euo pipefail
cd "$(dirname "$0")/../.." || exit
locks=roles/sglang_runtime/files/locks
into=${1:-$locks}

# Distribution, release, and the oldest Python that it is for.
while read -r name release python; do
  file=$name-$release.txt
  [ "$into" = "$locks" ] || cp "$locks/$file" "$into/$file"
  # uv trusts authorities of its own otherwise, and not those of this machine.
  echo "$name==$release" | UV_SYSTEM_CERTS=1 .venv/bin/uv pip compile - --quiet --universal --generate-hashes \
    --only-binary :all: --python-version "$python" --no-annotate --no-header --output-file "$into/$file"
done <<'LOCKS'
sglang 0.5.23 3.11
sglang-router 0.3.2 3.9
smg 1.13.0 3.9
LOCKS
