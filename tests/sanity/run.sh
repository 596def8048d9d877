#!/usr/bin/env bash
# run.sh sanity|units [ARGUMENTS]: run ansible-test on a copy of the files, at the path that it requires.
# Sanity checks the files of the built collection under each installed ansible-core. Units runs the tests of modules
# under the oldest one, unless arguments name others; `make unit` runs all of them.
set -euo pipefail
cd "$(dirname "$0")/../.."
command=$1
shift
repo=$PWD
cache=${SGLANG_LAB_CACHE:-$HOME/.cache/multinode-sglang-lab}/ansible-test
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
collection=$copy/ansible_collections/multinode/sglang

copy_files() {
  mkdir -p "$collection"
  # ansible-test refuses links to directories, and the link in collections/ leads back to this very tree.
  local left_out=(':!collections' ':!molecule' ':!tests')
  [ "$command" = sanity ] || left_out=(':!collections')
  git ls-files -z --cached --others --exclude-standard -- . "${left_out[@]}" |
    while IFS= read -r -d '' file; do [ -e "$file" ] && printf '%s\0' "$file"; done |
    tar --create --null --files-from=- | tar --extract --directory "$collection"
  git -C "$collection" init --quiet
}

# ansible-test keeps its environments in ~/.ansible; a home of its own leaves the user's alone.
prepare_home() {
  mkdir -p "$cache/.ansible/test/cache"
  # The name carries the version of pip that each ansible-core asks for.
  cp tests/sanity/get_pip.py "$cache/.ansible/test/cache/get_pip_24_2.py"
  cp tests/sanity/get_pip.py "$cache/.ansible/test/cache/get_pip_25_2.py"
  [ ! -e "$HOME/.config/pip/pip.conf" ] || export PIP_CONFIG_FILE=${PIP_CONFIG_FILE:-$HOME/.config/pip/pip.conf}
  export PIP_CACHE_DIR=${PIP_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/pip}
}

ansible_test() {
  local venv=$1 python version
  shift
  version=$("$venv/bin/ansible" --version)
  python=$("$venv/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  echo "== ansible-test $command, ${version%%$'\n'*}, Python $python =="
  (cd "$collection" && HOME=$cache PATH=$repo/$venv/bin:$PATH \
    "$repo/$venv/bin/ansible-test" "$command" --local --python "$python" "$@")
}

copy_files
prepare_home
if [ "$command" = units ]; then
  ansible_test .venv "${@:-tests/unit/plugins/modules/}"
  exit
fi
status=0
for venv in .venv .venv-core2.21; do
  if [ -x "$venv/bin/ansible-test" ]; then
    ansible_test "$venv" --requirements "$@" || status=1
  else
    echo "$venv is not there: sanity is not run with it."
  fi
done
exit $status
