/*
 * config_value.c - secrets that stand elsewhere.
 *
 * ${file:PATH:KEY} and ${dir:PATH:FILE} are those of Kafka's own FileConfigProvider and DirectoryConfigProvider, so
 * that a file that works there works here; `config.providers` need not be set.
 */
#include <stdlib.h>

#include "base/file.h"
#include "base/props.h"
#include "base/text.h"
#include "client/config_value.h"

#define SECRET_FILE_SIZE_MAX (1u << 20)

static int put_environment(struct view name, struct buffer *out, struct fault *fault)
{
	char *text = view_string(name);
	const char *value = text ? getenv(text) : NULL;
	int err = 0;

	if (value)
		buffer_text(out, value);
	else
		err = fault_set(fault, ERR_CONFIG, "the environment variable %.*s is not set",
				VIEW_ARGS(name));
	free(text);
	return err;
}

/* The file without the line ends at its end, which editors add. */
static int put_file(const char *path, struct buffer *out, struct fault *fault)
{
	struct buffer bytes;
	int err;

	buffer_init(&bytes, SECRET_FILE_SIZE_MAX);
	err = file_read(path, &bytes, fault);
	while (bytes.size > 0 && (bytes.at[bytes.size - 1] == '\n' || bytes.at[bytes.size - 1] == '\r'))
		bytes.size--;
	if (err == 0)
		buffer_view(out, buffer_bytes(&bytes));
	buffer_done(&bytes);
	return err;
}

static int put_file_key(const char *path, struct view key, struct buffer *out, struct fault *fault)
{
	struct buffer bytes;
	struct arena arena;
	struct props props;
	int err;

	buffer_init(&bytes, SECRET_FILE_SIZE_MAX);
	arena_init(&arena, 8 * SECRET_FILE_SIZE_MAX);
	err = file_read(path, &bytes, fault);
	if (err == 0)
		err = props_parse(buffer_bytes(&bytes), path, &arena, &props, fault);
	if (err == 0) {
		char *name = view_string(key);
		struct view value = name ? props_get(&props, name) : VIEW_NULL;

		if (value.at)
			buffer_view(out, value);
		else
			err = fault_set(fault, ERR_CONFIG, "%s has no key '%.*s'", path, VIEW_ARGS(key));
		free(name);
	}
	arena_done(&arena);
	buffer_done(&bytes);
	return err;
}

static int put_reference(struct view provider, struct view rest, struct buffer *out, struct fault *fault)
{
	const uint8_t *colon = rest.size > 0 ? memrchr(rest.at, ':', rest.size) : NULL;
	struct view head = colon ? view_of(rest.at, (size_t)(colon - rest.at)) : rest;
	struct view tail = colon ? view_of(colon + 1, rest.size - head.size - 1) : VIEW_NULL;
	char *path;
	int err;

	if (view_is(provider, "env"))
		return put_environment(rest, out, fault);
	if (!view_is(provider, "file") && !view_is(provider, "dir"))
		return fault_set(fault, ERR_CONFIG,
				 "${%.*s:...} is not known here; there are ${env:NAME}, ${file:PATH}, "
				 "${file:PATH:KEY} and ${dir:PATH:FILE}",
				 VIEW_ARGS(provider));
	path = view_string(head);
	if (!path)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	if (view_is(provider, "file")) {
		err = tail.at ? put_file_key(path, tail, out, fault) : put_file(path, out, fault);
	} else {
		struct buffer joined;

		buffer_init(&joined, 8192);
		buffer_printf(&joined, "%s/%.*s", path, VIEW_ARGS(tail));
		err = put_file(buffer_string(&joined), out, fault);
		buffer_done(&joined);
	}
	free(path);
	return err == ERR_NOT_FOUND || err == ERR_IO ? (fault ? fault->err = ERR_CONFIG : 0, ERR_CONFIG)
						     : err;
}

/* Where the reference that begins at `at` ends, behind its brace; 0 when there is none. */
static size_t reference_end(struct view text, size_t at)
{
	const uint8_t *brace, *colon;

	if (text.size - at < 4 || text.at[at] != '$' || text.at[at + 1] != '{')
		return 0;
	brace = memchr(text.at + at, '}', text.size - at);
	colon = brace ? memchr(text.at + at, ':', (size_t)(brace - text.at) - at) : NULL;
	return colon ? (size_t)(brace - text.at) + 1 : 0;
}

int config_expand(struct view text, struct arena *arena, const char **out, bool *expanded,
		  struct fault *fault)
{
	struct buffer value;
	size_t at = 0;
	int err = 0;

	buffer_init(&value, text.size + 16 * SECRET_FILE_SIZE_MAX);
	while (at < text.size && err == 0) {
		size_t end = reference_end(text, at);

		if (end == 0) {
			buffer_put(&value, text.at + at++, 1);
			continue;
		}

		const uint8_t *colon = memchr(text.at + at, ':', text.size - at);
		size_t name_at = (size_t)(colon - text.at) + 1;

		err = put_reference(view_of(text.at + at + 2, name_at - 1 - at - 2),
				    view_of(text.at + name_at, end - 1 - name_at), &value, fault);
		*expanded = true;
		at = end;
	}
	if (err == 0 && value.size > 0 && memchr(value.at, 0, value.size))
		err = fault_set(fault, ERR_CONFIG, "the value has a NUL character in it");
	if (err == 0) {
		*out = (const char *)arena_copy(arena, value.at ? buffer_bytes(&value) : VIEW_LITERAL("")).at;
		if (!*out || value.err < 0)
			err = fault_set(fault, ERR_LIMIT, "the value is too large");
	}
	buffer_done(&value);
	return err;
}
