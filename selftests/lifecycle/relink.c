// SPDX-License-Identifier: GPL-2.0
/*
 * relink update OBJECT ROUNDS: hold a policy by a link of its own and exchange
 * the policy under it (bpf_link_update), from one instance to another and back.
 * relink reload OBJECT ROUNDS COMMAND: let the link go and take it again, and run
 * COMMAND, which is to bind again.
 *
 * Prints "ready" when the policy is loaded and waits for a line; prints "done"
 * after the rounds and waits for the end of its input.
 */
#include <bpf/libbpf.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct bpf_map *load(const char *path)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_map *map;

	if (!object || bpf_object__load(object))
		err(1, "%s", path);
	bpf_object__for_each_map(map, object)
		if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
			return map;
	errx(1, "%s: no policy", path);
}

static struct bpf_link *attach(struct bpf_map *map)
{
	struct bpf_link *link = bpf_map__attach_struct_ops(map);

	if (!link)
		err(1, "attach");
	return link;
}

int main(int argc, char **argv)
{
	struct bpf_map *maps[2];
	struct bpf_link *link;
	int i, rounds;
	char line[16];

	if (argc < 4)
		return 2;
	rounds = atoi(argv[3]);
	maps[0] = load(argv[2]);
	maps[1] = load(argv[2]);
	link = attach(maps[0]);
	puts("ready");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	for (i = 0; i < rounds; i++) {
		if (!strcmp(argv[1], "update")) {
			if (bpf_link__update_map(link, maps[(i + 1) % 2]))
				err(1, "bpf_link_update, round %d", i);
			continue;
		}
		bpf_link__destroy(link);
		link = attach(maps[(i + 1) % 2]);
		if (system(argv[4]))
			errx(1, "%s, round %d", argv[4], i);
	}
	puts("done");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		;
	return 0;
}
