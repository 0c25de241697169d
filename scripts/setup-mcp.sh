#!/usr/bin/env bash
# Installs what the tests hold the MCP server against, in pinned versions, into a cache outside the repository: the public
# conformance suite and the official clients in TypeScript and Python. Needs npm, python3 with venv, and their registries;
# without them it says so and ends well: those tests then say that they are skipped. Safe to run again.
set -euo pipefail

me=setup-mcp
skipped="the tests that want it"
. "$(dirname "$0")/setup-lib.sh"

# folder and packages; docs/mcp.md names the versions
packages=(
    "mcp-conformance @modelcontextprotocol/conformance@0.2.0-alpha.12"
    "mcp-typescript @modelcontextprotocol/client@2.4.0 @modelcontextprotocol/sdk@1.32.2"
)
python_package=mcp==2.3.0

mkdir -p "$place"
command -v npm >/dev/null 2>&1 || skip "npm is missing"
install_node || skip "npm cannot install node@$node_version"
for line in "${packages[@]}"; do
    read -r -a words <<<"$line"
    install_npm "${words[0]}" "$(stamp "${words[@]:1}")" "${words[@]:1}" || skip "npm cannot install ${words[*]:1}"
done
command -v python3 >/dev/null 2>&1 || skip "python3 is missing"
install_python python3 mcp-python "$(stamp "$python_package")" "$python_package" \
    || skip "$python_package cannot be installed with pip"
echo "setup-mcp: all there, in $place"
