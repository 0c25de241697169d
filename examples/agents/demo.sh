#!/bin/sh
# Four agents work on one small repository at once, each in a worktree of its own; their work is merged in order behind a
# test gate. The agents are scripted (agent.sh), so this needs no account and no key.
#
#     sh examples/agents/demo.sh [DIRECTORY]        a new directory; target/agents-demo unless one is named
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
top=$(CDPATH= cd -- "$here/../.." && pwd)
place=${1:-"$top/target/agents-demo"}

# Not optimised, and with the progress of cargo: the first look should not take ten minutes of silence. Who measures or
# installs it builds with `--release`.
cargo build --manifest-path "$top/Cargo.toml" -p regatta
regatta=${CARGO_TARGET_DIR:-"$top/target"}/debug/regatta

rm -rf "$place"
mkdir -p "$place"
cp -R "$here/repo/." "$place/"
cp "$here/plan.yaml" "$here/agent.sh" "$place/"
cd "$place"
git init --quiet --initial-branch=main
git config user.name "You"
git config user.email "you@example.com"
git add --all
git commit --quiet --message "A program that says nothing yet"

"$regatta" run plan.yaml

echo
echo "main, in $place:"
git log --graph --oneline --no-decorate
echo
sh bin/hello world
