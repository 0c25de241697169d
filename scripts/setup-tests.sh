#!/usr/bin/env bash
# Installs the programs the tests start, if any is missing. Safe to run again; on Debian as root or with sudo.
set -euo pipefail

# program:package
needs=(dash:dash bash:bash git:git setsid:util-linux script:bsdutils ps:procps groff:groff-base)

# Without these some tests say that they are skipped.
wished=(git-lfs:git-lfs)

missing_packages() {
    local need
    for need in "$@"; do
        command -v "${need%%:*}" >/dev/null 2>&1 || echo "${need##*:}"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        echo "setup-tests: cannot run '$*': neither root nor sudo" >&2
        return 1
    fi
}

# Real agents for the tests that want them; those say that they are skipped where this cannot install them.
bash "$(dirname "$0")/setup-agents.sh"
# And what the MCP server is held against.
bash "$(dirname "$0")/setup-mcp.sh"

mapfile -t packages < <(missing_packages "${needs[@]}" "${wished[@]}")
if [ "${#packages[@]}" -eq 0 ]; then
    echo "setup-tests: nothing to install"
    exit 0
fi

echo "setup-tests: missing: ${packages[*]}"
if ! command -v apt-get >/dev/null 2>&1; then
    echo "setup-tests: no apt-get here; install these by hand: ${packages[*]}" >&2
    exit 1
fi

echo "setup-tests: apt-get update"
as_root apt-get update -qq || echo "setup-tests: the package registry is unreachable; trying what is known already" >&2
echo "setup-tests: apt-get install ${packages[*]}"
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" \
    || echo "setup-tests: the installation failed" >&2

mapfile -t packages < <(missing_packages "${needs[@]}")
if [ "${#packages[@]}" -ne 0 ]; then
    echo "setup-tests: still missing: ${packages[*]}" >&2
    exit 1
fi
echo "setup-tests: all there"
