# What the scripts share that install things for the tests, in pinned versions, into a cache outside the repository; POSIX sh,
# to be sourced. They say who they are first: `me`, and `skipped`, the tests that say so where something is missing.
# shellcheck shell=sh

place="${REGATTA_TEST_AGENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/regatta-tests}"
node_version=24.21.0

# skip REASON: nothing more can be had, which is no error.
skip() {
    echo "$me: SKIPPED: $1; $skipped will say so too"
    exit 0
}

# stamp PACKAGE…: the name of an empty file that says which packages are whole in a folder.
stamp() {
    printf 'installed-%s\n' "$(printf '%s' "$*" | tr -d @ | tr -c 'A-Za-z0-9.' -)"
}

# install_npm FOLDER STAMP PACKAGE…: a folder is moved into its place when it is whole.
install_npm() (
    folder="$1" stamp="$2"
    shift 2
    [ -e "$place/$folder/$stamp" ] && exit 0
    echo "$me: npm install $*"
    rm -rf "$place/$folder" "$place/$folder.new"
    mkdir -p "$place/$folder.new"
    (cd "$place/$folder.new" && npm install --no-audit --no-fund --no-update-notifier --loglevel=error "$@" >/dev/null) \
        || { rm -rf "$place/$folder.new"; exit 1; }
    : >"$place/$folder.new/$stamp"
    mv "$place/$folder.new" "$place/$folder"
)

# install_node: the one that all of it runs on.
install_node() {
    install_npm node "installed-$node_version" "node@$node_version"
}

# install_python PYTHON FOLDER STAMP PACKAGE [OPTION…]: a virtual environment names its own path, so it is made in its place;
# the stamp comes last.
install_python() (
    python="$1" dir="$place/$2" stamp="$3" package="$4"
    shift 4
    [ -e "$dir/$stamp" ] && exit 0
    echo "$me: pip install $package"
    rm -rf "$dir"
    "$python" -m venv "$dir" && "$dir/bin/pip" install --quiet --disable-pip-version-check "$@" "$package" \
        || { rm -rf "$dir"; exit 1; }
    : >"$dir/$stamp"
)
