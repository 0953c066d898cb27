/* SPDX-License-Identifier: GPL-2.0 */
/* How long a policy may keep an answer. */
#ifndef EXTFUSECTL_TTL_H
#define EXTFUSECTL_TTL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Decimal seconds, such as 1, 0.5 or .25, to milliseconds, rounded up: a ttl
 * that is not 0 must not become 0, which has a meaning of its own. False if
 * @s is not that or more than UINT32_MAX milliseconds.
 */
bool ttl_parse(const char *s, uint32_t *ms);

/* "1.5", without zeros at the end. */
void ttl_format(uint32_t ms, char buf[16]);

#endif
