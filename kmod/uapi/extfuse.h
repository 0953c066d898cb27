/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What the extfuse module shares with its policies (BPF programs), its control
 * tool and the daemons that know it. Everything here is ABI.
 */
#ifndef _UAPI_EXTFUSE_H
#define _UAPI_EXTFUSE_H

#include <linux/types.h>

/* Longest policy name, with its terminating NUL. */
#define EXTFUSE_POLICY_NAME_LEN 32

/* Most policies that a binding may have. */
#define EXTFUSE_CHAIN_MAX 4

/*
 * Return value of a policy callback: leave the request to the daemon. 0 means
 * answered, -511 to -1 answered with that errno; -ENOSYS, which would switch an
 * operation off for the whole connection, and anything else is a policy bug
 * and leaves the request to the daemon as well.
 */
#define EXTFUSE_PASS 1

/*
 * File handle that a policy gives to an OPEN it answers. The daemon never
 * issued it: a request that carries it is about the nodeid alone.
 */
#define EXTFUSE_FH_NONE (~(__u64)0)

/*
 * Nodeids with this bit are never cached by the shipped policies: a daemon gives
 * them to what changes behind the kernel's back, such as virtual directories.
 */
#define EXTFUSE_NODEID_UNCACHED (((__u64)1) << 63)

/**
 * enum extfuse_req_flags - facts about a request's connection, in extfuse_req.flags
 * @EXTFUSE_REQ_DEFAULT_PERMISSIONS: the kernel checks permissions from the mode
 *	(mount option default_permissions), so an answer is good for every user.
 *	Without it an answer given to one user says nothing about another.
 * @EXTFUSE_REQ_WRITEBACK_CACHE: the kernel, not the daemon, is the authority on
 *	size, mtime and ctime of regular files.
 * @EXTFUSE_REQ_BACKGROUND: sent in the background (readahead, write-back,
 *	asynchronous direct I/O, RELEASE); the callback runs under a spinlock.
 * @EXTFUSE_REQ_REPLY: set in reply callbacks.
 * @EXTFUSE_REQ_OWNER_ONLY: mounted without allow_other, so all requests are of one user
 *	and group (and of administrators where fuse's parameter allow_sys_admin_access is on).
 */
enum extfuse_req_flags {
	EXTFUSE_REQ_DEFAULT_PERMISSIONS	= 1 << 0,
	EXTFUSE_REQ_WRITEBACK_CACHE	= 1 << 1,
	EXTFUSE_REQ_BACKGROUND		= 1 << 2,
	EXTFUSE_REQ_REPLY		= 1 << 3,
	EXTFUSE_REQ_OWNER_ONLY		= 1 << 4,
};

/**
 * struct extfuse_node_key - names an inode of one bound connection
 * @conn: connection id that EXTFUSE_CMD_BIND returned; never reused while the
 *	module is loaded
 * @nodeid: the daemon's nodeid
 *
 * Key of the maps that daemons fill, for instance the "backing" map of the
 * shipped policies (value: __u32 backing id from FUSE_DEV_IOC_BACKING_OPEN), or
 * mdcache's "lower".
 */
struct extfuse_node_key {
	__u64 conn;
	__u64 nodeid;
};

/* Generic netlink family. */
#define EXTFUSE_GENL_NAME "extfuse"
#define EXTFUSE_GENL_VERSION 1
/* Its multicast group: EXTFUSE_CMD_EVENT to whoever has CAP_SYS_ADMIN and joins. */
#define EXTFUSE_GENL_EVENTS "events"

/*
 * Histograms of times: bucket 0 counts what took less than 2^EXTFUSE_LATENCY_SHIFT
 * nanoseconds, bucket i from 1 on what took at least 2^(EXTFUSE_LATENCY_SHIFT + i - 1)
 * and less than twice that; the last one also what took longer.
 */
#define EXTFUSE_LATENCY_SHIFT 7
#define EXTFUSE_LATENCY_BUCKETS 32

/**
 * enum extfuse_cmd - generic netlink commands
 * @EXTFUSE_CMD_UNSPEC: unused
 * @EXTFUSE_CMD_VERSION_GET: do: module version and features. Anyone.
 * @EXTFUSE_CMD_POLICY_GET: dump: registered policies. CAP_SYS_ADMIN.
 * @EXTFUSE_CMD_BIND: do: bind the connection of the mount that
 *	EXTFUSE_A_FD is on to EXTFUSE_A_POLICY, or to several of them, up to
 *	EXTFUSE_CHAIN_MAX, in the order in which they are asked; optional
 *	EXTFUSE_A_TTL. If already bound, -EBUSY unless EXTFUSE_A_REPLACE is
 *	given, which exchanges all policies in one step, without leaving a
 *	request unserved. Replies EXTFUSE_A_CONN. CAP_SYS_ADMIN.
 * @EXTFUSE_CMD_UNBIND: do: undo the binding of the mount that EXTFUSE_A_FD is
 *	on, or of EXTFUSE_A_CONN. CAP_SYS_ADMIN.
 * @EXTFUSE_CMD_CONN_GET: dump: bound connections. With CAP_SYS_ADMIN all of
 *	them, otherwise those of mounts that the caller owns (user_id=).
 * @EXTFUSE_CMD_STATS_GET: dump: one message per bound connection, with
 *	statistics; with EXTFUSE_A_FD or EXTFUSE_A_CONN only that one; with
 *	EXTFUSE_A_LATENCY 1 also histograms of times, where they are measured.
 *	Same visibility as EXTFUSE_CMD_CONN_GET.
 * @EXTFUSE_CMD_CONN_SET: do: change the binding of the mount that EXTFUSE_A_FD
 *	is on, or of EXTFUSE_A_CONN: EXTFUSE_A_LATENCY. CAP_SYS_ADMIN.
 * @EXTFUSE_CMD_EVENT: sent to the group EXTFUSE_GENL_EVENTS, to sockets that were
 *	opened with CAP_SYS_ADMIN: EXTFUSE_A_EVENT, EXTFUSE_A_CONN, EXTFUSE_A_DEV,
 *	EXTFUSE_A_UID, EXTFUSE_A_POLICY, and what the event has of
 *	EXTFUSE_A_PREVIOUS, EXTFUSE_A_OPCODE, EXTFUSE_A_REASON. Never a request.
 *
 * CAP_SYS_ADMIN means in the initial user namespace.
 */
enum extfuse_cmd {
	EXTFUSE_CMD_UNSPEC,
	EXTFUSE_CMD_VERSION_GET,
	EXTFUSE_CMD_POLICY_GET,
	EXTFUSE_CMD_BIND,
	EXTFUSE_CMD_UNBIND,
	EXTFUSE_CMD_CONN_GET,
	EXTFUSE_CMD_STATS_GET,
	EXTFUSE_CMD_CONN_SET,
	EXTFUSE_CMD_EVENT,

	__EXTFUSE_CMD_MAX,
};

#define EXTFUSE_CMD_MAX (__EXTFUSE_CMD_MAX - 1)

/**
 * enum extfuse_attr - generic netlink attributes
 * @EXTFUSE_A_UNSPEC: unused
 * @EXTFUSE_A_PAD: padding
 * @EXTFUSE_A_VERSION: string, module version
 * @EXTFUSE_A_FEATURES: u32, bits of enum extfuse_features
 * @EXTFUSE_A_FD: u32, a file descriptor of the caller that lies on the mount;
 *	O_PATH is enough and sends no request to the daemon
 * @EXTFUSE_A_POLICY: string, policy name, at most EXTFUSE_POLICY_NAME_LEN - 1 bytes;
 *	of a binding once for each policy, in the order in which they are asked, or
 *	once and empty if it has none
 * @EXTFUSE_A_CONN: u64, connection id
 * @EXTFUSE_A_DEV: u32, device number of the connection as in st_dev's new
 *	encoding (major << 20 | minor); the minor names the directory under
 *	/sys/fs/fuse/connections
 * @EXTFUSE_A_TTL: u32, milliseconds for which the policy may keep an answer at
 *	the least, whatever shorter validity the daemon gave; 0 honours the
 *	daemon's, the largest value means for ever
 * @EXTFUSE_A_REPLACE: flag
 * @EXTFUSE_A_BINDINGS: u32, number of connections bound to a policy
 * @EXTFUSE_A_UID: u32, owner of the mount (user_id=), in the caller's user namespace
 * @EXTFUSE_A_OP: nest of enum extfuse_op_attr, one for each opcode that was seen
 * @EXTFUSE_A_POLICY_FLAGS: u32, the policy's flags member
 * @EXTFUSE_A_LATENCY: u8, 0 if the times of requests are not (to be) measured, else 1
 * @EXTFUSE_A_EVENT: u32, enum extfuse_event_type
 * @EXTFUSE_A_PREVIOUS: string, as EXTFUSE_A_POLICY, before EXTFUSE_EVENT_REPLACED
 * @EXTFUSE_A_REASON: string, a sentence about why
 * @EXTFUSE_A_OPCODE: u32, FUSE opcode of the request that an event is about
 */
enum extfuse_attr {
	EXTFUSE_A_UNSPEC,
	EXTFUSE_A_PAD,
	EXTFUSE_A_VERSION,
	EXTFUSE_A_FEATURES,
	EXTFUSE_A_FD,
	EXTFUSE_A_POLICY,
	EXTFUSE_A_CONN,
	EXTFUSE_A_DEV,
	EXTFUSE_A_TTL,
	EXTFUSE_A_REPLACE,
	EXTFUSE_A_BINDINGS,
	EXTFUSE_A_UID,
	EXTFUSE_A_OP,
	EXTFUSE_A_POLICY_FLAGS,
	EXTFUSE_A_LATENCY,
	EXTFUSE_A_EVENT,
	EXTFUSE_A_PREVIOUS,
	EXTFUSE_A_REASON,
	EXTFUSE_A_OPCODE,

	__EXTFUSE_A_MAX,
};

#define EXTFUSE_A_MAX (__EXTFUSE_A_MAX - 1)

/**
 * enum extfuse_op_attr - statistics of one opcode of one connection
 * @EXTFUSE_OP_A_UNSPEC: unused
 * @EXTFUSE_OP_A_PAD: padding
 * @EXTFUSE_OP_A_OPCODE: u32, FUSE opcode
 * @EXTFUSE_OP_A_ANSWERED: u64, requests answered in the kernel, errors included,
 *	also those that were carried out on a lower file;
 *	for FORGET, messages that the daemon did not need
 * @EXTFUSE_OP_A_PASSED: u64, requests that went to the daemon
 * @EXTFUSE_OP_A_ERRORS: u64, requests answered with an error by the policy
 * @EXTFUSE_OP_A_BUGS: u64, answers of the policy that were refused as invalid;
 *	these requests went to the daemon and count as passed too
 * @EXTFUSE_OP_A_BACKGROUND: u64, requests sent in the background that a policy was asked about
 * @EXTFUSE_OP_A_ANSWERED_NS: binary, u64 for each bucket of the histogram of the
 *	times that answered requests took (see EXTFUSE_LATENCY_SHIFT), from when
 *	the module takes a request up to when its answer is complete; buckets
 *	after the last one that is not 0 are left out
 * @EXTFUSE_OP_A_PASSED_NS: binary, likewise of requests that the policy was asked about and
 *	the daemon answered, from when the module takes them up to when it sees the
 *	reply
 */
enum extfuse_op_attr {
	EXTFUSE_OP_A_UNSPEC,
	EXTFUSE_OP_A_PAD,
	EXTFUSE_OP_A_OPCODE,
	EXTFUSE_OP_A_ANSWERED,
	EXTFUSE_OP_A_PASSED,
	EXTFUSE_OP_A_ERRORS,
	EXTFUSE_OP_A_BUGS,
	EXTFUSE_OP_A_BACKGROUND,
	EXTFUSE_OP_A_ANSWERED_NS,
	EXTFUSE_OP_A_PASSED_NS,

	__EXTFUSE_OP_A_MAX,
};

#define EXTFUSE_OP_A_MAX (__EXTFUSE_OP_A_MAX - 1)

/**
 * enum extfuse_event_type - what happened to a binding
 * @EXTFUSE_EVENT_UNSPEC: unused
 * @EXTFUSE_EVENT_BOUND: a connection without a policy got one, or several
 * @EXTFUSE_EVENT_REPLACED: a connection got other policies, or one of them was loaded
 *	anew, or the same were bound again; EXTFUSE_A_PREVIOUS are those before
 * @EXTFUSE_EVENT_UNBOUND: the binding was undone
 * @EXTFUSE_EVENT_GONE: the connection ended, and the binding with it
 * @EXTFUSE_EVENT_POLICY_OFF: the policy was taken off, for EXTFUSE_A_REASON; the
 *	binding is there, without it, and with its other policies if it has any
 * @EXTFUSE_EVENT_FAULT: as EXTFUSE_EVENT_POLICY_OFF, because too many of the policy's
 *	answers in a row were refused (module parameter fault_limit)
 */
enum extfuse_event_type {
	EXTFUSE_EVENT_UNSPEC,
	EXTFUSE_EVENT_BOUND,
	EXTFUSE_EVENT_REPLACED,
	EXTFUSE_EVENT_UNBOUND,
	EXTFUSE_EVENT_GONE,
	EXTFUSE_EVENT_POLICY_OFF,
	EXTFUSE_EVENT_FAULT,
};

/**
 * enum extfuse_features - what the running kernel allows
 * @EXTFUSE_FEATURE_NOTIFY: the daemon's invalidations are seen (fprobe), so
 *	policies that cache are allowed
 */
enum extfuse_features {
	EXTFUSE_FEATURE_NOTIFY	= 1 << 0,
};

#endif
