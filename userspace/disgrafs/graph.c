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

/* Of a tag, and of each kind of derived edges. */
#define FILES_DEFAULT 20

#define DERIVED (RELATED_CONTENTS | RELATED_FACT | RELATED_KEYWORD | RELATED_STEM | RELATED_DIR)

/* What few files have in common: of the others a picture gets full. */
#define EDGES_DEFAULT "tags,links,contents,facts,stem"

/* What --edges takes; those with an @edge are one kind, which is called that. */
static const struct edge_kind {
	const char *name;
	unsigned int why;	/* enum related_why */
	const char *edge;
} edge_kinds[] = {
	{ "tags", RELATED_TAG, "tag" },
	{ "links", RELATED_LINK, "link" },
	{ "contents", RELATED_CONTENTS, "contents" },
	{ "facts", RELATED_FACT, "facts" },
	{ "keywords", RELATED_KEYWORD, "keywords" },
	{ "stem", RELATED_STEM, "stem" },
	{ "directory", RELATED_DIR, "directory" },
	{ "derived", DERIVED, NULL },
	{ "all", RELATED_TAG | RELATED_LINK | DERIVED, NULL },
};

#define NR_EDGE_KINDS (sizeof(edge_kinds) / sizeof(*edge_kinds))

enum kind { FILE_NODE, TAG_NODE };

struct node {
	enum kind kind;
	size_t number;
	char *name;
	char *id;		/* as text, see text_of() */
	bool missing;		/* a link leads to it, but it is not there */
	unsigned int level;	/* when it is asked what it leads to; 0: never */
};

struct edge {
	size_t from, to;	/* numbers of nodes */
	const struct edge_kind *kind;
	char *relation;		/* of a link; otherwise what the kind is called, or facts */
	double weight;		/* of a derived one */
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
	unsigned int edge_kinds, level;
	const struct edge_kind *kind;	/* of the derived edges that are asked for */
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
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
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

/* @new: but for its relation. */
static int add_edge(struct graph *graph, struct edge new, const char *relation)
{
	struct edge *edge = calloc(1, sizeof(*edge)), **found = NULL;
	struct edge **grown = edge ? room(graph->edge, graph->edges) : NULL;

	if (grown) {
		graph->edge = grown;
		*edge = new;
		edge->relation = strdup(relation);
	}
	if (edge && edge->relation)
		found = tsearch(edge, &graph->edge_tree, compare_edges);
	if (found && *found == edge)
		grown[graph->edges++] = edge;
	else if (edge)
		free_edge(edge);
	return found ? 0 : -ENOMEM;
}

static const struct edge_kind *edge_kind(unsigned int why)
{
	const struct edge_kind *kind = edge_kinds;

	while (kind->why != why)
		kind++;
	return kind;
}

/* It is asked what @node leads to, once all that is as near has been. NULL: it is none. */
static int follow(const struct graph *graph, struct node *node)
{
	if (!node)
		return -ENOMEM;
	if (!node->level)
		node->level = graph->level + 1;
	return 0;
}

static int graph_tag(const char *tag, uint64_t files, void *arg)
{
	struct graph *graph = arg;
	struct node *node = add_node(graph, TAG_NODE, tag);
	struct edge edge = { .from = graph->from, .kind = edge_kind(RELATED_TAG) };

	(void)files;
	if (follow(graph, node) < 0)
		return -ENOMEM;
	edge.to = node->number;
	return add_edge(graph, edge, edge.kind->edge);
}

static int graph_link(const struct index_link *link, void *arg)
{
	struct graph *graph = arg;
	struct node *node = add_node(graph, FILE_NODE, link->path);
	struct edge edge = { .kind = edge_kind(RELATED_LINK) };

	if (follow(graph, node) < 0)
		return -ENOMEM;
	node->missing = link->missing;
	edge.from = link->from ? node->number : graph->from;
	edge.to = link->from ? graph->from : node->number;
	return add_edge(graph, edge, link->relation);
}

/* The facts in @why, as "album, author", into @keys. */
static void fact_keys(unsigned int why, char *keys, size_t size)
{
	const char *key;
	unsigned int i;
	size_t len = 0;

	for (i = 0; (key = index_shared_fact(i)) && len < size; i++) {
		if (why & RELATED_FACT_0 << i)
			len += snprintf(keys + len, size - len, "%s%s", len ? ", " : "", key);
	}
}

/* It has no direction: each two files have one. What they lead to is not followed. */
static int graph_derived(const struct index_related *related, void *arg)
{
	struct graph *graph = arg;
	const struct node *node = add_node(graph, FILE_NODE, related->path);
	struct edge edge = { .kind = graph->kind, .weight = related->score };
	char facts[128];

	if (!node)
		return -ENOMEM;
	edge.from = node->number < graph->from ? node->number : graph->from;
	edge.to = node->number < graph->from ? graph->from : node->number;
	if (edge.kind->why != RELATED_FACT)
		return add_edge(graph, edge, edge.kind->edge);
	fact_keys(related->why, facts, sizeof(facts));
	return add_edge(graph, edge, facts);
}

static int graph_file(uint64_t ino, const char *path, void *arg)
{
	struct graph *graph = arg;

	(void)ino;
	if (!graph->left--)
		return 1;
	return follow(graph, add_node(graph, FILE_NODE, path));
}

static int derive(struct graph *graph, const char *name)
{
	size_t i, max = graph->opt->count ?: FILES_DEFAULT;
	int ret = 0;

	for (i = 0; i < NR_EDGE_KINDS && ret == 0; i++) {
		graph->kind = &edge_kinds[i];
		if (graph->kind->edge && graph->kind->why & graph->edge_kinds & DERIVED)
			ret = index_related_by(graph->index, name, graph->kind->why, max,
					       graph_derived, graph);
	}
	return ret;
}

/* What @node leads to. */
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
	ret = graph->edge_kinds & RELATED_TAG ?
	      index_file_tags(graph->index, name, graph_tag, graph) : 0;
	if (ret == 0 && graph->edge_kinds & RELATED_LINK)
		ret = index_links(graph->index, name, graph_link, graph);
	if (ret == 0)
		ret = derive(graph, name);
	return ret == -ENOENT ? 0 : ret;
}

/* Everything that is @depth edges away. */
static int grow(struct graph *graph, unsigned int depth)
{
	size_t i, seen;
	int ret = 0;

	for (graph->level = 1; graph->level <= depth && ret == 0; graph->level++) {
		for (i = 0, seen = graph->nodes; i < seen && ret == 0; i++) {
			if (graph->node[i]->level == graph->level)
				ret = expand(graph, graph->node[i]);
		}
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
	if (edge->kind->why == RELATED_TAG) {
		puts(" [dir=none];");
		return;
	}
	relation = text_of("", edge->relation);
	printf(" [label=");
	print_dot_string(relation ?: "");
	free(relation);
	if (edge->kind->why & DERIVED)
		printf(", dir=none, style=dotted, weight=%.2f", edge->weight);
	puts("];");
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
	json_object_object_add(json, "kind", json_object_new_string(edge->kind->edge));
	json_object_object_add(json, "relation", json_bytes(edge->relation));
	if (edge->kind->why & DERIVED)
		json_object_object_add(json, "weight", json_object_new_double(edge->weight));
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

static unsigned int edge_kinds_of(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < NR_EDGE_KINDS; i++) {
		if (!strncmp(edge_kinds[i].name, name, len) && !edge_kinds[i].name[len])
			return edge_kinds[i].why;
	}
	return 0;
}

/* Those of the names in @list, or 0: one is none. */
static unsigned int parse_edges(const char *list)
{
	unsigned int kinds = 0, kind;
	size_t len;

	for (;; list += len + 1) {
		len = strcspn(list, ",");
		kind = edge_kinds_of(list, len);
		kinds |= kind;
		if (!kind || !list[len])
			return kind ? kinds : 0;
	}
}

static int draw(struct graph *graph, const char *file)
{
	int ret = follow(graph, add_node(graph, FILE_NODE, file));

	return ret < 0 ? ret : grow(graph, graph->opt->depth ?: 2);
}

int cmd_graph(const struct options *opt, int argc, char *argv[])
{
	struct graph graph = { .opt = opt };
	struct tree tree;
	char *below;
	int ret;

	if (argc != 1)
		return usage_error(opt, NULL, "needs one file");
	graph.edge_kinds = parse_edges(opt->edges ?: EDGES_DEFAULT);
	if (!graph.edge_kinds)
		return usage_error(opt, opt->edges, "not a list of kinds of edges");
	ret = index_at(argv[0], &tree, &graph.index, &below);
	if (ret)
		return ret;
	ret = draw(&graph, below);
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
