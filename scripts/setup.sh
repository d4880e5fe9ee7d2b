#!/usr/bin/env bash
# Prepare this checkout: missing system packages, .venv with the locked Python packages, skyledger itself.
#
#   scripts/setup.sh                      all of it (this is `make setup`); a second run only looks
#   scripts/setup.sh packages NAME...     install Debian packages, as root (the first form says when that is needed)
#
# Debian 12, 13 or Ubuntu 24.04 and later, Python 3.11 to 3.13, as root or as an ordinary user.
# PYTHON=/path/to/python3.12 chooses the interpreter. Package indexes are those that apt, pip and uv are set up for.
#
# No system service is started, stopped or enabled. While packages are installed, /usr/sbin/policy-rc.d forbids
# starting services; afterwards the units of newly installed packages are disabled, so that they stay down at the
# next boot as well. Nothing is removed or replaced in favour of ours (a MySQL server, say): then apt refuses.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

POLICY=/usr/sbin/policy-rc.d
POLICY_MARK="# temporary, made by skyledger's scripts/setup.sh"
export PATH="$PATH:/usr/sbin:/sbin" # an ordinary user's PATH has no servers in it

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$@" >&2; exit 1; }

# --- system packages ------------------------------------------------------------------------------------------------

# Names of the packages whose programs are missing. mariadb-server-core is the server without a service around it;
# its installer of data directories needs my_print_defaults.
missing_packages() {
    local need
    for need in mariadbd:mariadb-server-core my_print_defaults:mariadb-client-core influxd:influxdb \
        rsync:rsync sshd:openssh-server curl:curl; do
        command -v "${need%%:*}" >/dev/null || printf '%s\n' "${need#*:}"
    done
    if ! find_python >/dev/null; then
        printf '%s\n' python3 python3-venv
    elif ! find_uv >/dev/null && ! can_make_venv "$(find_python)"; then
        "$(find_python)" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
    fi
}

ensure_packages() {
    local missing=()
    if ! find_python >/dev/null && command -v "${PYTHON:-python3}" >/dev/null; then
        die "Python 3.11, 3.12 or 3.13 is needed, and ${PYTHON:-python3} is $("${PYTHON:-python3}" -V 2>&1);" \
            "PYTHON=/path/to/python3.12 chooses another one"
    fi
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "missing: ${missing[*]} (names in Debian); install them, then run this again"
    if [ "$EUID" = 0 ]; then
        bash scripts/setup.sh packages "${missing[@]}"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo -n bash scripts/setup.sh packages "${missing[@]}"
    else
        die "system packages are missing: ${missing[*]}" \
            "run this once (it starts no service), then repeat what you did:" \
            "" \
            "    sudo bash $(printf %q "$PWD")/scripts/setup.sh packages ${missing[*]}" \
            ""
    fi
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} -eq 0 ] || die "still missing after the installation: ${missing[*]}"
}

# As root. Installs the packages named, and sees to it that none of them runs.
install_packages() {
    [ "$EUID" = 0 ] || die "packages are installed by root: sudo bash scripts/setup.sh packages $*"
    local new=() package
    for package in "$@"; do
        [[ $package =~ ^[a-z0-9][a-z0-9.+-]+$ ]] || die "$package is not the name of a package"
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || new+=("$package")
    done
    say "installing with apt-get: $*"
    forbid_services
    apt_install "$@"
    for package in "${new[@]}"; do
        disable_services "$package"
    done
}

apt_install() {
    # SUSPEND: needrestart would restart services. no-remove: rather fail than push out another database server.
    local log install=(env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get install -y
        --no-install-recommends --no-remove "$@")
    log=$(mktemp)
    if ! "${install[@]}" >"$log" 2>&1 </dev/null; then
        say "updating the package lists"
        apt-get update -qq </dev/null || true # one dead source of many does no harm; the next line tells
        if ! "${install[@]}" >"$log" 2>&1 </dev/null; then
            tail -n 30 "$log" >&2
            rm -f "$log"
            die "apt-get could not install: $*"
        fi
    fi
    rm -f "$log"
}

forbid_services() {
    if [ -e "$POLICY" ] && ! grep -qF "$POLICY_MARK" "$POLICY"; then
        local status=0
        "$POLICY" influxdb start >/dev/null 2>&1 </dev/null || status=$?
        [ "$status" = 101 ] || die "$POLICY allows new packages to start services, and it is not ours to change;" \
            "install by hand, then repeat: apt-get install --no-install-recommends $*"
        return 0
    fi
    trap 'rm -f "$POLICY"' EXIT
    trap 'exit 130' INT TERM HUP
    printf '#!/bin/sh\n%s\nexit 101\n' "$POLICY_MARK" >"$POLICY"
    chmod 755 "$POLICY"
}

disable_services() {
    local unit script
    while read -r unit; do
        deb-systemd-helper disable "$unit" >/dev/null 2>&1 || true # a unit that nothing enables
    done < <(dpkg -L "$1" | sed -nE 's#^(/usr)?/lib/systemd/system/([^/@]+\.(service|socket|timer))$#\2#p')
    while read -r script; do
        update-rc.d "$script" disable >/dev/null 2>&1 || true
    done < <(dpkg -L "$1" | sed -nE 's#^/etc/init\.d/([^/]+)$#\1#p')
}

# --- Python ---------------------------------------------------------------------------------------------------------

# $PYTHON, else what .venv was made with, else the newest that fits. Tried by running: a pyenv shim may be hollow.
find_python() {
    local candidate candidates=(.venv/bin/python python3.13 python3.12 python3.11 python3)
    [ -z "${PYTHON:-}" ] || candidates=("$PYTHON")
    for candidate in "${candidates[@]}"; do
        "$candidate" -c 'import sys
if not (3, 11) <= sys.version_info[:2] <= (3, 13): sys.exit(1)
print(getattr(sys, "_base_executable", sys.executable))' 2>/dev/null && return 0
    done
    return 1
}

# The one on the path, else one that we keep for ourselves.
find_uv() { command -v uv || { [ -x .local/uv/bin/uv ] && echo .local/uv/bin/uv; }; }

can_make_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

stamp() {
    printf '%s\n' "$PWD" "$1"
    sha256sum requirements.txt requirements-dev.txt pyproject.toml scripts/setup.sh
}

# uv reads neither pip's settings, where companies state their package mirror, nor by itself the certificates that
# the system trusts.
use_settings_of_pip_and_system() {
    [ ! -e /etc/ssl/certs/ca-certificates.crt ] || export UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1 # new and old name
    [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ] || return 0
    local index=${PIP_INDEX_URL:-} python
    for python in .local/uv/bin/python "$1"; do # Debian's own Python has no pip
        [ -n "$index" ] || index=$("$python" -m pip config get global.index-url 2>/dev/null) || true
    done
    [ -z "$index" ] || export UV_DEFAULT_INDEX=$index
}

make_environment() {
    local python version uv
    python=$(find_python)
    version=$("$python" -V)
    if [ -f .venv/skyledger.stamp ] && stamp "$version" | cmp -s - .venv/skyledger.stamp; then
        say "$version, Python packages as locked"
        return 0
    fi
    if [ "$(.venv/bin/python -V 2>/dev/null)" != "$version" ] || ! grep -qsxF "$PWD" .venv/skyledger.place; then
        rm -rf .venv
    fi
    rm -f .venv/skyledger.stamp
    if ! uv=$(find_uv); then
        say "installing uv, which installs the rest"
        "$python" -m venv --clear .local/uv
        .local/uv/bin/python -m pip install -q --disable-pip-version-check uv
        uv=.local/uv/bin/uv
    fi
    use_settings_of_pip_and_system "$python"
    if [ ! -x .venv/bin/python ]; then
        say "making .venv with $version ($python)"
        "$uv" venv -q --python "$python" .venv
        printf '%s\n' "$PWD" >.venv/skyledger.place
    fi
    say "installing Python packages as locked (a minute or two the first time)"
    "$uv" pip sync -q --python .venv/bin/python requirements.txt requirements-dev.txt
    "$uv" pip install -q --python .venv/bin/python --no-deps -e .
    stamp "$version" >.venv/skyledger.stamp
    say "ready"
}

# --------------------------------------------------------------------------------------------------------------------

if [ "${1:-}" = packages ]; then
    shift
    install_packages "$@"
    exit
fi
[ $# -eq 0 ] || die "unknown argument: $1"
mkdir -p .local
exec 9>.local/setup.lock
flock 9 # `make test` beside `make demo`: one of them sets up, the other waits and finds it done
ensure_packages
make_environment
