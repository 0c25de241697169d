#!/usr/bin/env bash
# Installs the real agents that the tests start against a scripted model server, in pinned versions, into a cache
# outside the repository. Needs npm and its registry; without them it says so and ends well: those tests then say that
# they are skipped. Safe to run again. With --aider also aider, which has 570 MB, from Python's registry (3.10 to 3.12).
set -euo pipefail

me=setup-agents
skipped="the tests with real agents"
. "$(dirname "$0")/setup-lib.sh"

# folder package version: the versions that docs/agents.md calls verified
agents=(
    "codex @openai/codex 0.169.0"
    "claude @anthropic-ai/claude-code 2.1.329"
    "gemini @google/gemini-cli 0.61.0"
    "opencode opencode-ai 1.18.33"
    "codex-acp @agentclientprotocol/codex-acp 2.6.0"
)
aider_version=0.86.2

case "${1:-}" in
    "" | --aider) ;;
    *) echo "setup-agents: unknown option $1; there is --aider" >&2; exit 2 ;;
esac

install_aider() {
    local python stamp="installed-$aider_version"
    [ -e "$place/aider/$stamp" ] && return 0
    for python in python3.12 python3.11 python3.10 python3; do
        "$python" -c 'import sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && break
        python=""
    done
    if [ -z "$python" ]; then
        missing="$missing aider"
        echo "setup-agents: SKIPPED: aider needs Python 3.10 to 3.12"
        return 0
    fi
    install_python "$python" aider "$stamp" "aider-chat==$aider_version" --no-compile && return 0
    missing="$missing aider"
    echo "setup-agents: SKIPPED: pip cannot install aider-chat $aider_version; its tests will say so too"
}

command -v npm >/dev/null 2>&1 || skip "npm is missing"
command -v python3 >/dev/null 2>&1 || skip "python3 is missing, which the model server needs"
mkdir -p "$place"
install_node || skip "npm cannot install node $node_version"
missing=""
for agent in "${agents[@]}"; do
    read -r folder package version <<<"$agent"
    install_npm "$folder" "installed-$version" "$package@$version" && continue
    echo "setup-agents: SKIPPED: npm cannot install $package $version; its tests will say so too"
    missing="$missing $folder"
done
if [ "${1:-}" = --aider ]; then
    install_aider
fi
[ -n "$missing" ] || echo "setup-agents: all there, in $place"
