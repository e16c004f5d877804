#!/bin/bash
# Make this machine ready: Debian packages, the Python environment, base images.
#
#   machine/provision.sh [lab] [test] [vm] [images]
#
#   lab   what the workbook and the embedded guest need (the default)
#   test  what the test suite needs besides: Chromium, peers to compare with, linters
#   vm    what the Vagrant VM needs besides
#   images  the base images debian and jre, besides busybox, which is always made: a minute, once
#
# Idempotent: every step looks first and does only what is missing, so that a second run takes well under a
# second. As root it installs what is missing; as anyone else it says which packages are missing and stops,
# or goes on if none is. Nothing outside of Debian's packages, the environment and the base images is touched.
#
#   BYHAND_VENV         where the Python environment goes (default: .venv in the checkout)
#   CONTAINER_LIB_ROOT  where the engine keeps its images (default: /var/lib/container_lib)
#
# Left out: other distributions (see `vagrant up`), and cgroup settings: this never configures the machine.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=${BYHAND_VENV:-$root/.venv}
log=$root/artefacts/provision.log
arch=$(dpkg --print-architecture 2>/dev/null || uname -m)

main() {
    local sets=("$@")
    [ $# -gt 0 ] || sets=(lab)
    check_system
    one_at_a_time
    install_packages "${sets[@]}"
    make_environment
    make_base_images "${sets[@]}"
}

# --- the system -------------------------------------------------------------------------------------------

check_system() {
    local id=unknown version=unknown name="this system"
    if [ -r /etc/os-release ]; then
        # shellcheck source=/dev/null
        read -r id version name < <(. /etc/os-release && echo "${ID:-} ${VERSION_ID:-none} ${PRETTY_NAME:-}")
    fi
    case "$id-$version" in
        debian-12 | debian-13) ;;
        *) refuse "set-up knows Debian 12 and 13, this is: $name" \
            "\`vagrant up\` gives you a Debian 13 with everything in it (see README.md)" ;;
    esac
}

# Two `make` at once would both write the environment. The checkout's own directory serves as the lock.
one_at_a_time() {
    exec 9<"$root"
    flock --nonblock 9 || {
        echo "set-up: another set-up of this checkout is running, waiting for it"
        flock 9
    }
}

# --- Debian packages --------------------------------------------------------------------------------------

packages_of() {
    case "$1" in
        lab)
            echo python3 python3-venv ca-certificates busybox-static
            echo iproute2 util-linux kmod e2fsprogs procps
            # User-mode Linux, the embedded guest's kernel, exists for x86 alone.
            if [ "$arch" = amd64 ]; then
                echo user-mode-linux
                guest_packages
            fi
            ;;
        test)
            echo chromium fonts-dejavu-core # the browser test
            echo crun podman skopeo umoci strace  # peers and oracles
            echo git shellcheck vagrant mmdebstrap
            ;;
        vm) echo git make nftables strace ;;
        images) echo mmdebstrap ;;
        *) refuse "no such set of packages: '$1'" "choose from: lab test vm images" ;;
    esac
}

# The guest's own list, one package a line, with comments.
guest_packages() {
    local list=$root/machine/guest/packages.txt
    [ ! -r "$list" ] || sed 's/#.*//' "$list"
}

install_packages() {
    local wanted missing=()
    wanted=$(for set in "$@"; do packages_of "$set"; done)
    # shellcheck disable=SC2086  # a list of words
    mapfile -t missing < <(comm -13 <(installed_packages $wanted) <(printf '%s\n' $wanted | sort -u))
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        refuse "these Debian packages are missing: ${missing[*]}" \
            "as root: apt-get install --no-install-recommends ${missing[*]}"
    fi
    export DEBIAN_FRONTEND=noninteractive
    step "package lists" apt-get -o DPkg::Lock::Timeout=300 update
    step "Debian packages: ${missing[*]}" \
        apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "${missing[@]}"
}

installed_packages() {
    # dpkg-query fails where one of the names is unknown to it, and still answers for the others.
    { dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true; } |
        sed -n 's/^installed //p' | sort -u
}

# --- the Python environment -------------------------------------------------------------------------------

make_environment() {
    local want stamp=$venv/.made-from
    want=$(cd "$root" && {
        echo "$root"
        /usr/bin/python3 --version
        cat requirements.lock pyproject.toml machine/provision.sh
    } | sha256sum)
    [ ! -x "$venv/bin/python" ] || [ "$(cat "$stamp" 2>/dev/null)" != "$want" ] || return 0
    rm -f "$stamp"
    # Debian's own interpreter: a version manager's shim in PATH may be another version, and starts slowly.
    same_python || step "Python environment in $venv" /usr/bin/python3 -m venv --clear "$venv"
    step "Python packages: $(grep -c '==' "$root/requirements.lock"), pinned in requirements.lock" \
        "$venv/bin/python" -m pip install --disable-pip-version-check --no-deps -r "$root/requirements.lock"
    step "container_lib, from this checkout" \
        "$venv/bin/python" -m pip install --disable-pip-version-check --no-deps --no-build-isolation -e "$root"
    echo "$want" >"$stamp"
}

same_python() {
    [ "$("$venv/bin/python" --version 2>/dev/null)" = "$(/usr/bin/python3 --version)" ]
}

# --- base images ------------------------------------------------------------------------------------------

make_base_images() {
    local target=${CONTAINER_LIB_ROOT:-/var/lib/container_lib} image images=(busybox)
    [[ " $* " != *" images "* ]] || images=(busybox debian jre)
    # Without root, only what was asked for is tried; it fails, and says why.
    [ "$(id -u)" = 0 ] || [ -n "${CONTAINER_LIB_ROOT:-}" ] || [ ${#images[@]} -gt 1 ] || return 0
    cd "$root" # where the module is
    for image in "${images[@]}"; do
        "$venv/bin/python" -m machine.base_image --check --root "$target" "$image" 2>/dev/null ||
            step "base image $image in $target" "$venv/bin/python" -m machine.base_image --root "$target" "$image"
    done
}

# --- how it speaks ----------------------------------------------------------------------------------------

# step WHAT COMMAND…: one line for a person, the command's own words in the log, its end on the screen if it fails.
step() {
    local what=$1 began=$SECONDS
    shift
    mkdir -p "$(dirname "$log")"
    printf '\n==> %s\n    %s\n' "$what" "$*" >>"$log"
    printf 'set-up: %s … ' "$what"
    [ ! -t 1 ] || follow "$what" &
    if "$@" >>"$log" 2>&1 </dev/null; then
        stop_following "$what"
        echo "$((SECONDS - began)) s"
    else
        stop_following "$what"
        printf 'failed\n\n'
        tail -n 25 "$log"
        refuse "that step failed: $what" "the whole log is $log"
    fi
}

# On a terminal: every second, how long it has taken and what the command said last. Ends with this script.
follow() {
    local began=$SECONDS
    while sleep 1 && kill -0 $$ 2>/dev/null; do
        printf '\r\033[Kset-up: %s … %d s  %.50s' "$1" $((SECONDS - began)) "$(tail -n 1 "$log" | tr -dc '[:print:]')"
    done
}

stop_following() {
    kill %% 2>/dev/null || return 0
    wait %% 2>/dev/null || true
    [ ! -t 1 ] || printf '\r\033[Kset-up: %s … ' "$1"
}

refuse() {
    printf '\nset-up: %s\nhint: %s\n' "$1" "$2" >&2
    exit 1
}

main "$@"
