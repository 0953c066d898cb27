// SPDX-License-Identifier: GPL-2.0
/*
 * disgrafs graph: what is around a file.
 */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"

/* Of a tag. */
#define FILES_DEFAULT 20

/* Nodes and edges, each once. */
struct graph {
	const struct options *opt;
	struct tagindex *index;
	struct json_object *nodes;	/* id: object */
	struct json_object *edges;	/* "from to label": object */
	const char *from;		/* path of the file whose edges these are */
	size_t left;			/* of files that may follow from one tag */
};

/* JSON and DOT take no bytes that are no text: those are shown as \xHH. */
static char *node_id(char kind, const char *name)
{
	char *id = malloc(4 * strlen(name) + 2), *out = id;

	if (!id)
		return NULL;
	*out++ = kind;
	for (; *name; name++) {
		if ((unsigned char)*name < ' ' || *name == '\\' || *name == 0x7f)
			out += sprintf(out, "\\x%02x", (unsigned char)*name);
		else
			*out++ = *name;
	}
	*out = '\0';
	return id;
}

static int add_node(struct graph *graph, char kind, const char *name)
{
	char *id = node_id(kind, name);
	struct json_object *node;

	if (!id)
		return -ENOMEM;
	if (!json_object_object_get_ex(graph->nodes, id, NULL)) {
		node = json_object_new_object();
		json_object_object_add(node, "id", json_bytes(id));
		json_object_object_add(node, "type", json_object_new_string(kind == 't' ? "tag" :
									    "file"));
		json_object_object_add(node, "name", json_bytes(name));
		json_object_object_add(graph->nodes, id, node);
	}
	free(id);
	return 0;
}

static int add_edge(struct graph *graph, const char *from, char kind, const char *to,
		    const char *relation)
{
	char *a = node_id('f', from), *b = node_id(kind, to), *key = NULL;
	struct json_object *edge;
	int ret = -ENOMEM;

	if (a && b && asprintf(&key, "%s\n%s\n%s", a, b, relation) >= 0) {
		edge = json_object_new_object();
		json_object_object_add(edge, "from", json_bytes(a));
		json_object_object_add(edge, "to", json_bytes(b));
		json_object_object_add(edge, "relation", json_bytes(relation));
		json_object_object_add(graph->edges, key, edge);
		ret = 0;
	}
	free(a);
	free(b);
	free(key);
	return ret;
}

static int graph_tag(const char *tag, uint64_t files, void *arg)
{
	struct graph *graph = arg;

	(void)files;
	return add_node(graph, 't', tag) ?: add_edge(graph, graph->from, 't', tag, "tag");
}

static int graph_link(const struct index_link *link, void *arg)
{
	struct graph *graph = arg;
	int ret = add_node(graph, 'f', link->path);

	if (ret)
		return ret;
	return add_edge(graph, link->from ? link->path : graph->from, 'f',
			link->from ? graph->from : link->path, link->relation);
}

static int graph_file(uint64_t ino, const char *path, void *arg)
{
	struct graph *graph = arg;

	(void)ino;
	return graph->left-- ? add_node(graph, 'f', path) : 1;
}

/* What the node of @json, seen for the first time, leads to. */
static int expand(struct graph *graph, struct json_object *json)
{
	const char *type = json_object_get_string(json_object_object_get(json, "type"));
	struct json_object *name = json_object_object_get(json, "name");
	const char *text;
	int ret;

	/* One that is no text is shown, but followed no further. */
	if (!json_object_is_type(name, json_type_string))
		return 0;
	text = json_object_get_string(name);
	if (!strcmp(type, "tag")) {
		graph->left = graph->opt->count ?: FILES_DEFAULT;
		ret = index_find(graph->index, &text, 1, graph_file, graph);
		return ret > 0 ? 0 : ret;
	}
	graph->from = text;
	ret = index_file_tags(graph->index, text, graph_tag, graph);
	if (ret == 0)
		ret = index_links(graph->index, text, graph_link, graph);
	return ret == -ENOENT ? 0 : ret;
}

/* The nodes but the first @done, which adding more must not move about; to be freed. */
static struct json_object **nodes_since(const struct graph *graph, size_t done)
{
	struct json_object **nodes = calloc(json_object_object_length(graph->nodes) + 1,
					    sizeof(*nodes));
	size_t i = 0;

	json_object_object_foreach(graph->nodes, id, node) {
		(void)id;
		if (nodes && i >= done)
			nodes[i - done] = node;
		i++;
	}
	return nodes;
}

/* Everything that is @depth edges away. */
static int grow(struct graph *graph, unsigned int depth)
{
	struct json_object **nodes;
	size_t done = 0, i, count;
	int ret = 0;

	while (depth-- && ret == 0) {
		count = json_object_object_length(graph->nodes);
		nodes = nodes_since(graph, done);
		if (!nodes)
			return -ENOMEM;
		for (i = 0; i < count - done && ret == 0; i++)
			ret = expand(graph, nodes[i]);
		free(nodes);
		done = count;
	}
	return ret;
}

static void print_dot_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('"');
}

/* The ids, which json_bytes() may have made an array, are the keys. */
static void print_dot(struct graph *graph)
{
	const char *type;
	char *from, *to, *relation, *copy;

	puts("digraph disgrafs {\n\trankdir=LR;");
	json_object_object_foreach(graph->nodes, id, node) {
		type = json_object_get_string(json_object_object_get(node, "type"));
		printf("\t");
		print_dot_string(id);
		printf(" [shape=%s, label=", !strcmp(type, "tag") ? "ellipse" : "box");
		print_dot_string(id + 1);
		puts("];");
	}
	json_object_object_foreach(graph->edges, key, edge) {
		(void)edge;
		copy = strdup(key);
		from = copy ? strtok_r(copy, "\n", &relation) : NULL;
		to = from ? strtok_r(NULL, "\n", &relation) : NULL;
		if (to) {
			printf("\t");
			print_dot_string(from);
			printf(" -> ");
			print_dot_string(to);
			if (*to == 't') {
				printf(" [dir=none]");
			} else {
				printf(" [label=");
				print_dot_string(relation);
				printf("]");
			}
			puts(";");
		}
		free(copy);
	}
	puts("}");
}

static struct json_object *values(struct json_object *object)
{
	struct json_object *array = json_object_new_array();

	json_object_object_foreach(object, key, value) {
		(void)key;
		json_object_array_add(array, json_object_get(value));
	}
	return array;
}

int cmd_graph(const struct options *opt, int argc, char *argv[])
{
	struct graph graph = { .opt = opt };
	struct json_object *json;
	struct tree tree;
	char *below;
	int ret;

	if (argc != 1)
		return usage_error(opt, NULL, "needs one file");
	ret = index_at(argv[0], &tree, &graph.index, &below);
	if (ret)
		return ret;
	graph.nodes = json_object_new_object();
	graph.edges = json_object_new_object();
	ret = add_node(&graph, 'f', below);
	if (ret == 0)
		ret = grow(&graph, opt->depth ?: 2);
	if (ret < 0) {
		ret = fail(argv[0], "%s", index_error(graph.index));
	} else if (opt->json) {
		json = json_object_new_object();
		json_object_object_add(json, "root", json_bytes(tree.path));
		json_object_object_add(json, "nodes", values(graph.nodes));
		json_object_object_add(json, "edges", values(graph.edges));
		ret = print_json(json) < 0;
	} else {
		print_dot(&graph);
	}
	json_object_put(graph.nodes);
	json_object_put(graph.edges);
	close_index_at(&tree, graph.index, below);
	return ret;
}
