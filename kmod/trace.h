/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints, in tracefs under events/extfuse. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM extfuse

#if !defined(EXTFUSE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define EXTFUSE_TRACE_H

#include <linux/fuse.h>
#include <linux/kdev_t.h>
#include <linux/tracepoint.h>

#include "compat.h"
#include "conn.h"

#ifndef EXTFUSE_TRACE_ONCE
#define EXTFUSE_TRACE_ONCE
/**
 * enum extfuse_passed - why a request went to the daemon
 * @EXTFUSE_PASSED_POLICY: the policy said so, or has no callback for it
 * @EXTFUSE_PASSED_BUG: the policy's answer was refused
 * @EXTFUSE_PASSED_OPCODE: no policy is asked about such requests
 * @EXTFUSE_PASSED_NO_POLICY: the binding has none
 * @EXTFUSE_PASSED_UNSETTLED: requests older than the policy are under way
 * @EXTFUSE_PASSED_DISCONNECTED: the connection is being aborted
 */
enum extfuse_passed {
	EXTFUSE_PASSED_POLICY,
	EXTFUSE_PASSED_BUG,
	EXTFUSE_PASSED_OPCODE,
	EXTFUSE_PASSED_NO_POLICY,
	EXTFUSE_PASSED_UNSETTLED,
	EXTFUSE_PASSED_DISCONNECTED,
};
#endif

/* What reads the events' formats knows the values of enumerators only if it is told. */
TRACE_DEFINE_ENUM(EXTFUSE_PASSED_POLICY);
TRACE_DEFINE_ENUM(EXTFUSE_PASSED_BUG);
TRACE_DEFINE_ENUM(EXTFUSE_PASSED_OPCODE);
TRACE_DEFINE_ENUM(EXTFUSE_PASSED_NO_POLICY);
TRACE_DEFINE_ENUM(EXTFUSE_PASSED_UNSETTLED);
TRACE_DEFINE_ENUM(EXTFUSE_PASSED_DISCONNECTED);

#define show_passed(reason) __print_symbolic(reason,			\
	{ EXTFUSE_PASSED_POLICY,	"policy" },			\
	{ EXTFUSE_PASSED_BUG,		"bug" },			\
	{ EXTFUSE_PASSED_OPCODE,	"opcode" },			\
	{ EXTFUSE_PASSED_NO_POLICY,	"no-policy" },			\
	{ EXTFUSE_PASSED_UNSETTLED,	"unsettled" },			\
	{ EXTFUSE_PASSED_DISCONNECTED,	"disconnected" })

#define FUSE_OPCODES \
	OPCODE(LOOKUP) OPCODE(FORGET) OPCODE(GETATTR) OPCODE(SETATTR) OPCODE(READLINK) \
	OPCODE(SYMLINK) OPCODE(MKNOD) OPCODE(MKDIR) OPCODE(UNLINK) OPCODE(RMDIR) \
	OPCODE(RENAME) OPCODE(LINK) OPCODE(OPEN) OPCODE(READ) OPCODE(WRITE) \
	OPCODE(STATFS) OPCODE(RELEASE) OPCODE(FSYNC) OPCODE(SETXATTR) OPCODE(GETXATTR) \
	OPCODE(LISTXATTR) OPCODE(REMOVEXATTR) OPCODE(FLUSH) OPCODE(INIT) \
	OPCODE(OPENDIR) OPCODE(READDIR) OPCODE(RELEASEDIR) OPCODE(FSYNCDIR) \
	OPCODE(GETLK) OPCODE(SETLK) OPCODE(SETLKW) OPCODE(ACCESS) OPCODE(CREATE) \
	OPCODE(INTERRUPT) OPCODE(BMAP) OPCODE(DESTROY) OPCODE(IOCTL) OPCODE(POLL) \
	OPCODE(NOTIFY_REPLY) OPCODE(BATCH_FORGET) OPCODE(FALLOCATE) \
	OPCODE(READDIRPLUS) OPCODE(RENAME2) OPCODE(LSEEK) OPCODE(COPY_FILE_RANGE) \
	OPCODE(SETUPMAPPING) OPCODE(REMOVEMAPPING) OPCODE(SYNCFS) OPCODE(TMPFILE) \
	OPCODE(STATX)

#undef OPCODE
#define OPCODE(name) TRACE_DEFINE_ENUM(FUSE_##name);
FUSE_OPCODES

#undef OPCODE
#define OPCODE(name) { FUSE_##name, #name },
#define show_opcode(opcode) __print_symbolic(opcode, FUSE_OPCODES \
	{ EXTFUSE_OP_COPY_FILE_RANGE_64, "COPY_FILE_RANGE_64" })

/*
 * A request was answered in the kernel; error is 0 or -errno. The policy is empty for one
 * that was carried out on a lower file.
 */
TRACE_EVENT(extfuse_answered,
	TP_PROTO(const struct extfuse_conn *conn, const char *policy, u32 opcode, u64 nodeid,
		 bool background, int error),
	TP_ARGS(conn, policy, opcode, nodeid, background, error),
	TP_STRUCT__entry(
		__field(u64, conn)
		__field(u64, nodeid)
		__field(dev_t, dev)
		__field(u32, opcode)
		__field(int, error)
		__field(bool, background)
		__string(policy, policy)
	),
	TP_fast_assign(
		__entry->conn = conn->id;
		__entry->nodeid = nodeid;
		__entry->dev = conn->dev;
		__entry->opcode = opcode;
		__entry->error = error;
		__entry->background = background;
		__assign_str(policy);
	),
	TP_printk("conn=%llu dev=%u:%u opcode=%u (%s) nodeid=%llu policy=%s error=%d%s",
		  __entry->conn, MAJOR(__entry->dev), MINOR(__entry->dev),
		  __entry->opcode, show_opcode(__entry->opcode), __entry->nodeid,
		  __get_str(policy), __entry->error,
		  __entry->background ? " background" : "")
);

/* A request goes to the daemon; policy is the last one that was asked, or empty. */
TRACE_EVENT(extfuse_passed,
	TP_PROTO(const struct extfuse_conn *conn, const char *policy, u32 opcode, u64 nodeid,
		 bool background, enum extfuse_passed reason),
	TP_ARGS(conn, policy, opcode, nodeid, background, reason),
	TP_STRUCT__entry(
		__field(u64, conn)
		__field(u64, nodeid)
		__field(dev_t, dev)
		__field(u32, opcode)
		__field(u32, reason)
		__field(bool, background)
		__string(policy, policy)
	),
	TP_fast_assign(
		__entry->conn = conn->id;
		__entry->nodeid = nodeid;
		__entry->dev = conn->dev;
		__entry->opcode = opcode;
		__entry->reason = reason;
		__entry->background = background;
		__assign_str(policy);
	),
	TP_printk("conn=%llu dev=%u:%u opcode=%u (%s) nodeid=%llu policy=%s reason=%s%s",
		  __entry->conn, MAJOR(__entry->dev), MINOR(__entry->dev),
		  __entry->opcode, show_opcode(__entry->opcode), __entry->nodeid,
		  __get_str(policy), show_passed(__entry->reason),
		  __entry->background ? " background" : "")
);

/* An answer of a policy was refused; in_a_row counts since the last good one. */
TRACE_EVENT(extfuse_policy_bug,
	TP_PROTO(const struct extfuse_conn *conn, const char *policy, u32 opcode, u64 nodeid,
		 unsigned int in_a_row),
	TP_ARGS(conn, policy, opcode, nodeid, in_a_row),
	TP_STRUCT__entry(
		__field(u64, conn)
		__field(u64, nodeid)
		__field(dev_t, dev)
		__field(u32, opcode)
		__field(u32, in_a_row)
		__string(policy, policy)
	),
	TP_fast_assign(
		__entry->conn = conn->id;
		__entry->nodeid = nodeid;
		__entry->dev = conn->dev;
		__entry->opcode = opcode;
		__entry->in_a_row = in_a_row;
		__assign_str(policy);
	),
	TP_printk("conn=%llu dev=%u:%u opcode=%u (%s) nodeid=%llu policy=%s in_a_row=%u",
		  __entry->conn, MAJOR(__entry->dev), MINOR(__entry->dev),
		  __entry->opcode, show_opcode(__entry->opcode), __entry->nodeid,
		  __get_str(policy), __entry->in_a_row)
);

DECLARE_EVENT_CLASS(extfuse_policy,
	TP_PROTO(const struct extfuse_conn *conn, const char *policy, const char *reason),
	TP_ARGS(conn, policy, reason),
	TP_STRUCT__entry(
		__field(u64, conn)
		__field(dev_t, dev)
		__string(policy, policy)
		__string(reason, reason)
	),
	TP_fast_assign(
		__entry->conn = conn->id;
		__entry->dev = conn->dev;
		__assign_str(policy);
		__assign_str(reason);
	),
	TP_printk("conn=%llu dev=%u:%u policy=%s reason=%s",
		  __entry->conn, MAJOR(__entry->dev), MINOR(__entry->dev),
		  __get_str(policy), __get_str(reason))
);

/* A connection got a policy: bind, replace or update. */
DEFINE_EVENT(extfuse_policy, extfuse_bound,
	TP_PROTO(const struct extfuse_conn *conn, const char *policy, const char *reason),
	TP_ARGS(conn, policy, reason)
);

/* A connection lost a policy: unbind, gone, replace, update, unload, refused or fault. */
DEFINE_EVENT(extfuse_policy, extfuse_unbound,
	TP_PROTO(const struct extfuse_conn *conn, const char *policy, const char *reason),
	TP_ARGS(conn, policy, reason)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
