#!/usr/bin/env bash
# venv.sh DIR FIRST-MINOR oldest|newest REQUIREMENTS...: make a virtual environment, or bring it up to date.
# Take the oldest or the newest Python 3 on this machine that is at least 3.FIRST-MINOR.
set -euo pipefail
dir=$1 first=$2 order=$3
shift 3

runs() { "$1" -c "import sys; sys.exit(sys.version_info < (3, $first))" 2>/dev/null; }

find_python() {
  local minors minor candidate
  minors=$(seq "$first" 19)
  [ "$order" = oldest ] || minors=$(seq 19 -1 "$first")
  for minor in $minors; do
    for candidate in "python3.$minor" "${PYENV_ROOT:-$HOME/.pyenv}/versions/3.$minor".*/bin/python3; do
      command -v "$candidate" >/dev/null && runs "$candidate" && echo "$candidate" && return
    done
  done
  runs python3 && echo python3
}

make_venv() {
  "$1" -m venv "$dir" && return
  # Debian keeps ensurepip in a package of its own.
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "'$1 -m venv' does not work: install your distribution's python3-venv, then run make again." >&2
    return 1
  fi
  echo "'$1 -m venv' does not work here: installing python3-venv from the distribution's packages."
  apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
  rm -rf "$dir"
  "$1" -m venv "$dir"
}

if ! "$dir/bin/python" -m pip --version >/dev/null 2>&1; then
  python=$(find_python) || {
    echo "No Python 3.$first or later was found: $dir is not made." >&2
    exit 3
  }
  echo "Making $dir with $("$python" --version) (the packages take a minute or two to install)."
  make_venv "$python"
fi
options=()
for file; do options+=(-r "$file"); done
# Print one dot for each line of pip's output, which is a page long.
"$dir/bin/python" -m pip install --disable-pip-version-check "${options[@]}" |
  awk '{ printf "."; fflush() } END { print "" }'
