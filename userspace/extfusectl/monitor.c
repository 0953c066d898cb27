// SPDX-License-Identifier: GPL-2.0
/*
 * What happens to bindings, as it happens.
 *
 * A mount that is gone has no mount point any more when that is told. So the
 * mount points of each connection are remembered.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "monitor.h"
#include "pause.h"
#include "text.h"

struct known {
	uint64_t conn;
	struct mounts mounts;
};

struct memory {
	struct known *table;
	unsigned int nr;
};

const char *monitor_event_name(uint32_t type)
{
	static const char *const names[] = {
		[EXTFUSE_EVENT_BOUND] = "bound",
		[EXTFUSE_EVENT_REPLACED] = "replaced",
		[EXTFUSE_EVENT_UNBOUND] = "unbound",
		[EXTFUSE_EVENT_GONE] = "gone",
		[EXTFUSE_EVENT_POLICY_OFF] = "policy-off",
		[EXTFUSE_EVENT_FAULT] = "fault",
	};
	static char buf[24];

	if (type < sizeof(names) / sizeof(names[0]) && names[type])
		return names[type];
	snprintf(buf, sizeof(buf), "event %u", type);
	return buf;
}

/* --- printing --- */

static void print_json(FILE *out, const struct extfuse_event *event, const struct mounts *mounts)
{
	struct json_object *object = must(json_object_new_object());

	json_object_object_add(object, "time", json_now());
	json_object_object_add(object, "event",
			       json_text(event ? monitor_event_name(event->type) : "lost"));
	if (event) {
		json_object_object_add(object, "conn", json_u64(event->conn));
		json_object_object_add(object, "dev",
				       json_dev(event->dev_major, event->dev_minor));
		json_object_object_add(object, "uid", json_u64(event->uid));
		json_object_object_add(object, "policy",
				       event->policy[0] ? json_text(event->policy) : NULL);
		json_object_object_add(object, "policies", json_policies(event->policy));
		if (event->previous[0])
			json_object_object_add(object, "previous", json_text(event->previous));
		if (event->opcode) {
			json_object_object_add(object, "opcode", json_u64(event->opcode));
			json_object_object_add(object, "name",
					       json_text(extfuse_opcode_name(event->opcode)));
		}
		if (event->reason[0])
			json_object_object_add(object, "reason", json_text(event->reason));
		json_object_object_add(object, "mountpoints",
				       json_mounts(mounts, event->dev_major, event->dev_minor));
	}
	json_print_line(object, out);
}

static void print_time(FILE *out)
{
	struct timespec now;
	char buf[16];
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	strftime(buf, sizeof(buf), "%H:%M:%S", &tm);
	fprintf(out, "%s.%03ld ", buf, now.tv_nsec / 1000000);
}

static void print_text(FILE *out, const struct extfuse_event *event, const struct mounts *mounts)
{
	const struct mount *mount = mounts_next(mounts, event->dev_major, event->dev_minor, NULL);
	char *point = text_for_column(mount ? mount->mount_point : "");
	char *policy = text_for_column(event->policy);
	char *previous = text_for_column(event->previous);
	char *reason = text_for_sentence(event->reason);

	fprintf(out, "%s %s: policy %s", monitor_event_name(event->type), *point ? point : "-",
		*policy ? policy : "-");
	if (*previous)
		fprintf(out, " after %s", previous);
	fprintf(out, ", connection %llu (%u:%u)", (unsigned long long)event->conn,
		event->dev_major, event->dev_minor);
	if (*reason)
		fprintf(out, ": %s", reason);
	if (event->opcode)
		fprintf(out, " (%s)", extfuse_opcode_name(event->opcode));
	fputc('\n', out);
	free(point);
	free(policy);
	free(previous);
	free(reason);
}

void monitor_print(FILE *out, bool json, const struct extfuse_event *event,
		   const struct mounts *mounts)
{
	if (json) {
		print_json(out, event, mounts);
	} else {
		print_time(out);
		if (event)
			print_text(out, event, mounts);
		else
			fprintf(out, "lost: more happened than could be read\n");
	}
	/* Whoever reads along wants it now. */
	fflush(out);
}

/* --- remembering --- */

static struct known *find(struct memory *memory, uint64_t conn)
{
	unsigned int i;

	for (i = 0; i < memory->nr; i++)
		if (memory->table[i].conn == conn)
			return &memory->table[i];
	return NULL;
}

static void forget(struct memory *memory, struct known *known)
{
	mounts_free(&known->mounts);
	*known = memory->table[--memory->nr];
}

static void learn(struct memory *memory, uint64_t conn, struct mounts mounts)
{
	struct known *known = find(memory, conn);

	if (known) {
		mounts_free(&known->mounts);
	} else {
		memory->table = must(reallocarray(memory->table, memory->nr + 1,
						  sizeof(*memory->table)));
		known = &memory->table[memory->nr++];
	}
	*known = (struct known){ .conn = conn, .mounts = mounts };
}

static int learn_bound(const struct extfuse_conn_info *info, void *arg)
{
	learn(arg, info->conn, mounts_of_self());
	return 0;
}

/*
 * Mount points of the event's connection; the device number of one that is gone
 * may be another's by now.
 */
static const struct mounts *mounts_of(struct memory *memory, const struct extfuse_event *event)
{
	struct known *known = find(memory, event->conn);
	struct mounts now;

	if (known && event->type == EXTFUSE_EVENT_GONE)
		return &known->mounts;
	now = mounts_of_self();
	if (known && !mounts_next(&now, event->dev_major, event->dev_minor, NULL))
		mounts_free(&now);
	else
		learn(memory, event->conn, now);
	return &find(memory, event->conn)->mounts;
}

/* --- listening --- */

/* All that can be read now, while it is of use. */
static int print_events(struct extfuse *ef, FILE *out, bool json, struct memory *memory)
{
	struct extfuse_event event;
	struct known *known;
	int err;

	while (!ferror(out)) {
		err = extfuse_event_next(ef, &event);
		if (err == -EAGAIN)
			return 0;
		if (err == -ENOBUFS) {
			monitor_print(out, json, NULL, NULL);
			continue;
		}
		if (err)
			return err;
		monitor_print(out, json, &event, mounts_of(memory, &event));
		known = find(memory, event.conn);
		if (known && (event.type == EXTFUSE_EVENT_GONE ||
			      event.type == EXTFUSE_EVENT_UNBOUND))
			forget(memory, known);
	}
	return 0;
}

int monitor(struct extfuse *ef, FILE *out, bool json)
{
	struct extfuse *asking = extfuse_open();
	struct memory memory = {};
	int err;

	pause_start();
	err = extfuse_events_start(ef);
	/* After that, so that nothing falls between; what fails here is only not remembered. */
	if (!err && asking)
		extfuse_conn_list(asking, learn_bound, &memory);
	extfuse_close(asking);

	while (!err && !ferror(out)) {
		if (pause_for(extfuse_events_fd(ef), -1) == PAUSE_END)
			break;
		err = print_events(ef, out, json, &memory);
	}
	pause_end(out);
	while (memory.nr)
		forget(&memory, &memory.table[0]);
	free(memory.table);
	return err;
}
