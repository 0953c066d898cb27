# SPDX-License-Identifier: GPL-2.0
#
# A PostgreSQL of a test's own, in $dir/pg, reached by a Unix socket there and, for
# replication, on 127.0.0.1. Sourced after lib.sh.

pg_bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
pg=$dir/pg
pg_user=$(id -un postgres 2>/dev/null || echo nobody)

# pg_as COMMAND...: as the user that it runs as.
pg_as()
{
	(cd / && setpriv --reuid "$pg_user" --regid "$(id -g "$pg_user")" --clear-groups \
		env HOME="$pg" PATH="$pg_bin:$PATH" "$@")
}

# A port that nobody listens on.
pg_port()
{
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# pg_uri [NAME...]: of the first that can be written to.
pg_uri()
{
	local name hosts=

	for name in "${@:-main}"; do
		hosts+=${hosts:+,}127.0.0.1:$(cat "$pg/$name.port")
	done
	echo "postgresql://$pg_user@$hosts/postgres"
}

# pg_init NAME: a new server.
pg_init()
{
	mkdir -p "$pg" && chmod 755 "$dir" "$pg" && chown "$pg_user" "$pg" || return
	pg_as initdb -A trust -N -D "$pg/$1" --locale C.UTF-8 -E UTF8 >"$dir/initdb.log" 2>&1 ||
		{ sed 's/^/# /' "$dir/initdb.log"; return 1; }
	pg_port >"$pg/$1.port"
	cat >>"$pg/$1/postgresql.conf" <<-END
		fsync = on
		max_connections = 50
		shared_buffers = 16MB
		unix_socket_directories = '$pg'
		listen_addresses = '127.0.0.1'
		wal_level = replica
		wal_receiver_status_interval = 1s
		port = $(cat "$pg/$1.port")
	END
}

# pg_start [NAME], pg_stop [NAME [MODE]]
pg_start()
{
	local name=${1:-main}

	pg_as pg_ctl -s -w -t 120 -D "$pg/$name" -l "$pg/$name.log" start >/dev/null ||
		{ tail -n 20 "$pg/$name.log" | sed 's/^/# /'; return 1; }
}

pg_stop()
{
	[ ! -e "$pg/${1:-main}/postmaster.pid" ] ||
		pg_as pg_ctl -s -w -t 120 -D "$pg/${1:-main}" -m "${2:-fast}" stop >/dev/null 2>&1
}

# pg_kill [NAME]: SIGKILL for the server, and its processes with it.
pg_kill()
{
	local pid i

	pid=$(head -n 1 "$pg/${1:-main}/postmaster.pid") || return
	kill -KILL "$pid" $(pgrep -P "$pid")
	for ((i = 0; i < 300; i++)); do
		# It may be left to nobody to wait for.
		grep -qs "^State:.[^ZX]" "/proc/$pid/status" || break
		sleep 0.1
	done
	rm -f "$pg/${1:-main}/postmaster.pid" "$pg/.s.PGSQL.$(cat "$pg/${1:-main}.port").lock"
}

# pg_standby NAME: a synchronous standby of main.
pg_standby()
{
	local conf=$pg/$1/postgresql.conf

	pg_as pg_basebackup -D "$pg/$1" -R -c fast -d "$(pg_uri main) application_name=$1" \
		>/dev/null 2>&1 || pg_as pg_basebackup -D "$pg/$1" -R -c fast -h 127.0.0.1 \
		-p "$(cat "$pg/main.port")" -U "$pg_user" || return
	pg_port >"$pg/$1.port"
	echo "port = $(cat "$pg/$1.port")" >>"$conf"
	echo "cluster_name = '$1'" >>"$conf"
	pg_start "$1" || return
	pg_sql main "ALTER SYSTEM SET synchronous_standby_names = '*'" &&
		pg_sql main "SELECT pg_reload_conf()" >/dev/null || return
	eventually 600 pg_is main "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'" 1
}

# pg_sql NAME SQL
pg_sql()
{
	pg_as psql -qAtX -h 127.0.0.1 -p "$(cat "$pg/$1.port")" -d postgres -c "$2"
}

# pg_is NAME SQL ANSWER
pg_is()
{
	[ "$(pg_sql "$1" "$2" 2>/dev/null)" = "$3" ]
}

# eventually TENTHS COMMAND...: within that time.
eventually()
{
	local i tenths=$1

	shift
	for ((i = 0; i < tenths * ${SLOWER:-1}; i++)); do
		"$@" && return
		sleep 0.1
	done
	return 1
}

pg_end()
{
	local file

	for file in "$pg"/*.port; do
		[ ! -e "$file" ] || pg_stop "$(basename "$file" .port)" immediate
	done
}

pg_needed()
{
	[ -n "$pg_bin" ] && return
	ktap_print_header
	ktap_skip_all "needs PostgreSQL"
	exit "$KSFT_SKIP"
}
