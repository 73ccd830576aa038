/*
 * notation.c - reads the notation.
 *
 * The program runs once in a build, so memory is taken from one pool and never given back, and the first mistake ends
 * it with a sentence.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notation.h"

#define DEPTH_MAX 16
#define WORDS_MAX 16

const struct type_words type_words[] = {
	[TYPE_BOOL] = { "bool", "bool", "FIELD_BOOL" },
	[TYPE_I8] = { "i8", "int8_t", "FIELD_I8" },
	[TYPE_I16] = { "i16", "int16_t", "FIELD_I16" },
	[TYPE_U16] = { "u16", "uint16_t", "FIELD_U16" },
	[TYPE_I32] = { "i32", "int32_t", "FIELD_I32" },
	[TYPE_U32] = { "u32", "uint32_t", "FIELD_U32" },
	[TYPE_I64] = { "i64", "int64_t", "FIELD_I64" },
	[TYPE_F64] = { "f64", "double", "FIELD_F64" },
	[TYPE_UUID] = { "uuid", "struct uuid", "FIELD_UUID" },
	[TYPE_STRING] = { "string", "struct view", "FIELD_STRING" },
	[TYPE_BYTES] = { "bytes", "struct view", "FIELD_BYTES" },
	[TYPE_RECORDS] = { "records", "struct view", "FIELD_RECORDS" },
	[TYPE_STRUCT] = { NULL, NULL, "FIELD_STRUCT" },
};

struct message messages[MESSAGE_COUNT_MAX];
int message_count;

static const char *file_name;
static int line_number;

static void __attribute__((format(printf, 1, 2), noreturn)) stop(const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s:%d: ", file_name, line_number);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static void *take(size_t size)
{
	static char pool[8 * 1024 * 1024];
	static size_t used;
	char *at = pool + used;

	size = (size + 15) & ~(size_t)15;
	if (size > sizeof pool - used)
		stop("more notation than the generator has room for");
	used += size;
	return at;
}

static const char *copy(const char *text)
{
	return strcpy(take(strlen(text) + 1), text);
}

static long number(const char *text, const char **end, const char *what)
{
	char *after;
	long value = strtol(text, &after, 10);

	if (after == text || value < 0 || value > VERSION_MAX)
		stop("%s: not a %s", text, what);
	*end = after;
	return value;
}

/* v7+ v4-12 v9; without the v when `word` begins with a digit. */
static void read_range(const char *word, int *since, int *until)
{
	const char *end;

	*since = *until = (int)number(*word == 'v' ? word + 1 : word, &end, "range of versions");
	if (*end == '+') {
		*until = VERSION_MAX;
		end++;
	} else if (*end == '-') {
		*until = (int)number(end + 1, &end, "range of versions");
	}
	if (*end || *since > *until)
		stop("%s: not a range of versions", word);
}

static bool is_name(const char *word)
{
	if (!islower((unsigned char)*word))
		return false;
	while (islower((unsigned char)*word) || isdigit((unsigned char)*word) || *word == '_')
		word++;
	return *word == 0;
}

static struct shape *add_shape(struct message *message, const char *name)
{
	static const char *const suffix[] = { "_request", "_response", "" };
	struct shape **end = &message->shapes, *shape = take(sizeof *shape);
	char c_name[200];

	while (*end)
		end = &(*end)->next;
	snprintf(c_name, sizeof c_name, "%s%s%s%s", message->name, suffix[message->kind], name ? "_" : "",
		 name ? name : "");
	*shape = (struct shape){ .name = name, .c_name = copy(c_name), .line = line_number };
	*end = shape;
	return shape;
}

static struct shape *find_shape(struct message *message, const char *name)
{
	for (struct shape *shape = message->shapes; shape; shape = shape->next)
		if (shape->name && strcmp(shape->name, name) == 0)
			return shape;
	return NULL;
}

/* [name]?7 - returns the shape when this is its first use, so that lines below may describe it. */
static struct shape *read_type(struct message *message, struct field *field, char *word)
{
	char *mark = strchr(word, '?');
	const char *end;

	if (mark) {
		field->nullable = true;
		field->nullable_since = mark[1] ? (int)number(mark + 1, &end, "version") : 0;
		*mark = 0;
	}
	if (*word == '[') {
		if (word[strlen(word) - 1] != ']')
			stop("%s: no closing bracket", word);
		word[strlen(word) - 1] = 0;
		word++;
		field->array = true;
	}
	for (int i = 0; type_words[i].notation; i++) {
		if (strcmp(word, type_words[i].notation))
			continue;
		field->type = (enum type)i;
		if (field->nullable && !field->array && field->type < TYPE_STRING)
			stop("%s can not be null", word);
		return NULL;
	}
	if (!is_name(word))
		stop("%s: neither a type nor a name", word);
	field->type = TYPE_STRUCT;
	field->null_default = field->nullable && !field->array;
	field->shape = find_shape(message, word);
	if (field->shape)
		return NULL;
	field->shape = add_shape(message, copy(word));
	return field->shape;
}

static void read_default(struct field *field, const char *word)
{
	char *end;

	if (strcmp(word, "null") == 0) {
		if (!field->nullable)
			stop("the default is null, but the field can not be");
		field->null_default = true;
	} else if (field->array || field->type >= TYPE_UUID) {
		stop("this type has no other default than null");
	} else if (field->type == TYPE_BOOL) {
		if (strcmp(word, "true"))
			stop("%s: false needs no saying, and nothing but true is left", word);
		field->initial = 1;
	} else {
		field->initial = strtoll(word, &end, 0);
		if (*end)
			stop("%s: not a number", word);
	}
}

static void read_attributes(struct message *message, struct field *field, char **word)
{
	const char *end;

	if (*word && (*word)[0] == 'v' && isdigit((unsigned char)(*word)[1]))
		read_range(*word++, &field->since, &field->until);
	if (*word && strcmp(*word, "tag") == 0 && word[1]) {
		field->tag = (int)number(word[1], &end, "tag");
		if (*end || field->tag > INT8_MAX)
			stop("%s: not a tag", word[1]);
		if (field->since < message->flexible_since && message->since < message->flexible_since)
			stop("tagged before version %d, the first with tags", message->flexible_since);
		word += 2;
	}
	if (*word && strcmp(*word, "=") == 0 && word[1]) {
		read_default(field, word[1]);
		word += 2;
	}
	if (*word && strcmp(*word, "ignorable") == 0) {
		field->ignorable = true;
		word++;
	}
	if (*word)
		stop("%s: not understood here (the order is: versions, tag, default, ignorable)", *word);
	if (field->since > message->until || (field->until != VERSION_MAX && field->until < message->since))
		stop("no version of the message has this field");
}

static struct shape *read_field(struct message *message, struct shape *shape, char **words,
				const char *comment)
{
	struct field **end = &shape->fields, *field = take(sizeof *field);
	struct shape *opened;

	*field =
		(struct field){ .name = copy(words[0]), .comment = comment, .until = VERSION_MAX, .tag = -1 };
	if (!is_name(words[0]) || !words[1])
		stop("a field is a name and a type");
	opened = read_type(message, field, words[1]);
	read_attributes(message, field, words + 2);
	for (; *end; end = &(*end)->next) {
		if (strcmp((*end)->name, field->name) == 0)
			stop("%s is there already", field->name);
		if (field->tag >= 0 && (*end)->tag == field->tag)
			stop("tag %d is taken by %s", field->tag, (*end)->name);
	}
	*end = field;
	return opened;
}

static struct message *find_message(enum kind kind, const char *name)
{
	for (int i = 0; i < message_count; i++)
		if (messages[i].kind == kind && strcmp(messages[i].name, name) == 0)
			return &messages[i];
	return NULL;
}

/* request NAME KEY RANGE [flex RANGE] | response NAME | data NAME RANGE [flex RANGE] */
static struct message *read_message(char **words, const char *comment)
{
	struct message *message = &messages[message_count];
	const char *end;
	int unused;

	if (message_count == MESSAGE_COUNT_MAX)
		stop("more than %d messages", MESSAGE_COUNT_MAX);
	if (!words[1] || !is_name(words[1]))
		stop("request, response or data needs a name");
	*message = (struct message){
		.name = copy(words[1]), .comment = comment, .key = -1, .flexible_since = VERSION_MAX
	};
	if (strcmp(words[0], "response") == 0) {
		const struct message *request = find_message(KIND_REQUEST, words[1]);

		if (!request || words[2])
			stop("a response has its name alone, and stands behind its request");
		message->kind = KIND_RESPONSE;
		message->key = request->key;
		message->since = request->since;
		message->until = request->until;
		message->flexible_since = request->flexible_since;
	} else {
		message->kind = strcmp(words[0], "data") == 0 ? KIND_DATA : KIND_REQUEST;
		if (message->kind == KIND_REQUEST && strcmp(words[0], "request"))
			stop("%s: not request, response or data", words[0]);
		words += 2;
		if (message->kind == KIND_REQUEST && *words)
			message->key = (int)number(*words++, &end, "key");
		if (!*words)
			stop("which versions?");
		read_range(*words++, &message->since, &message->until);
		if (words[0] && strcmp(words[0], "flex") == 0 && words[1])
			read_range(words[1], &message->flexible_since, &unused);
	}
	if (find_message(message->kind, message->name))
		stop("%s is there already", message->name);
	add_shape(message, NULL);
	message_count++;
	return message;
}

/* Cuts the line into words at blanks; returns how deep it was indented, or -1 for an empty line. */
static int split(char *line, char **words)
{
	int depth = 0, count = 0;

	while (*line == '\t') {
		line++;
		depth++;
	}
	for (char *word = strtok(line, " \t\n"); word; word = strtok(NULL, " \t\n")) {
		if (count == WORDS_MAX)
			stop("too many words");
		words[count++] = word;
	}
	words[count] = NULL;
	return count ? depth : -1;
}

static const char *join(const char *comment, const char *line)
{
	size_t before = comment ? strlen(comment) : 0;
	char *text = take(before + strlen(line) + 2);

	while (*line == '#' || *line == ' ')
		line++;
	sprintf(text, "%s%s%s", comment ? comment : "", comment ? "\n" : "", line);
	text[strcspn(text + before + 1, "\n") + before + 1] = 0;
	return text;
}

static void check_shapes(const struct message *message)
{
	int here = line_number;

	for (const struct shape *shape = message ? message->shapes : NULL; shape; shape = shape->next) {
		line_number = shape->line;
		if (!shape->fields && shape->name)
			stop("%s: neither a type nor described by the lines below", shape->name);
	}
	line_number = here;
}

void notation_read(const char *path)
{
	struct shape *open[DEPTH_MAX + 1] = { NULL }; /* open[d] gets the fields at depth d */
	struct message *message = NULL;
	const char *comment = NULL;
	char line[1000], *words[WORDS_MAX + 1];
	FILE *file = fopen(path, "r");

	file_name = path;
	line_number = 0;
	if (!file)
		stop("cannot be opened");
	while (fgets(line, sizeof line, file)) {
		const char *text = line + strspn(line, "\t");
		int depth;

		line_number++;
		if (*text == '#') {
			comment = join(comment, text);
			continue;
		}
		depth = split(line, words);
		if (depth == 0) {
			check_shapes(message);
			message = read_message(words, comment);
			open[1] = message->shapes;
			open[2] = NULL;
		} else if (depth > 0) {
			if (depth > DEPTH_MAX || !open[depth])
				stop("deeper than the line above allows");
			open[depth + 1] = read_field(message, open[depth], words, comment);
			if (depth + 2 <= DEPTH_MAX)
				open[depth + 2] = NULL;
		}
		comment = NULL;
	}
	check_shapes(message);
	fclose(file);
}

void notation_check(void)
{
	for (int i = 0; i < message_count; i++) {
		if (messages[i].kind == KIND_REQUEST && !find_message(KIND_RESPONSE, messages[i].name)) {
			fprintf(stderr, "request %s has no response\n", messages[i].name);
			exit(1);
		}
	}
}
