// SPDX-License-Identifier: GPL-2.0
#include "tagging.h"

void tagging_made(struct disgrafsd *fs, const struct node *dir, const char *name)
{
	(void)fs;
	(void)dir;
	(void)name;
}

void tagging_name_changed(struct disgrafsd *fs, const struct node *dir, const char *name)
{
	(void)fs;
	(void)dir;
	(void)name;
}

void tagging_renamed(struct disgrafsd *fs, const struct node *dir, const char *name,
		     const struct node *new_dir, const char *new_name)
{
	(void)fs;
	(void)dir;
	(void)name;
	(void)new_dir;
	(void)new_name;
}

void tagging_file_changed(struct disgrafsd *fs, struct node *node)
{
	(void)fs;
	(void)node;
}
