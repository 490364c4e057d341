#!/bin/sh
# usage: tools/debian-postfix.sh
# Unpacks Debian's Postfix into .cache/postfix, as any user; does nothing when it is there. Prints the folder. It is not
# installed, which would take the mail server away that this machine may have.
set -eu
cd "$(dirname "$0")/.."
folder=$PWD/.cache/postfix

# usage: unpack FOLDER PACKAGE...
unpack() {
    to=$1; shift
    (cd "$to" && apt-get -qq -o APT::Sandbox::User=root $APT_OPTIONS download "$@" > /dev/null) || return 1
    for package in "$to"/*.deb; do
        dpkg-deb --extract "$package" "$to/root"
        rm "$package"
    done
}

lacks_libraries() {
    LD_LIBRARY_PATH=$1/usr/lib/postfix ldd "$1"/usr/lib/postfix/sbin/master "$1"/usr/lib/postfix/sbin/smtpd | grep -q 'not found'
}

if [ ! -e "$folder/usr/lib/postfix/sbin/master" ]; then
    command -v apt-get > /dev/null || { echo "Postfix is taken from Debian, and this system has no apt-get." >&2; exit 1; }
    mkdir -p .cache
    work=$(mktemp -d "$PWD/.cache/postfix-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    APT_OPTIONS=
    if ! unpack "$work" postfix 2> /dev/null; then  # no list of packages, or an old one: a list of our own
        mkdir -p "$work/lists/partial" "$work/archives/partial"
        APT_OPTIONS="-o Dir::State::Lists=$work/lists -o Dir::Cache=$work"
        # shellcheck disable=SC2086
        apt-get -qq -o APT::Sandbox::User=root $APT_OPTIONS update > /dev/null
        unpack "$work" postfix || { echo "Debian's postfix could not be fetched." >&2; exit 1; }
    fi
    if lacks_libraries "$work/root"; then
        # shellcheck disable=SC2046,SC2086
        unpack "$work" $(apt-cache $APT_OPTIONS depends --important postfix | sed -n 's/^ *Depends: \(lib[^c].*\|libc[^6].*\)/\1/p')
    fi
    mv -T "$work/root" "$folder" 2> /dev/null || [ -e "$folder/usr/lib/postfix/sbin/master" ]  # another one was faster
fi
# Its master runs as root alone; whoever is not is root in a user namespace, which needs Debian's uidmap.
[ "$(id -u)" = 0 ] || tools/debian-packages.sh uidmap >&2
echo "$folder"
