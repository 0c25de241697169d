#!/bin/sh
# A scripted agent: it gets a prompt and a directory as real ones do, and does what is written here for the task.
# It commits nothing: what it leaves is committed by Regatta.
set -eu
test -s "$1"
mkdir -p lib bin tests
case $REGATTA_TASK_ID in
greet)
    printf '%s\n' 'greet() {' '    echo "hello, $1"' '}' >lib/greet.sh
    printf '%s\n' '. lib/greet.sh' 'test "$(greet world)" = "hello, world"' >tests/greet.sh
    ;;
shout)
    printf '%s\n' 'shout() {' "    tr '[:lower:]' '[:upper:]'" '}' >lib/shout.sh
    printf '%s\n' '. lib/shout.sh' 'test "$(echo a | shout)" = "A"' >tests/shout.sh
    ;;
hello)
    # Both libraries are there: this worktree began from them.
    test -f lib/greet.sh && test -f lib/shout.sh
    printf '%s\n' '. lib/greet.sh' '. lib/shout.sh' 'greet "$1" | shout' >bin/hello
    printf '%s\n' 'test "$(sh bin/hello world)" = "HELLO, WORLD"' >tests/hello.sh
    ;;
manual)
    printf '%s\n' '' '    $ sh bin/hello world' "    $(sh bin/hello world)" >>README.md
    ;;
*)
    echo "nothing is scripted for $REGATTA_TASK_ID" >&2
    exit 1
    ;;
esac
echo "did $REGATTA_TASK_ID"
