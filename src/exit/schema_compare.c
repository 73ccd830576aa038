/* schema_compare.c - canonical forms: JSON by jansson, with what Avro and JSON Schema know of it; protobuf by tokens. */
#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/text.h"
#include "exit/schema_compare.h"

#define CANONICAL_SIZE_MAX (64 * 1024 * 1024)
#define DEPTH_MAX          500

static const char *const type_words[] = { "AVRO", "JSON", "PROTOBUF", "another type" };

const char *schema_type_word(enum schema_type type)
{
	return type_words[type];
}

enum schema_type schema_type_named(const char *word)
{
	if (!word)
		return SCHEMA_AVRO;
	for (int type = SCHEMA_AVRO; type < SCHEMA_OTHER; type++)
		if (strcmp(word, type_words[type]) == 0)
			return (enum schema_type)type;
	return SCHEMA_OTHER;
}

/* ---- JSON ---- */

struct canon {
	const struct schema_rules *rules;
	struct buffer *out;
	int depth;
	int err;
};

static bool enter(struct canon *c)
{
	if (++c->depth > DEPTH_MAX)
		c->err = ERR_LIMIT;
	return c->err == 0;
}

static bool one_of(const char *word, const char *const words[])
{
	for (int i = 0; words[i]; i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

static void put_string(struct canon *c, const char *text)
{
	json_t *string = json_string(text);
	char *quoted = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;

	if (quoted)
		buffer_text(c->out, quoted);
	else
		c->err = ERR_MEMORY;
	free(quoted);
	json_decref(string);
}

/* 1 and 1.0 are the same number. */
static void put_number(struct canon *c, const json_t *value)
{
	double real = json_number_value(value);

	if (json_is_integer(value))
		buffer_printf(c->out, "%lld", (long long)json_integer_value(value));
	else if (real > -9e15 && real < 9e15 && real == (double)(long long)real)
		buffer_printf(c->out, "%lld", (long long)real);
	else
		buffer_printf(c->out, "%.17g", real);
}

static void put_leaf(struct canon *c, const json_t *value)
{
	if (json_is_string(value))
		put_string(c, json_string_value(value));
	else if (json_is_number(value))
		put_number(c, value);
	else
		buffer_text(c->out, json_is_null(value) ? "null" : json_is_true(value) ? "true" : "false");
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Calls `put` for each member, in order of names. */
static void put_members(struct canon *c, const json_t *object,
			void (*put)(struct canon *c, const char *name, const json_t *value, void *context),
			void *context)
{
	const char **names = calloc(json_object_size(object) + 1, sizeof *names);
	size_t count = 0;
	const char *name;
	json_t *value;

	if (!names) {
		c->err = ERR_MEMORY;
		return;
	}
	json_object_foreach((json_t *)object, name, value) names[count++] = name;
	qsort(names, count, sizeof *names, by_text);
	buffer_text(c->out, "{");
	for (size_t i = 0; i < count && c->err == 0; i++)
		put(c, names[i], json_object_get(object, names[i]), context);
	buffer_text(c->out, "}");
	free(names);
}

static void put_name(struct canon *c, const char *name)
{
	put_string(c, name);
	buffer_text(c->out, ":");
}

/* Anything that is data and no schema: defaults, properties of one's own. */
static void put_data(struct canon *c, const json_t *value);

static void put_data_member(struct canon *c, const char *name, const json_t *value, void *context)
{
	put_name(c, name);
	put_data(c, value);
	buffer_text(c->out, ",");
}

static void put_data(struct canon *c, const json_t *value)
{
	if (!enter(c))
		return;
	if (json_is_object(value)) {
		put_members(c, value, put_data_member, NULL);
	} else if (json_is_array(value)) {
		buffer_text(c->out, "[");
		for (size_t i = 0; i < json_array_size(value); i++) {
			put_data(c, json_array_get(value, i));
			buffer_text(c->out, ",");
		}
		buffer_text(c->out, "]");
	} else {
		put_leaf(c, value);
	}
	c->depth--;
}

/* ---- Avro ---- */

static bool avro_primitive(const char *word)
{
	static const char *const words[] = { "null",   "boolean", "int",    "long", "float",
					     "double", "bytes",   "string", NULL };

	return one_of(word, words);
}

/* A name with its namespace in front; `space` is that of what is around it, "" for none. */
static void put_full_name(struct canon *c, const char *name, const char *space)
{
	struct buffer full;

	if (strchr(name, '.') || !*space) {
		put_string(c, *name == '.' ? name + 1 : name);
		return;
	}
	buffer_init(&full, 1 << 20);
	buffer_printf(&full, "%s.%s", space, name);
	c->err = full.err < 0 ? full.err : c->err;
	put_string(c, buffer_string(&full));
	buffer_done(&full);
}

static void avro_schema(struct canon *c, const json_t *schema, const char *space);

static void avro_field_member(struct canon *c, const char *name, const json_t *value, void *context)
{
	if (strcmp(name, "doc") == 0 && c->rules->ignore_docs)
		return;
	put_name(c, name);
	if (strcmp(name, "type") == 0)
		avro_schema(c, value, context);
	else
		put_data(c, value);
	buffer_text(c->out, ",");
}

static void avro_fields(struct canon *c, const json_t *fields, const char *space)
{
	buffer_text(c->out, "[");
	for (size_t i = 0; i < json_array_size(fields) && c->err == 0; i++) {
		const json_t *field = json_array_get(fields, i);

		if (json_is_object(field))
			put_members(c, field, avro_field_member, (void *)space);
		else
			put_data(c, field);
		buffer_text(c->out, ",");
	}
	buffer_text(c->out, "]");
}

struct avro_scope {
	bool named;         /* a record, enum or fixed */
	const char *inside; /* the namespace within it */
};

static void avro_member(struct canon *c, const char *name, const json_t *value, void *context)
{
	const struct avro_scope *scope = context;

	if (strcmp(name, "doc") == 0 && c->rules->ignore_docs)
		return;
	if (scope->named && strcmp(name, "namespace") == 0)
		return; /* it stands in the full name */
	put_name(c, name);
	if (scope->named && strcmp(name, "name") == 0 && json_is_string(value))
		put_full_name(c, json_string_value(value), scope->inside);
	else if (strcmp(name, "fields") == 0 && json_is_array(value))
		avro_fields(c, value, scope->inside);
	else if ((strcmp(name, "type") == 0 && !scope->named) || strcmp(name, "items") == 0 ||
		 strcmp(name, "values") == 0)
		avro_schema(c, value, scope->inside);
	else
		put_data(c, value);
	buffer_text(c->out, ",");
}

static void avro_object(struct canon *c, const json_t *schema, const char *space)
{
	static const char *const named[] = { "record", "error", "enum", "fixed", NULL };
	const json_t *type = json_object_get(schema, "type");
	const char *word = json_string_value(type),
		   *name = json_string_value(json_object_get(schema, "name"));
	const char *own = json_string_value(json_object_get(schema, "namespace"));
	struct avro_scope scope = { .named = word && name && one_of(word, named), .inside = space };
	char *before = NULL;

	/* {"type": X} and nothing else is X. */
	if (type && json_object_size(schema) == 1 && (!word || avro_primitive(word))) {
		avro_schema(c, type, space);
		return;
	}
	if (scope.named) {
		const char *dot = strrchr(name, '.');

		if (dot && !(before = strndup(name, (size_t)(dot - name)))) {
			c->err = ERR_MEMORY;
			return;
		}
		scope.inside = dot ? before : own ? own : space;
	}
	put_members(c, schema, avro_member, &scope);
	free(before);
}

/* At a place where a schema stands: a name, a union, or a type described. */
static void avro_schema(struct canon *c, const json_t *schema, const char *space)
{
	if (!enter(c))
		return;
	if (json_is_string(schema) && avro_primitive(json_string_value(schema))) {
		put_leaf(c, schema);
	} else if (json_is_string(schema)) {
		put_full_name(c, json_string_value(schema), space);
	} else if (json_is_array(schema)) {
		buffer_text(c->out, "[");
		for (size_t i = 0; i < json_array_size(schema); i++) {
			avro_schema(c, json_array_get(schema, i), space);
			buffer_text(c->out, ",");
		}
		buffer_text(c->out, "]");
	} else if (json_is_object(schema)) {
		avro_object(c, schema, space);
	} else {
		put_leaf(c, schema);
	}
	c->depth--;
}

/* ---- JSON Schema ---- */

static void json_schema(struct canon *c, const json_t *schema);

static void json_named_member(struct canon *c, const char *name, const json_t *value, void *context)
{
	put_name(c, name);
	json_schema(c, value);
	buffer_text(c->out, ",");
}

/* A set written as a list: its elements in canonical form, in order. */
static void json_set(struct canon *c, const json_t *list)
{
	size_t count = json_array_size(list), done = 0;
	char **texts = calloc(count + 1, sizeof *texts);
	struct buffer *out = c->out, one;

	if (!texts) {
		c->err = ERR_MEMORY;
		return;
	}
	for (; done < count && c->err == 0; done++) {
		buffer_init(&one, CANONICAL_SIZE_MAX);
		c->out = &one;
		put_data(c, json_array_get(list, done));
		texts[done] = one.err < 0 ? NULL : view_string(buffer_bytes(&one));
		if (!texts[done])
			c->err = one.err < 0 ? one.err : ERR_MEMORY;
		buffer_done(&one);
	}
	c->out = out;
	if (c->err == 0)
		qsort(texts, count, sizeof *texts, by_text);
	buffer_text(out, "[");
	for (size_t i = 0; i < count && c->err == 0; i++)
		buffer_printf(out, "%s,", texts[i]);
	buffer_text(out, "]");
	for (size_t i = 0; i < done; i++)
		free(texts[i]);
	free(texts);
}

static void json_schema_member(struct canon *c, const char *name, const json_t *value, void *context)
{
	static const char *const docs[] = { "title", "description", "$comment", "examples", NULL };
	static const char *const data[] = { "default", "const", "example", "examples", NULL };
	static const char *const sets[] = { "required", "enum", "type", NULL };
	/* Their members are named by the schema's author. */
	static const char *const maps[] = { "properties", "patternProperties", "definitions",
					    "$defs",      "dependentSchemas",  NULL };

	if (c->rules->ignore_docs && one_of(name, docs))
		return;
	put_name(c, name);
	if (json_is_array(value) && one_of(name, sets))
		json_set(c, value);
	else if (json_is_object(value) && one_of(name, maps))
		put_members(c, value, json_named_member, NULL);
	else if (one_of(name, data))
		put_data(c, value);
	else
		json_schema(c, value);
	buffer_text(c->out, ",");
}

static void json_schema(struct canon *c, const json_t *schema)
{
	if (!enter(c))
		return;
	if (json_is_object(schema)) {
		put_members(c, schema, json_schema_member, NULL);
	} else if (json_is_array(schema)) {
		buffer_text(c->out, "[");
		for (size_t i = 0; i < json_array_size(schema); i++) {
			json_schema(c, json_array_get(schema, i));
			buffer_text(c->out, ",");
		}
		buffer_text(c->out, "]");
	} else {
		put_leaf(c, schema);
	}
	c->depth--;
}

/* ---- protobuf ---- */

static size_t skip_blank(struct view text, size_t at)
{
	while (at < text.size) {
		if (isspace(text.at[at])) {
			at++;
		} else if (text.at[at] == '/' && at + 1 < text.size && text.at[at + 1] == '/') {
			while (at < text.size && text.at[at] != '\n')
				at++;
		} else if (text.at[at] == '/' && at + 1 < text.size && text.at[at + 1] == '*') {
			at += 2;
			while (at < text.size &&
			       !(text.at[at] == '*' && at + 1 < text.size && text.at[at + 1] == '/'))
				at++;
			at = at + 2 > text.size ? text.size : at + 2;
		} else {
			break;
		}
	}
	return at;
}

static bool of_word(uint8_t byte)
{
	return isalnum(byte) || byte == '_' || byte == '.' || byte >= 0x80;
}

/* A string in double quotes, whichever it came in.  False when it does not end. */
static bool put_quoted(struct view text, size_t *at, struct buffer *out)
{
	uint8_t quote = text.at[(*at)++];

	buffer_text(out, "\"");
	while (*at < text.size && text.at[*at] != quote) {
		uint8_t byte = text.at[*at];

		if (byte == '\\' && *at + 1 < text.size) {
			/* \' and \" say no more than the quote itself. */
			byte = text.at[++*at];
			if (byte != '\'')
				buffer_text(out, "\\");
		} else if (byte == '"') {
			buffer_text(out, "\\");
		}
		buffer_put(out, &byte, 1);
		++*at;
	}
	buffer_text(out, "\"");
	if (*at == text.size)
		return false;
	++*at;
	return true;
}

/* One blank between two tokens. */
static bool put_tokens(struct view text, struct buffer *out)
{
	size_t at = skip_blank(text, 0);
	bool first = true;

	while (at < text.size) {
		size_t from = at;

		if (!first)
			buffer_text(out, " ");
		first = false;
		if (text.at[at] == '"' || text.at[at] == '\'') {
			if (!put_quoted(text, &at, out))
				return false;
		} else {
			do {
				at++;
			} while (at < text.size && of_word(text.at[from]) && of_word(text.at[at]));
			buffer_put(out, text.at + from, at - from);
		}
		at = skip_blank(text, at);
	}
	return !first;
}

/* ---- all of them ---- */

/* Only with nothing written yet: what a failed attempt left is taken back. */
static int as_it_stands(struct view text, struct buffer *out, size_t from)
{
	if (out->err == 0)
		out->size = from;
	buffer_view(out, text_trim(text));
	return out->err < 0 ? out->err : 1;
}

static int canonical_json(enum schema_type type, struct view text, const struct schema_rules *rules,
			  struct buffer *out)
{
	struct canon c = { .rules = rules, .out = out };
	json_t *schema = text.at ? json_loadb((const char *)text.at, text.size,
					      JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL)
				 : NULL;

	if (!schema)
		return as_it_stands(text, out, out->size);
	if (type == SCHEMA_AVRO)
		avro_schema(&c, schema, "");
	else
		json_schema(&c, schema);
	json_decref(schema);
	return c.err < 0 ? c.err : out->err;
}

int schema_canonical(enum schema_type type, struct view text, const struct schema_rules *rules,
		     struct buffer *out)
{
	static const struct schema_rules strict = { 0 };
	size_t from = out->size;

	rules = rules ? rules : &strict;
	if (type == SCHEMA_AVRO || type == SCHEMA_JSON)
		return canonical_json(type, text, rules, out);
	if (type == SCHEMA_PROTOBUF && put_tokens(text, out))
		return out->err;
	return as_it_stands(text, out, from);
}

static int by_name(const void *a, const void *b)
{
	return view_compare(((const struct schema_link *)a)->name, ((const struct schema_link *)b)->name);
}

int schema_print(enum schema_type type, struct view text, const struct schema_rules *rules,
		 struct schema_link *links, int link_count, struct sha256 *out)
{
	struct sha256 print;
	struct buffer bytes;
	int how;

	buffer_init(&bytes, CANONICAL_SIZE_MAX);
	buffer_printf(&bytes, "%s\n", schema_type_word(type));
	how = schema_canonical(type, text, rules, &bytes);
	if (how >= 0) {
		print = sha256_of(buffer_bytes(&bytes));
		if (link_count)
			qsort(links, (size_t)link_count, sizeof *links, by_name);
		for (int i = 0; i < link_count; i++) {
			print = sha256_chain(print, sha256_of(links[i].name));
			print = sha256_chain(print, links[i].print);
		}
		*out = print;
	}
	buffer_done(&bytes);
	return how;
}
