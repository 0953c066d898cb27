// SPDX-License-Identifier: GPL-2.0
#include "expr.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#include "fold.h"

/* What SQLite takes of nested parentheses and of terms, by far. */
#define MAX_DEPTH 24
#define MAX_TERMS 500

enum token { END, OPEN, CLOSE, AND, OR, NOT, WORD };

struct parser {
	const char *text, *next;
	struct expr_error *error;
	enum token token;
	const char *start;	/* of the token */
	char *word;		/* without quotes */
	size_t field;		/* length of what is in front of a colon, or 0 */
	unsigned int depth, terms;
};

static int __attribute__((format(printf, 3, 4))) wrong(struct parser *p, const char *where,
						       const char *fmt, ...)
{
	va_list ap;

	/* The first is the one to tell. */
	if (p->error->position)
		return -EINVAL;
	p->error->position = where - p->text + 1;
	va_start(ap, fmt);
	vsnprintf(p->error->message, sizeof(p->error->message), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* ---- tokens ---- */

static bool ends_word(char c)
{
	return !c || isspace((unsigned char)c) || c == '(' || c == ')';
}

/* Copies what is between quotes to *@out and goes behind them. */
static int unquote(struct parser *p, char **out)
{
	const char *open = p->next;

	for (p->next++; *p->next != *open; p->next++) {
		if (*p->next == '\\' && p->next[1])
			p->next++;
		if (!*p->next)
			return wrong(p, open, "the quote is not closed");
		*(*out)++ = *p->next;
	}
	p->next++;
	if (!ends_word(*p->next))
		return wrong(p, p->next, "a space is missing behind the quote");
	return 0;
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'';
}

static int read_word(struct parser *p)
{
	char *out = p->word;
	int ret = 0;

	p->field = 0;
	if (is_quote(*p->next)) {
		ret = unquote(p, &out);
	} else {
		while (!ends_word(*p->next)) {
			if (*p->next == ':' && !p->field && out != p->word) {
				p->field = out - p->word;
				*out++ = *p->next++;
				if (is_quote(*p->next)) {
					ret = unquote(p, &out);
					break;
				}
				continue;
			}
			*out++ = *p->next++;
		}
	}
	*out = '\0';
	return ret;
}

static int advance(struct parser *p)
{
	static const struct {
		const char *word;
		enum token token;
	} keywords[] = { { "and", AND }, { "or", OR }, { "not", NOT } };
	size_t i, len;
	int ret;

	while (isspace((unsigned char)*p->next))
		p->next++;
	p->start = p->next;
	if (!*p->next || *p->next == '(' || *p->next == ')') {
		p->token = !*p->next ? END : *p->next == '(' ? OPEN : CLOSE;
		p->next += !!*p->next;
		return 0;
	}
	ret = read_word(p);
	p->token = WORD;
	len = p->next - p->start;
	for (i = 0; i < 3; i++) {
		if (len == strlen(keywords[i].word) &&
		    !strncasecmp(p->start, keywords[i].word, len))
			p->token = keywords[i].token;
	}
	return ret;
}

/* ---- terms ---- */

static struct expr *new_expr(enum expr_op op, struct expr *left, struct expr *right)
{
	struct expr *expr = calloc(1, sizeof(*expr));

	if (!expr) {
		expr_free(left);
		expr_free(right);
		return NULL;
	}
	expr->op = op;
	expr->left = left;
	expr->right = right;
	return expr;
}

void expr_free(struct expr *expr)
{
	if (!expr)
		return;
	expr_free(expr->left);
	expr_free(expr->right);
	free(expr->text);
	free(expr->key);
	free(expr->nodes);
	free(expr);
}

/* "image/png", or "image" for all of that kind. */
static bool is_mime_type(const char *value)
{
	static const char *const kinds[] = {
		"application", "audio", "font", "image", "message", "model", "multipart", "text",
		"video",
	};
	size_t len = strcspn(value, "/"), i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strlen(kinds[i]) == len && !strncmp(kinds[i], value, len))
			return !value[len] || value[len + 1];
	}
	return false;
}

static int parse_type(struct parser *p, struct expr *expr, const char *value)
{
	static const char letters[] = "fdlpsbc";
	static const mode_t types[] = { S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFSOCK, S_IFBLK,
					S_IFCHR };
	const char *letter = strchr(letters, *value);

	if (is_mime_type(value)) {
		expr->op = EXPR_MIME;
		expr->text = strdup(value);
		return expr->text ? 0 : wrong(p, p->start, "out of memory");
	}
	if (!*value || !letter || value[1])
		return wrong(p, p->start,
			     "type: is one of f, d, l, p, s, b and c, or a MIME type");
	expr->number = types[letter - letters];
	return 0;
}

static const char *parse_compare(struct expr *expr, const char *value)
{
	bool or_equal = (*value == '<' || *value == '>') && value[1] == '=';

	expr->compare = *value == '<' ? EXPR_LT : *value == '>' ? EXPR_GT : EXPR_EQ;
	if (or_equal)
		expr->compare += EXPR_LE - EXPR_LT;
	return value + (or_equal ? 2 : *value == '<' || *value == '>' || *value == '=');
}

/* Digits and one of @units, each of which is a letter; 0 or -1. */
static int parse_number(const char *value, const char *units, const int64_t *factors,
			int64_t *number)
{
	const char *unit;
	char *end;

	if (!isdigit((unsigned char)*value))
		return -1;
	errno = 0;
	*number = strtoll(value, &end, 10);
	if (errno)
		return -1;
	if (!*end)
		return factors[0] == 1 ? 0 : -1;
	unit = strchr(units, *end);
	if (!unit || end[1] || __builtin_mul_overflow(*number, factors[unit - units], number))
		return -1;
	return 0;
}

static int parse_size(struct parser *p, struct expr *expr, const char *value)
{
	static const int64_t factors[] = { 1, 1 << 10, 1 << 10, 1 << 20, 1 << 30, 1LL << 40 };

	value = parse_compare(expr, value);
	if (parse_number(value, "BkKMGT", factors, &expr->number) < 0)
		return wrong(p, p->start, "size: is <, > or nothing, and a number with k, M, G or T");
	return 0;
}

/* -EINVAL: none; -ERANGE: a day that there is not, which mktime() makes another one. */
static int parse_date(const char *value, int64_t *number)
{
	struct tm tm = { .tm_isdst = -1 }, day;
	const char *end = strptime(value, "%Y-%m-%d", &tm);

	if (!end || *end)
		return -EINVAL;
	day = tm;
	*number = mktime(&day);
	return day.tm_mday == tm.tm_mday && day.tm_mon == tm.tm_mon ? 0 : -ERANGE;
}

/* An age is a time that much ago: what is younger was modified later. */
static int parse_mtime(struct parser *p, struct expr *expr, const char *value)
{
	static const enum expr_compare turned[] = { EXPR_EQ, EXPR_GT, EXPR_LT, EXPR_GE, EXPR_LE };
	static const int64_t factors[] = { 0, 1, 60, 3600, 86400, 7 * 86400, 365 * 86400 };
	int64_t age;
	int ret;

	value = parse_compare(expr, value);
	ret = expr->compare == EXPR_EQ ? -EINVAL : parse_date(value, &expr->number);
	if (ret == -ERANGE)
		return wrong(p, p->start, "mtime: the month has no such day");
	if (ret == 0)
		return 0;
	if (expr->compare == EXPR_EQ ||
	    parse_number(value, " smhdwy", factors, &age) < 0 || strchr(value, ' '))
		return wrong(p, p->start,
			     "mtime: is < or >, and an age with s, m, h, d, w or y, or a date YYYY-MM-DD");
	expr->number = time(NULL) - age;
	expr->compare = turned[expr->compare];
	return 0;
}

static int parse_text(struct parser *p, struct expr *expr, const char *value)
{
	if (!*value)
		return wrong(p, p->start, "a value is missing");
	expr->text = strdup(value);
	return expr->text ? 0 : wrong(p, p->start, "out of memory");
}

static int parse_hash(struct parser *p, struct expr *expr, const char *value)
{
	char *c;

	if (strlen(value) != 64 || strspn(value, "0123456789abcdefABCDEF") != 64)
		return wrong(p, p->start, "hash: is a SHA-256, 64 hexadecimal digits");
	expr->text = strdup(value);
	for (c = expr->text; c && *c; c++)
		*c = tolower((unsigned char)*c);
	return expr->text ? 0 : wrong(p, p->start, "out of memory");
}

/*
 * What was found in files: text, maybe a pattern, without regard to case; or less or more
 * than a number, or than text if it is none, as dates are.
 */
static int parse_value(struct parser *p, struct expr *expr, const char *value)
{
	static const int64_t one[] = { 1 };

	value = parse_compare(expr, value);
	if (!*value)
		return wrong(p, p->start, "a value is missing");
	if (expr->compare != EXPR_EQ && parse_number(value, "", one, &expr->number) == 0)
		return 0;
	expr->text = strcmp(expr->key, "keyword") ? fold_case(value) : fold_keyword(value);
	return expr->text ? 0 : wrong(p, p->start, "out of memory");
}

/* The field is the key. */
static int parse_found(struct parser *p, struct expr *expr, const char *value)
{
	expr->key = strndup(p->word, p->field);
	return expr->key ? parse_value(p, expr, value) : wrong(p, p->start, "out of memory");
}

/* "2024-05" is all of a month. */
static int parse_taken(struct parser *p, struct expr *expr, const char *value)
{
	int ret = parse_found(p, expr, value);
	char *longer;

	if (ret < 0 || expr->compare != EXPR_EQ || strpbrk(expr->text, "*?["))
		return ret;
	longer = realloc(expr->text, strlen(expr->text) + 2);
	if (!longer)
		return wrong(p, p->start, "out of memory");
	expr->text = strcat(longer, "*");
	return 0;
}

/* KEY, KEY=VALUE, KEY<VALUE... */
static int parse_fact(struct parser *p, struct expr *expr, const char *value)
{
	size_t len = strcspn(value, "=<>");

	if (!len)
		return wrong(p, p->start,
			     "fact: is a key, alone or with =, < or > and a value");
	expr->key = strndup(value, len);
	if (!expr->key)
		return wrong(p, p->start, "out of memory");
	expr->any = !value[len];
	return expr->any ? 0 : parse_value(p, expr, value + len);
}

static const struct field {
	const char *name;
	enum expr_op op;
	int (*parse)(struct parser *p, struct expr *expr, const char *value);
} fields[] = {
	{ "tag", EXPR_TAG, parse_text },
	{ "name", EXPR_NAME, parse_text },
	{ "path", EXPR_PATH, parse_text },
	{ "type", EXPR_TYPE, parse_type },
	{ "size", EXPR_SIZE, parse_size },
	{ "mtime", EXPR_MTIME, parse_mtime },
	{ "link", EXPR_LINK, parse_text },
	{ "linked", EXPR_LINKED, parse_text },
	{ "hash", EXPR_HASH, parse_hash },
	{ "text", EXPR_TEXT, parse_text },
	{ "title", EXPR_FACT, parse_found },
	{ "author", EXPR_FACT, parse_found },
	{ "artist", EXPR_FACT, parse_found },
	{ "album", EXPR_FACT, parse_found },
	{ "genre", EXPR_FACT, parse_found },
	{ "year", EXPR_FACT, parse_found },
	{ "length", EXPR_FACT, parse_found },
	{ "pages", EXPR_FACT, parse_found },
	{ "camera", EXPR_FACT, parse_found },
	{ "taken", EXPR_FACT, parse_taken },
	{ "keyword", EXPR_FACT, parse_found },
	{ "auto", EXPR_FACT, parse_found },
	{ "fact", EXPR_FACT, parse_fact },
};

static struct expr *parse_term(struct parser *p)
{
	const struct field *field = &fields[0];
	struct expr *expr = new_expr(EXPR_TAG, NULL, NULL);
	const char *value = p->word;
	size_t i;
	int ret;

	if (!expr) {
		wrong(p, p->start, "out of memory");
		return NULL;
	}
	for (i = 0; i < sizeof(fields) / sizeof(*fields) && p->field; i++) {
		if (strlen(fields[i].name) == p->field &&
		    !strncmp(fields[i].name, p->word, p->field)) {
			field = &fields[i];
			value = p->word + p->field + 1;
			break;
		}
	}
	expr->op = field->op;
	ret = field->parse(p, expr, value);
	if (ret == 0 && ++p->terms > MAX_TERMS)
		ret = wrong(p, p->start, "more than %d terms", MAX_TERMS);
	if (ret == 0)
		ret = advance(p);
	if (ret < 0) {
		expr_free(expr);
		return NULL;
	}
	return expr;
}

/* ---- structure ---- */

static struct expr *parse_or(struct parser *p);

static struct expr *parse_parentheses(struct parser *p)
{
	const char *open = p->start;
	struct expr *expr;

	if (advance(p) < 0)
		return NULL;
	expr = parse_or(p);
	if (expr && p->token != CLOSE)
		wrong(p, open, "the parenthesis is not closed");
	if (p->error->position || advance(p) < 0) {
		expr_free(expr);
		return NULL;
	}
	return expr;
}

static struct expr *parse_not(struct parser *p)
{
	struct expr *expr = NULL;

	if (++p->depth > MAX_DEPTH) {
		wrong(p, p->start, "nested more than %d deep", MAX_DEPTH);
		return NULL;
	}
	if (p->token == NOT) {
		if (advance(p) == 0)
			expr = parse_not(p);
		if (expr)
			expr = new_expr(EXPR_NOT, expr, NULL);
	} else if (p->token == OPEN) {
		expr = parse_parentheses(p);
	} else if (p->token == WORD) {
		expr = parse_term(p);
	} else {
		wrong(p, p->start, "a tag or a field is missing");
	}
	p->depth--;
	return expr;
}

static struct expr *parse_and(struct parser *p)
{
	struct expr *expr = parse_not(p), *right;

	while (expr && p->token != OR && p->token != CLOSE && p->token != END) {
		right = p->token != AND || advance(p) == 0 ? parse_not(p) : NULL;
		if (!right) {
			expr_free(expr);
			return NULL;
		}
		expr = new_expr(EXPR_AND, expr, right);
	}
	return expr;
}

static struct expr *parse_or(struct parser *p)
{
	struct expr *expr = parse_and(p), *right;

	while (expr && p->token == OR) {
		right = advance(p) == 0 ? parse_and(p) : NULL;
		if (!right) {
			expr_free(expr);
			return NULL;
		}
		expr = new_expr(EXPR_OR, expr, right);
	}
	return expr;
}

struct expr *expr_parse(const char *text, struct expr_error *error)
{
	struct parser p = { .text = text, .next = text, .error = error };
	struct expr *expr = NULL;

	memset(error, 0, sizeof(*error));
	p.word = malloc(strlen(text) + 1);
	if (p.word && advance(&p) == 0) {
		expr = parse_or(&p);
		if (expr && p.token != END)
			wrong(&p, p.start, "there is no parenthesis to close");
	}
	if (!expr)
		wrong(&p, text, "out of memory");
	free(p.word);
	if (error->position) {
		expr_free(expr);
		return NULL;
	}
	return expr;
}

bool expr_looks_at_files(const struct expr *expr)
{
	return expr && (expr->op == EXPR_SIZE || expr->op == EXPR_MTIME ||
			expr_looks_at_files(expr->left) || expr_looks_at_files(expr->right));
}

struct expr *expr_of_tags(enum expr_op op, const char *const *tags, size_t count)
{
	struct expr *expr = NULL, *term;
	size_t i;

	for (i = 0; i < count; i++) {
		term = new_expr(EXPR_TAG, NULL, NULL);
		if (term)
			term->text = strdup(tags[i]);
		if (!term || !term->text) {
			expr_free(term);
			expr_free(expr);
			return NULL;
		}
		expr = expr ? new_expr(op, expr, term) : term;
		if (!expr)
			return NULL;
	}
	return expr;
}
