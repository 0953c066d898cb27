/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NTH_H
#define NTH_H

#include <stdbool.h>

/*
 * @op does something and returns 0 or -1 with errno; with @undo true it puts
 * things as they were before, whatever that takes.
 */
struct operation {
	const char *name;
	int (*op)(bool undo);
};

/* Every point of each operation, up to one without a name; prints what became of it. */
void try_each(const struct operation *o);

/* Operations on the module, with the policy of @object called @name and a mount. */
void control(const char *object, const char *name, const char *dir);
/* System calls on files in @dir. */
void calls(const char *dir);
/* Those that change nothing, until SIGTERM. Any that fails is the last one, unless @tolerant. */
void looks(const char *dir, bool tolerant);

#endif
