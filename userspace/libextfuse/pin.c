// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Where a loaded policy stays: files in a bpf file system.
 *
 * One directory holds a file for each policy's link, under the policy's name,
 * and beside it a directory of its maps. No name there may have a dot: the bpf
 * file system refuses them. bpftool pins links in the same directory under the
 * name of the C variable; a hyphen keeps our directories from meeting those.
 *
 * A bpf file system that is mounted without mode= can be written to by everybody.
 * So what is in the directory counts only if nobody else can have put it there.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "pin.h"

#define BPFFS "/sys/fs/bpf"
#define MAPS_SUFFIX "-maps"

static bool has_maps_suffix(const char *name)
{
	size_t len = strlen(name);

	return len >= strlen(MAPS_SUFFIX) &&
	       !strcmp(name + len - strlen(MAPS_SUFFIX), MAPS_SUFFIX);
}

/* As the module, but for dots. */
bool policy_name_is_valid(const char *name)
{
	const char *s;

	if (!*name || strlen(name) >= EXTFUSE_POLICY_NAME_LEN || has_maps_suffix(name))
		return false;
	for (s = name; *s; s++)
		if (!isascii(*s) || (!isalnum(*s) && *s != '_' && *s != '-'))
			return false;
	return true;
}

void pin_link_path(char path[PATH_MAX], const char *policy)
{
	snprintf(path, PATH_MAX, "%s/%s", EXTFUSE_PIN_DIR, policy);
}

static void maps_path(char path[PATH_MAX], const char *policy)
{
	snprintf(path, PATH_MAX, "%s/%s%s", EXTFUSE_PIN_DIR, policy, MAPS_SUFFIX);
}

void pin_map_path(char path[PATH_MAX], const char *policy, const char *map)
{
	snprintf(path, PATH_MAX, "%s/%s%s/%s", EXTFUSE_PIN_DIR, policy, MAPS_SUFFIX, map);
}

/* Not through the last link of @name. O_PATH: to see whose it is takes no permission. */
static int open_dir(int at, const char *name, int flags)
{
	return openat(at, name, flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int pin_check(struct extfuse *ef)
{
	int fd = open_dir(AT_FDCWD, EXTFUSE_PIN_DIR, O_PATH), err;
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return 0;
	err = fd < 0 || fstat(fd, &st) ? errno : 0;
	if (fd >= 0)
		close(fd);
	if (err)
		return fail(ef, err, "%s: %s", EXTFUSE_PIN_DIR, error_sentence(err));
	if ((st.st_uid && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return fail(ef, EPERM,
			    "others can write to %s: remove it, and mount -t bpf -o mode=0700 bpf %s",
			    EXTFUSE_PIN_DIR, BPFFS);
	return 0;
}

int pin_prepare(struct extfuse *ef)
{
	struct statfs st;

	if (statfs(BPFFS, &st))
		return fail(ef, errno, "%s: %s", BPFFS, strerror(errno));
	if (st.f_type != BPF_FS_MAGIC)
		return fail(ef, ENODEV,
			    "no bpf file system is mounted on %s: mount -t bpf -o mode=0700 bpf %s",
			    BPFFS, BPFFS);
	if (mkdir(EXTFUSE_PIN_DIR, 0700) && errno != EEXIST)
		return fail(ef, errno, "cannot make %s: %s", EXTFUSE_PIN_DIR, strerror(errno));
	return pin_check(ef);
}

int pin_make_maps(struct extfuse *ef, const char *policy)
{
	char path[PATH_MAX];

	pin_remove_maps(policy);
	maps_path(path, policy);
	if (mkdir(path, 0700))
		return fail(ef, errno, "cannot make %s: %s", path, strerror(errno));
	return 0;
}

/* Gives @fd, a directory, up. */
static bool empty(int fd)
{
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlinkat(fd, entry->d_name, 0);
	closedir(dir);
	return true;
}

bool pin_remove_maps(const char *policy)
{
	int pins = open_dir(AT_FDCWD, EXTFUSE_PIN_DIR, O_PATH);
	char name[NAME_MAX];
	bool found;

	if (pins < 0)
		return false;
	snprintf(name, sizeof(name), "%s%s", policy, MAPS_SUFFIX);
	found = empty(open_dir(pins, name, O_RDONLY));
	if (found)
		unlinkat(pins, name, AT_REMOVEDIR);
	close(pins);
	return found;
}

int pin_for_each(int (*cb)(const char *path, const char *file, void *arg), void *arg)
{
	DIR *dir = opendir(EXTFUSE_PIN_DIR);
	char path[PATH_MAX];
	struct dirent *entry;
	struct stat st;
	int ret = 0;

	if (!dir)
		return 0;
	while (!ret && (entry = readdir(dir))) {
		pin_link_path(path, entry->d_name);
		if (!lstat(path, &st) && S_ISREG(st.st_mode))
			ret = cb(path, entry->d_name, arg);
	}
	closedir(dir);
	return ret;
}
