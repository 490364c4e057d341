#!/bin/sh
# usage: tools/with-debian-postgres.sh COMMAND...
# Runs a command with TOCSIN_DATABASE_URL set to a private cluster of Debian's PostgreSQL, which is gone afterwards.
set -eu

programs=$(ls -d /usr/lib/postgresql/*/bin 2> /dev/null | sort -V | tail -n 1)
[ -n "$programs" ] || { echo "Debian's PostgreSQL is not installed: apt-get install postgresql" >&2; exit 1; }

folder=$(mktemp -d /tmp/tocsin-debian-XXXXXX)
if [ "$(id -u)" = 0 ]; then
    chown postgres "$folder"
    as_server() { (cd / && exec setpriv --reuid postgres --regid postgres --init-groups "$@"); }
else
    as_server() { (cd / && exec "$@"); }
fi
finish() {
    as_server "$programs/pg_ctl" -D "$folder/data" -m immediate stop > /dev/null 2>&1 || true
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

as_server "$programs/initdb" -D "$folder/data" -U tocsin --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync > /dev/null
as_server "$programs/pg_ctl" -D "$folder/data" -l "$folder/log" -w start > /dev/null \
    -o "-k $folder -c listen_addresses='' -c fsync=off -c full_page_writes=off -c synchronous_commit=off"
as_server "$programs/createdb" -h "$folder" -U tocsin tocsin
echo "On $("$programs/postgres" --version) in $folder"
TOCSIN_DATABASE_URL="postgresql://tocsin@/tocsin?host=$folder" "$@"
