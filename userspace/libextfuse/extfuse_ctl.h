/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libextfuse: load policies and bind them to FUSE mounts.
 *
 * Every function that can fail returns a negative errno (or NULL with errno
 * set); extfuse_error() then gives the sentence that goes with it, without the
 * name of the program, a path or a final newline. -ENODEV: the module was unloaded
 * since extfuse_open(); if it is loaded again, that takes another handle. Not
 * thread-safe on one handle; use one handle a thread.
 */
#ifndef EXTFUSE_CTL_H
#define EXTFUSE_CTL_H

#include <stdbool.h>
#include <stdint.h>
#include <extfuse.h>		/* kmod/uapi/extfuse.h */

/* Where loaded policies are pinned, one link a policy: PIN_DIR/NAME, and its
 * maps: PIN_DIR/NAME-maps/MAP (a directory, mode 0700). Variables and constants
 * of the policy are not pinned. Where others than the caller and root can write to
 * PIN_DIR, what needs it fails with -EPERM.
 */
#define EXTFUSE_PIN_DIR "/sys/fs/bpf/extfuse"
/* Where the shipped policies are installed. Overridden by $EXTFUSE_POLICY_DIR. */
#define EXTFUSE_POLICY_DIR "/usr/lib/extfuse"

/* Names of all policies of a binding, separated by commas, with the terminating NUL. */
#define EXTFUSE_POLICIES_LEN (EXTFUSE_CHAIN_MAX * EXTFUSE_POLICY_NAME_LEN)

struct extfuse;

struct extfuse_version {
	char version[32];
	uint32_t features;		/* enum extfuse_features */
};

struct extfuse_policy_info {
	char name[EXTFUSE_POLICY_NAME_LEN];
	uint32_t flags;
	uint32_t bindings;		/* connections bound to it */
};

struct extfuse_conn_info {
	uint64_t conn;			/* connection id */
	uint32_t dev_major, dev_minor;
	uint32_t uid;			/* owner of the mount */
	uint32_t ttl_ms;
	/* "count,mdcache": in the order in which they are asked; empty: none is left */
	char policy[EXTFUSE_POLICIES_LEN];
	bool latency;			/* the times of its requests are measured */
};

struct extfuse_op_stats {
	uint32_t opcode;
	uint64_t answered, passed, errors, bugs, background;
	/* Of extfuse_latency() only; see EXTFUSE_LATENCY_SHIFT. */
	uint64_t answered_ns[EXTFUSE_LATENCY_BUCKETS];
	uint64_t passed_ns[EXTFUSE_LATENCY_BUCKETS];
};

/* What happened to a binding; see enum extfuse_event_type. */
struct extfuse_event {
	uint32_t type;			/* a newer module may know more of them */
	uint64_t conn;
	uint32_t dev_major, dev_minor;
	uint32_t uid;			/* owner of the mount */
	char policy[EXTFUSE_POLICIES_LEN];	/* as above; empty: none */
	char previous[EXTFUSE_POLICIES_LEN];	/* EXTFUSE_EVENT_REPLACED */
	uint32_t opcode;		/* EXTFUSE_EVENT_FAULT, else 0 */
	char reason[128];		/* may be empty */
};

/* Connects to the module. NULL with errno ENOENT: module not loaded. */
struct extfuse *extfuse_open(void);
void extfuse_close(struct extfuse *ef);
/* The sentence for the last error on @ef (or, with NULL, of extfuse_open()). */
const char *extfuse_error(const struct extfuse *ef);
/*
 * All that libbpf and the verifier said during the last load or unload on @ef,
 * many lines of it for a policy that the verifier refuses. Empty if nothing.
 */
const char *extfuse_log(const struct extfuse *ef);

int extfuse_version(struct extfuse *ef, struct extfuse_version *v);

/*
 * Loads @file (a .bpf.o; a bare name such as "mdcache", without slash and not
 * ending in .o, means EXTFUSE_POLICY_DIR/mdcache.bpf.o), registers every
 * extfuse_ops in it and pins link and maps; all or nothing. @name receives the
 * policy's name, the first one's if there are several (may be NULL).
 * -EEXIST: a policy of that name is loaded; -ENOEXEC: libbpf refuses the file.
 */
int extfuse_policy_load(struct extfuse *ef, const char *file, char name[EXTFUSE_POLICY_NAME_LEN]);
/*
 * Detaches the policy's link, wherever it is pinned and whoever registered it,
 * and removes it and its maps from EXTFUSE_PIN_DIR. Mounts that are bound to it
 * are served by their daemons, and by other policies that they have. -ENOENT: no
 * such policy.
 */
int extfuse_policy_unload(struct extfuse *ef, const char *name);
/* The callbacks here and below may use @ef; nonzero stops the list and is returned. */
int extfuse_policy_list(struct extfuse *ef,
			int (*cb)(const struct extfuse_policy_info *info, void *arg), void *arg);
/*
 * Opens a map of a loaded policy: the pinned one, or for policies that bpftool
 * registered the one of the object that they came from. Returns a BPF map fd, or
 * -errno; -ENOENT: no such policy or map.
 */
int extfuse_policy_map(struct extfuse *ef, const char *policy, const char *map);

/*
 * @fd: any descriptor on the mount, O_PATH is enough. @policy: the name of one, or of
 * up to EXTFUSE_CHAIN_MAX separated by commas, in the order in which they are asked:
 * "count,mdcache". @ttl_ms: see EXTFUSE_A_TTL. @replace: exchange all policies that the
 * mount has, in one step.
 * Waits up to five seconds for a daemon that has not answered INIT yet, or whose
 * io_uring queues are not up, so a daemon that binds its own mount does it from a
 * thread. Returns 0 and the
 * connection id in @conn (may be NULL).
 */
int extfuse_bind(struct extfuse *ef, int fd, const char *policy, uint32_t ttl_ms, bool replace,
		 uint64_t *conn);
int extfuse_unbind(struct extfuse *ef, int fd);
/*
 * By connection id, as extfuse_conn_list() tells it: this function and the others that end
 * in _conn also reach a mount that no path leads to. -ENOENT: no such binding, or for
 * statistics one that the caller may not see.
 */
int extfuse_unbind_conn(struct extfuse *ef, uint64_t conn);
int extfuse_conn_list(struct extfuse *ef,
		      int (*cb)(const struct extfuse_conn_info *info, void *arg), void *arg);
/*
 * Statistics of the mount that @fd is on, or of every bound mount with fd -1.
 * @ops has @nr_ops entries, one for each opcode seen, by ascending opcode.
 */
int extfuse_stats(struct extfuse *ef, int fd,
		  int (*cb)(const struct extfuse_conn_info *info,
			    const struct extfuse_op_stats *ops, unsigned int nr_ops, void *arg),
		  void *arg);
int extfuse_stats_conn(struct extfuse *ef, uint64_t conn,
		       int (*cb)(const struct extfuse_conn_info *info,
				 const struct extfuse_op_stats *ops, unsigned int nr_ops, void *arg),
		       void *arg);

/* The same with histograms, which are empty where extfuse_measure() is not on. */
int extfuse_latency(struct extfuse *ef, int fd,
		    int (*cb)(const struct extfuse_conn_info *info,
			      const struct extfuse_op_stats *ops, unsigned int nr_ops, void *arg),
		    void *arg);
int extfuse_latency_conn(struct extfuse *ef, uint64_t conn,
			 int (*cb)(const struct extfuse_conn_info *info,
				   const struct extfuse_op_stats *ops, unsigned int nr_ops,
				   void *arg),
			 void *arg);
/* Measures the times of the requests of the mount that @fd is on, or not any more. */
int extfuse_measure(struct extfuse *ef, int fd, bool on);
int extfuse_measure_conn(struct extfuse *ef, uint64_t conn, bool on);

/*
 * Has the module tell this handle what happens from now on; afterwards it is good
 * for the next two only. Takes CAP_SYS_ADMIN.
 */
int extfuse_events_start(struct extfuse *ef);
/* To poll(2) for POLLIN before extfuse_event_next(). */
int extfuse_events_fd(const struct extfuse *ef);
/*
 * Does not block: -EAGAIN if nothing has happened, -ENOBUFS if events were lost
 * since the one before, as more happened than was read, -ENODEV if the module was
 * unloaded: nothing will come any more.
 */
int extfuse_event_next(struct extfuse *ef, struct extfuse_event *event);

/* "LOOKUP" for FUSE_LOOKUP ...; "opcode 99" (static buffer) for an unknown one. */
const char *extfuse_opcode_name(uint32_t opcode);

#endif
