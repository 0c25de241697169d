#!/usr/bin/env bash
# Installs the real agents that the tests start against a scripted model server, in pinned versions, into a cache
# outside the repository. Needs npm and its registry; without them it says so and ends well: those tests then say that
# they are skipped. Safe to run again.
set -euo pipefail

place="${REGATTA_TEST_AGENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/regatta-tests}"
# folder package version: the versions that docs/agents.md calls verified
agents=(
    "codex @openai/codex 0.169.0"
    "claude @anthropic-ai/claude-code 2.1.329"
    "codex-acp @agentclientprotocol/codex-acp 2.6.0"
)
node_version=24.21.0

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

command -v npm >/dev/null 2>&1 || skip "npm is missing"
command -v python3 >/dev/null 2>&1 || skip "python3 is missing, which the model server needs"
mkdir -p "$place"
install node node "$node_version" || skip "npm cannot install node $node_version"
for agent in "${agents[@]}"; do
    read -r folder package version <<<"$agent"
    install "$folder" "$package" "$version" || skip "npm cannot install $package $version"
done
echo "setup-agents: all there, in $place"
