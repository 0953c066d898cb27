#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The rounds of rounds.sh with a daemon that takes its requests from io_uring queues.
# ROUNDS in the environment: how many (5).

: "${ROUNDS:=5}"
export ROUNDS
. "$(dirname "$(readlink -f "$0")")/lib.sh"
with_rings
exec "$here/rounds.sh"
