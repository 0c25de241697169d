#!/usr/bin/env bash
# Installs the real agents that the tests start against a scripted model server, in pinned versions, into a cache
# outside the repository. Needs npm and its registry; without them it says so and ends well: those tests then say that
# they are skipped. Safe to run again. With --aider also aider, which has 570 MB, from Python's registry (3.10 to 3.12).
set -euo pipefail

place="${REGATTA_TEST_AGENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/regatta-tests}"
# folder package version: the versions that docs/agents.md calls verified
agents=(
    "codex @openai/codex 0.169.0"
    "claude @anthropic-ai/claude-code 2.1.329"
    "gemini @google/gemini-cli 0.61.0"
    "opencode opencode-ai 1.18.33"
    "codex-acp @agentclientprotocol/codex-acp 2.6.0"
)
node_version=24.21.0
aider_version=0.86.2

case "${1:-}" in
    "" | --aider) ;;
    *) echo "setup-agents: unknown option $1; there is --aider" >&2; exit 2 ;;
esac

skip() {
    echo "setup-agents: SKIPPED: $1; the tests with real agents will say so too"
    exit 0
}

# install FOLDER PACKAGE VERSION; a folder is moved into its place when it is whole.
install() {
    local folder="$1" package="$2" version="$3"
    local stamp="$place/$folder/installed-$version"
    [ -e "$stamp" ] && return 0
    echo "setup-agents: npm install $package@$version"
    rm -rf "$place/$folder" "$place/$folder.new"
    mkdir -p "$place/$folder.new"
    (cd "$place/$folder.new" && npm install --no-audit --no-fund --no-update-notifier --loglevel=error "$package@$version" >/dev/null) \
        || { rm -rf "$place/$folder.new"; return 1; }
    : >"$place/$folder.new/installed-$version"
    mv "$place/$folder.new" "$place/$folder"
}

# A virtual environment names its own path, so it is made in its place; the stamp comes last.
install_aider() {
    local dir="$place/aider" python
    local stamp="$dir/installed-$aider_version"
    [ -e "$stamp" ] && return 0
    for python in python3.12 python3.11 python3.10 python3; do
        "$python" -c 'import sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && break
        python=""
    done
    if [ -z "$python" ]; then
        missing="$missing aider"
        echo "setup-agents: SKIPPED: aider needs Python 3.10 to 3.12"
        return 0
    fi
    echo "setup-agents: pip install aider-chat==$aider_version"
    rm -rf "$dir"
    if "$python" -m venv "$dir" && "$dir/bin/pip" install --quiet --disable-pip-version-check --no-compile "aider-chat==$aider_version"; then
        : >"$stamp"
    else
        rm -rf "$dir"
        missing="$missing aider"
        echo "setup-agents: SKIPPED: pip cannot install aider-chat $aider_version; its tests will say so too"
    fi
}

command -v npm >/dev/null 2>&1 || skip "npm is missing"
command -v python3 >/dev/null 2>&1 || skip "python3 is missing, which the model server needs"
mkdir -p "$place"
install node node "$node_version" || skip "npm cannot install node $node_version"
missing=""
for agent in "${agents[@]}"; do
    read -r folder package version <<<"$agent"
    install "$folder" "$package" "$version" && continue
    echo "setup-agents: SKIPPED: npm cannot install $package $version; its tests will say so too"
    missing="$missing $folder"
done
if [ "${1:-}" = --aider ]; then
    install_aider
fi
[ -n "$missing" ] || echo "setup-agents: all there, in $place"
