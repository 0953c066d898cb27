// SPDX-License-Identifier: GPL-2.0
/*
 * How long a policy may keep an answer.
 *
 * Not by strtod(3), which takes "inf", "0x1p3" and the locale's decimal comma.
 */
#include <stdio.h>
#include <string.h>

#include "ttl.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool ttl_parse(const char *s, uint32_t *ms)
{
	unsigned int unit = 1000;
	bool any = false;
	uint64_t sum = 0;

	for (; is_digit(*s); s++) {
		any = true;
		sum = sum * 10 + (*s - '0') * 1000;
		if (sum > UINT32_MAX)
			return false;
	}
	if (*s == '.') {
		bool rest = false;

		for (s++; is_digit(*s); s++) {
			any = true;
			unit /= 10;
			sum += (*s - '0') * unit;
			rest |= !unit && *s != '0';
		}
		sum += rest;
	}
	if (!any || *s || sum > UINT32_MAX)
		return false;
	*ms = sum;
	return true;
}

void ttl_format(uint32_t ms, char buf[16])
{
	char *end = buf + snprintf(buf, 16, "%u.%03u", ms / 1000, ms % 1000);

	while (end[-1] == '0')
		*--end = '\0';
	if (end[-1] == '.')
		end[-1] = '\0';
}
