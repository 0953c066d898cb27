/* SPDX-License-Identifier: GPL-2.0 */
/* JSON values of what the commands print. */
#ifndef EXTFUSECTL_JSON_H
#define EXTFUSECTL_JSON_H

#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>

#include "mounts.h"

struct json_object *json_text(const char *s);
/* An array of the names in a list that is separated by commas. */
struct json_object *json_policies(const char *names);
struct json_object *json_u64(uint64_t n);
/* With @decimals digits after the point. */
struct json_object *json_fixed(double n, int decimals);
/* "0:51" */
struct json_object *json_dev(uint32_t dev_major, uint32_t dev_minor);
/* An array of the mount points of the device. */
struct json_object *json_mounts(const struct mounts *mounts, uint32_t dev_major,
				uint32_t dev_minor);
/* The time of day in UTC, to the millisecond. */
struct json_object *json_now(void);

/* Both give @object up. The second prints it in one line. */
void json_print(struct json_object *object, FILE *out);
void json_print_line(struct json_object *object, FILE *out);

#endif
