// SPDX-License-Identifier: GPL-2.0
/*
 * disgrafs graph: what is around a file.
 */
#include "command.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"
#include "utf8.h"

/* Of a tag. */
#define FILES_DEFAULT 20

enum kind { FILE_NODE, TAG_NODE };

struct node {
	enum kind kind;
	size_t number;
	char *name;
	char *id;		/* as text, see text_of() */
	bool missing;		/* a link leads to it, but it is not there */
};

struct edge {
	size_t from, to;	/* numbers of nodes */
	char *relation;		/* of a tag: "tag" */
};

/* Nodes and edges, each once. */
struct graph {
	const struct options *opt;
	struct tagindex *index;
	struct node **node;
	size_t nodes;
	struct edge **edge;
	size_t edges;
	void *node_tree, *edge_tree;	/* of the same, for tsearch() */
	size_t from;			/* the file whose edges these are */
	size_t left;			/* of files that may follow from one tag */
};

/* JSON and DOT take no bytes that are no text: those are shown as \xHH. To be freed. */
static char *text_of(const char *prefix, const char *name)
{
	size_t left = strlen(name), len;
	char *text = malloc(strlen(prefix) + 4 * left + 1), *out;
	uint32_t c;

	if (!text)
		return NULL;
	out = stpcpy(text, prefix);
	for (; left; name += len, left -= len) {
		len = utf8_next(name, left, &c);
		if (c == UTF8_INVALID || c < ' ' || c == '\\' || c == 0x7f)
			out += sprintf(out, "\\x%02x", (unsigned char)*name);
		else
			out = mempcpy(out, name, len);
	}
	*out = '\0';
	return text;
}

static int compare_nodes(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	return x->kind != y->kind ? (int)x->kind - (int)y->kind : strcmp(x->name, y->name);
}

static int compare_edges(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	return strcmp(x->relation, y->relation);
}

static void free_node(struct node *node)
{
	free(node->name);
	free(node->id);
	free(node);
}

static void free_edge(struct edge *edge)
{
	free(edge->relation);
	free(edge);
}

/* @array, of @count pointers, with room for one more, or NULL. */
static void *room(void *array, size_t count)
{
	return count & (count - 1) ? array : reallocarray(array, count ? 2 * count : 1,
							  sizeof(void *));
}

static struct node *new_node(enum kind kind, const char *name)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->kind = kind;
	node->name = strdup(name);
	node->id = text_of(kind == TAG_NODE ? "t" : "f", name);
	if (node->name && node->id)
		return node;
	free_node(node);
	return NULL;
}

/* The node, which is added if it is new, or NULL. */
static struct node *add_node(struct graph *graph, enum kind kind, const char *name)
{
	struct node *node = new_node(kind, name), **found = NULL;
	struct node **grown = node ? room(graph->node, graph->nodes) : NULL;

	if (grown) {
		graph->node = grown;
		found = tsearch(node, &graph->node_tree, compare_nodes);
	}
	if (!found || *found != node) {
		if (node)
			free_node(node);
		return found ? *found : NULL;
	}
	node->number = graph->nodes;
	grown[graph->nodes++] = node;
	return node;
}

static int add_edge(struct graph *graph, size_t from, size_t to, const char *relation)
{
	struct edge *edge = calloc(1, sizeof(*edge)), **found = NULL;
	struct edge **grown = edge ? room(graph->edge, graph->edges) : NULL;

	if (grown) {
		graph->edge = grown;
		*edge = (struct edge){ from, to, strdup(relation) };
	}
	if (edge && edge->relation)
		found = tsearch(edge, &graph->edge_tree, compare_edges);
	if (found && *found == edge)
		grown[graph->edges++] = edge;
	else if (edge)
		free_edge(edge);
	return found ? 0 : -ENOMEM;
}

static int graph_tag(const char *tag, uint64_t files, void *arg)
{
	struct graph *graph = arg;
	const struct node *node = add_node(graph, TAG_NODE, tag);

	(void)files;
	return node ? add_edge(graph, graph->from, node->number, "tag") : -ENOMEM;
}

static int graph_link(const struct index_link *link, void *arg)
{
	struct graph *graph = arg;
	struct node *node = add_node(graph, FILE_NODE, link->path);

	if (!node)
		return -ENOMEM;
	node->missing = link->missing;
	return add_edge(graph, link->from ? node->number : graph->from,
			link->from ? graph->from : node->number, link->relation);
}

static int graph_file(uint64_t ino, const char *path, void *arg)
{
	struct graph *graph = arg;

	(void)ino;
	if (!graph->left--)
		return 1;
	return add_node(graph, FILE_NODE, path) ? 0 : -ENOMEM;
}

/* What @node, seen for the first time, leads to. */
static int expand(struct graph *graph, const struct node *node)
{
	const char *name = node->name;
	int ret;

	if (node->kind == TAG_NODE) {
		graph->left = graph->opt->count ?: FILES_DEFAULT;
		ret = index_find(graph->index, &name, 1, graph_file, graph);
		return ret > 0 ? 0 : ret;
	}
	graph->from = node->number;
	ret = index_file_tags(graph->index, name, graph_tag, graph);
	if (ret == 0)
		ret = index_links(graph->index, name, graph_link, graph);
	return ret == -ENOENT ? 0 : ret;
}

/* Everything that is @depth edges away. */
static int grow(struct graph *graph, unsigned int depth)
{
	size_t done = 0, seen;
	int ret = 0;

	while (depth-- && ret == 0) {
		for (seen = graph->nodes; done < seen && ret == 0; done++)
			ret = expand(graph, graph->node[done]);
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

static void print_dot_node(const struct node *node)
{
	printf("\t");
	print_dot_string(node->id);
	printf(" [shape=%s, label=", node->kind == TAG_NODE ? "ellipse" : "box");
	print_dot_string(node->id + 1);
	puts(node->missing ? ", style=dashed];" : "];");
}

static void print_dot_edge(const struct graph *graph, const struct edge *edge)
{
	char *relation;

	printf("\t");
	print_dot_string(graph->node[edge->from]->id);
	printf(" -> ");
	print_dot_string(graph->node[edge->to]->id);
	if (graph->node[edge->to]->kind == TAG_NODE) {
		printf(" [dir=none]");
	} else {
		relation = text_of("", edge->relation);
		printf(" [label=");
		print_dot_string(relation ?: "");
		printf("]");
		free(relation);
	}
	puts(";");
}

static void print_dot(const struct graph *graph)
{
	size_t i;

	puts("digraph disgrafs {\n\trankdir=LR;");
	for (i = 0; i < graph->nodes; i++)
		print_dot_node(graph->node[i]);
	for (i = 0; i < graph->edges; i++)
		print_dot_edge(graph, graph->edge[i]);
	puts("}");
}

static struct json_object *json_node(const struct node *node)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "id", json_object_new_string(node->id));
	json_object_object_add(json, "type", json_object_new_string(node->kind == TAG_NODE ?
								    "tag" : "file"));
	json_object_object_add(json, "name", json_bytes(node->name));
	if (node->kind == FILE_NODE)
		json_object_object_add(json, "missing", json_object_new_boolean(node->missing));
	return json;
}

static struct json_object *json_edge(const struct graph *graph, const struct edge *edge)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "from",
			       json_object_new_string(graph->node[edge->from]->id));
	json_object_object_add(json, "to", json_object_new_string(graph->node[edge->to]->id));
	json_object_object_add(json, "relation", json_bytes(edge->relation));
	return json;
}

static int print_graph_json(const struct graph *graph, const struct tree *tree)
{
	struct json_object *json = json_object_new_object();
	struct json_object *nodes = json_object_new_array(), *edges = json_object_new_array();
	size_t i;

	for (i = 0; i < graph->nodes; i++)
		json_object_array_add(nodes, json_node(graph->node[i]));
	for (i = 0; i < graph->edges; i++)
		json_object_array_add(edges, json_edge(graph, graph->edge[i]));
	json_object_object_add(json, "root", json_bytes(tree->path));
	json_object_object_add(json, "nodes", nodes);
	json_object_object_add(json, "edges", edges);
	return print_json(json) < 0;
}

static void leave_it(void *entry)
{
	(void)entry;
}

static void free_graph(struct graph *graph)
{
	tdestroy(graph->node_tree, leave_it);
	tdestroy(graph->edge_tree, leave_it);
	while (graph->nodes)
		free_node(graph->node[--graph->nodes]);
	while (graph->edges)
		free_edge(graph->edge[--graph->edges]);
	free(graph->node);
	free(graph->edge);
}

int cmd_graph(const struct options *opt, int argc, char *argv[])
{
	struct graph graph = { .opt = opt };
	struct tree tree;
	char *below;
	int ret;

	if (argc != 1)
		return usage_error(opt, NULL, "needs one file");
	ret = index_at(argv[0], &tree, &graph.index, &below);
	if (ret)
		return ret;
	ret = add_node(&graph, FILE_NODE, below) ? grow(&graph, opt->depth ?: 2) : -ENOMEM;
	if (ret < 0) {
		ret = fail(argv[0], "%s", ret == -ENOMEM ? strerror(ENOMEM) :
			   index_error(graph.index));
	} else if (opt->json) {
		ret = print_graph_json(&graph, &tree);
	} else {
		print_dot(&graph);
	}
	free_graph(&graph);
	close_index_at(&tree, graph.index, below);
	return ret;
}
