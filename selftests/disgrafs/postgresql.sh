#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tags.sh with the index in PostgreSQL; TEST= as there.

. "$(dirname "$(readlink -f "$0")")/lib.sh"
. "$here/database.sh"

once 7.3
pg_needed
trap 'pg_end; cleanup' EXIT
pg_init main && pg_start main || ktap_exit_fail_msg "PostgreSQL does not start"
# What both databases do in one way is tested with the other; unit-postgresql is about the rest.
default='tags are set|find expressions$|check finds'
DATABASE=$(pg_uri main) SCRATCH=$dir VARIANTS=${VARIANTS%% *} TEST=${TEST-$default} "$here/tags.sh"
