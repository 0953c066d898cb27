/* SPDX-License-Identifier: GPL-2.0 */
/* What the commands print: lines, lines that end in NUL, or JSON. */
#ifndef DISGRAFS_PRINT_H
#define DISGRAFS_PRINT_H

#include <json-c/json.h>

/*
 * A name or tag as JSON: a string, or, because JSON has no others than Unicode
 * ones, an array of byte values if it is not UTF-8.
 */
struct json_object *json_bytes(const char *bytes);
/* Prints and frees @json. Returns 0, or -errno when stdout failed. */
int print_json(struct json_object *json);

#endif
