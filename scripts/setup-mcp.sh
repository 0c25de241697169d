#!/usr/bin/env bash
# Installs what the tests hold the MCP server against, in pinned versions, into a cache outside the repository: the public
# conformance suite and the official clients in TypeScript and Python. Needs npm, python3 with venv, and their registries;
# without them it says so and ends well: those tests then say that they are skipped. Safe to run again.
set -euo pipefail

place="${REGATTA_TEST_AGENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/regatta-tests}"
node_version=24.21.0
# folder and packages; docs/mcp.md names the versions
packages=(
    "node node@$node_version"
    "mcp-conformance @modelcontextprotocol/conformance@0.2.0-alpha.12"
    "mcp-typescript @modelcontextprotocol/client@2.4.0 @modelcontextprotocol/sdk@1.32.2"
)
python_package=mcp==2.3.0

skip() {
    echo "setup-mcp: SKIPPED: $1; the tests that want it will say so too"
    exit 0
}

# The name of a stamp that says which packages are whole in a folder.
stamp() {
    local all="$*"
    all="${all//@/}"
    echo "installed-${all//[^A-Za-z0-9.]/-}"
}

# install_npm FOLDER PACKAGE…; a folder is moved into its place when it is whole.
install_npm() {
    local folder="$1"
    shift
    # setup-agents.sh installs the same node, under a stamp of its own.
    [ "$folder" = node ] && [ -e "$place/node/installed-$node_version" ] && return 0
    local stamp
    stamp="$(stamp "$@")"
    [ "$folder" = node ] && stamp="installed-$node_version"
    [ -e "$place/$folder/$stamp" ] && return 0
    echo "setup-mcp: npm install $*"
    rm -rf "$place/$folder" "$place/$folder.new"
    mkdir -p "$place/$folder.new"
    (cd "$place/$folder.new" && npm install --no-audit --no-fund --no-update-notifier --loglevel=error "$@" >/dev/null) \
        || { rm -rf "$place/$folder.new"; return 1; }
    : >"$place/$folder.new/$stamp"
    mv "$place/$folder.new" "$place/$folder"
}

# A virtual environment names its own path, so it is made in its place; the stamp comes last.
install_python() {
    local dir="$place/mcp-python" stamp
    stamp="$(stamp "$1")"
    [ -e "$dir/$stamp" ] && return 0
    echo "setup-mcp: pip install $1"
    rm -rf "$dir"
    python3 -m venv "$dir" && "$dir/bin/pip" install --quiet --disable-pip-version-check "$1" || { rm -rf "$dir"; return 1; }
    : >"$dir/$stamp"
}

mkdir -p "$place"
command -v npm >/dev/null 2>&1 || skip "npm is missing"
for line in "${packages[@]}"; do
    read -r -a words <<<"$line"
    install_npm "${words[@]}" || skip "npm cannot install ${words[*]:1}"
done
command -v python3 >/dev/null 2>&1 || skip "python3 is missing"
install_python "$python_package" || skip "$python_package cannot be installed with pip"
echo "setup-mcp: all there, in $place"
