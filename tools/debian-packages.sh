#!/bin/sh
# usage: tools/debian-packages.sh [--optional] PACKAGE...
# Installs the packages whose programs are missing, as root or with a sudo that asks nothing; starts no service.
# Otherwise says which are missing and fails; with --optional it only says so.
set -eu

optional=
if [ "${1:-}" = --optional ]; then optional=yes; shift; fi

is_there() {
    case $1 in
        kannel) [ -x /usr/sbin/bearerbox ] || command -v bearerbox > /dev/null ;;
        kannel-extras) [ -x /usr/lib/kannel/test/fakesmsc ] || command -v fakesmsc > /dev/null ;;
        uidmap) command -v newuidmap > /dev/null ;;
        sip-tester) command -v sipp > /dev/null ;;
        postgresql) ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 ;;
        chromium) command -v chromium > /dev/null ;;
        fonts-noto-cjk) [ -e /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc ] ;;
        python3-venv) python3 -c 'import ensurepip' 2> /dev/null ;;
        *) command -v "$1" > /dev/null ;;
    esac
}

missing=
for package in "$@"; do
    is_there "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

give_up() {
    if [ -n "$optional" ]; then
        echo "Note: Debian's$missing is not installed ($1); going on without."
        exit 0
    fi
    echo "These Debian packages are missing:$missing" >&2
    echo "$1. Install them: sudo apt-get install --no-install-recommends$missing" >&2
    exit 1
}

command -v apt-get > /dev/null || give_up "This system has no apt-get"
if [ "$(id -u)" != 0 ]; then
    sudo -n true 2> /dev/null || give_up "That needs root, or sudo without a password"
    exec sudo -n "$0" ${optional:+--optional} "$@"
fi

policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
echo "Installing Debian's$missing"
export DEBIAN_FRONTEND=noninteractive
{
    apt-get -qq update &&
        # shellcheck disable=SC2086
        apt-get -qq install --yes --no-install-recommends $missing
} > /dev/null < /dev/null || give_up "apt-get could not install them"
