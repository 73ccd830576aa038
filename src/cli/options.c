/*
 * options.c - words into settings, by a table.
 *
 * `--name value` and `--name=value` are the same; `--` ends the options.  A value may start with one dash ("-2h" is a
 * time) but not with two, so that a forgotten value does not swallow the next option.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/units.h"
#include "cli/options.h"
#include "cli/verb.h"

#define OPTIONS_MAX 64

struct parse {
	const struct verb *verb;
	struct arena *arena;
	void *settings;
	int64_t now_ms;
	struct fault *fault;
	bool given[OPTIONS_MAX]; /* by place: first the verb's own options, then the common ones */
};

const char *option_shape(enum option_kind kind)
{
	switch (kind) {
	case OPTION_FLAG: return "nothing";
	case OPTION_TEXT: return "a text";
	case OPTION_PATH: return "a file's name";
	case OPTION_CLUSTER: return "host:port[,host:port...] or the path of a .properties file";
	case OPTION_DURATION: return "a duration such as 500ms, 5s, 10m, 2h or 7d";
	case OPTION_SIZE: return "a size such as 64KiB, 256MiB or 1GB";
	case OPTION_RATE: return "a rate such as 100MB/s";
	case OPTION_TIME: return "a time such as 2026-11-22T12:00:00Z, or back from now such as -2h";
	case OPTION_COUNT: return "a number";
	case OPTION_CHOICE: return "one word of a list";
	case OPTION_TEXTS: return "a text; the option repeats";
	}
	return "";
}

static int option_count(const struct option *options)
{
	int count = 0;

	while (options && options[count].name)
		count++;
	return count;
}

/* The place of `name` among the verb's options and the common ones, or -1. */
static int option_find(const struct parse *parse, struct view name, const struct option **out)
{
	int own = option_count(parse->verb->options);
	int all = own + option_count(common_options);

	for (int index = 0; index < all; index++) {
		const struct option *option =
			index < own ? &parse->verb->options[index] : &common_options[index - own];

		if (view_is(name, option->name)) {
			*out = option;
			return index;
		}
	}
	return -1;
}

static int refuse_unknown(const struct parse *parse, struct view name)
{
	const char *names[OPTIONS_MAX + 2];
	const char *nearest;
	int count = 0;

	for (const struct option *option = parse->verb->options; option && option->name; option++)
		names[count++] = option->name;
	for (const struct option *option = common_options; option->name; option++)
		names[count++] = option->name;
	names[count++] = "help";
	names[count] = NULL;
	nearest = text_nearest(name, names);
	if (nearest)
		return fault_set(parse->fault, ERR_USAGE, "there is no option --%.*s; did you mean --%s?",
				 VIEW_ARGS(name), nearest);
	return fault_set(parse->fault, ERR_USAGE, "there is no option --%.*s; interlock %s --help lists all",
			 VIEW_ARGS(name), parse->verb->name);
}

static int read_choice(const struct parse *parse, const struct option *option, const char *value, int *out)
{
	const char *nearest = text_nearest(view_text(value), option->choices);
	char all[300] = "";
	size_t used = 0;

	for (int index = 0; option->choices[index]; index++) {
		if (strcmp(option->choices[index], value) == 0) {
			*out = index;
			return 0;
		}
		used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", index ? ", " : "",
					 option->choices[index]);
		if (used >= sizeof all)
			break;
	}
	if (nearest)
		return fault_set(parse->fault, ERR_USAGE,
				 "--%s: there is no '%s'; did you mean '%s'? (one of: %s)", option->name,
				 value, nearest, all);
	return fault_set(parse->fault, ERR_USAGE, "--%s: there is no '%s'; one of: %s", option->name, value,
			 all);
}

static int read_number(const struct parse *parse, const struct option *option, struct view text, int64_t *out)
{
	uint64_t amount = 0;
	int err;

	switch (option->kind) {
	case OPTION_DURATION: return duration_parse(text, out, parse->fault);
	case OPTION_TIME: return time_parse(text, parse->now_ms, out, parse->fault);
	case OPTION_SIZE: err = size_parse(text, &amount, parse->fault); break;
	case OPTION_RATE: err = rate_parse(text, &amount, parse->fault); break;
	default: err = count_parse(text, &amount, parse->fault); break;
	}
	if (err < 0)
		return err;
	if (amount > INT64_MAX)
		return fault_set(parse->fault, ERR_USAGE, "'%.*s' is too large", VIEW_ARGS(text));
	*out = (int64_t)amount;
	return 0;
}

static int add_text(const struct parse *parse, const struct option *option, const char *value,
		    struct texts *texts)
{
	if (texts->count == OPTION_REPEATS_MAX)
		return fault_set(parse->fault, ERR_USAGE,
				 "--%s is given more than %d times; a glob may say it shorter", option->name,
				 OPTION_REPEATS_MAX);
	if ((texts->count & (texts->count - 1)) == 0) { /* the array is full at every power of two */
		const char **at =
			arena_array(parse->arena, texts->count ? 2 * (size_t)texts->count : 1, sizeof *at);

		if (!at)
			return fault_set(parse->fault, ERR_MEMORY, "out of memory");
		if (texts->count)
			memcpy(at, texts->at, (size_t)texts->count * sizeof *at);
		texts->at = at;
	}
	texts->at[texts->count++] = value;
	return 0;
}

static int option_store(const struct parse *parse, const struct option *option, const char *value)
{
	void *field = (char *)parse->settings + option->at;
	int err;

	if (value && !*value && option->kind != OPTION_FLAG)
		return fault_set(parse->fault, ERR_USAGE, "--%s is empty; it takes %s", option->name,
				 option_shape(option->kind));
	switch (option->kind) {
	case OPTION_FLAG: *(bool *)field = true; return 0;
	case OPTION_TEXT:
	case OPTION_PATH:
	case OPTION_CLUSTER: *(const char **)field = value; return 0;
	case OPTION_CHOICE: return read_choice(parse, option, value, field);
	case OPTION_TEXTS: return add_text(parse, option, value, field);
	case OPTION_DURATION:
	case OPTION_SIZE:
	case OPTION_RATE:
	case OPTION_TIME:
	case OPTION_COUNT: break;
	}
	err = read_number(parse, option, view_text(value), field);
	if (err < 0) {
		if (parse->fault)
			parse->fault->err = ERR_USAGE;
		fault_at(parse->fault, "--%s", option->name);
		return ERR_USAGE;
	}
	return 0;
}

/* Absent values first, then the defaults: they go the way of an argument, so a wrong one fails in every test. */
static int store_defaults(const struct parse *parse, const struct option *options)
{
	for (const struct option *option = options; option && option->name; option++) {
		void *field = (char *)parse->settings + option->at;

		if (option->kind == OPTION_CHOICE)
			*(int *)field = OPTION_NO_CHOICE;
		else if (option->kind >= OPTION_DURATION && option->kind <= OPTION_COUNT)
			*(int64_t *)field = OPTION_ABSENT;
		if (option->fallback && option->kind != OPTION_FLAG) {
			int err = option_store(parse, option, option->fallback);

			if (err < 0)
				return err;
		}
	}
	return 0;
}

/* One option at words[*index]; moves the index past its value. */
static int read_option(struct parse *parse, int count, char **words, int *index)
{
	const char *word = words[*index] + 2;
	const char *equals = strchr(word, '=');
	struct view name = equals ? view_of(word, (size_t)(equals - word)) : view_text(word);
	const char *value = equals ? equals + 1 : NULL;
	const struct option *option = NULL;
	int place = option_find(parse, name, &option);

	if (place < 0)
		return refuse_unknown(parse, name);
	if (option->kind == OPTION_FLAG && value)
		return fault_set(parse->fault, ERR_USAGE, "--%s takes no value; leave '=%s' out",
				 option->name, value);
	if (option->kind != OPTION_FLAG && !value) {
		if (*index + 1 == count || strncmp(words[*index + 1], "--", 2) == 0)
			return fault_set(parse->fault, ERR_USAGE, "--%s needs a value: %s", option->name,
					 option_shape(option->kind));
		value = words[++*index];
	}
	if (parse->given[place] && option->kind != OPTION_TEXTS)
		return fault_set(parse->fault, ERR_USAGE, "--%s is given twice; say it once", option->name);
	parse->given[place] = true;
	return option_store(parse, option, value);
}

/* --help anywhere before `--` wins over every mistake: who asks for help is not told off. */
static bool wants_help(int count, char **words)
{
	for (int index = 0; index < count && strcmp(words[index], "--") != 0; index++)
		if (strcmp(words[index], "--help") == 0 || strcmp(words[index], "-h") == 0)
			return true;
	return false;
}

static int check_required(const struct parse *parse)
{
	const struct option *first = NULL;
	char more[200] = "";
	int index = 0;

	/* All at once: nobody wants to be told one after the other. */
	for (const struct option *option = parse->verb->options; option && option->name; option++, index++) {
		size_t used = strlen(more);

		if (!option->required || parse->given[index])
			continue;
		if (first)
			snprintf(more + used, sizeof more - used, "%s--%s", used ? ", " : ", and so is ",
				 option->name);
		first = first ? first : option;
	}
	return first ? fault_set(parse->fault, ERR_USAGE, "--%s is missing%s; it takes %s (%s)", first->name,
				 more, option_shape(first->kind), first->help)
		     : 0;
}

static int check_rest(const struct parse *parse, const struct texts *rest)
{
	const struct verb *verb = parse->verb;

	if (rest->count > verb->arguments_most) {
		const char *extra = rest->at[verb->arguments_most];

		if (!verb->arguments)
			return fault_set(
				parse->fault, ERR_USAGE,
				"'%s' is not an option, and %s takes no other words; options start with --",
				extra, verb->name);
		return fault_set(parse->fault, ERR_USAGE, "'%s' is one word too many; %s takes %s", extra,
				 verb->name, verb->arguments);
	}
	if (rest->count < verb->arguments_least)
		return fault_set(parse->fault, ERR_USAGE, "%s is missing", verb->arguments);
	return 0;
}

int options_parse(const struct verb *verb, int count, char **words, int64_t now_ms, struct arena *arena,
		  void *settings, struct texts *rest, bool *help, struct fault *fault)
{
	struct parse parse = {
		.verb = verb, .arena = arena, .settings = settings, .now_ms = now_ms, .fault = fault
	};
	static const struct option argument = { .name = "an argument" };
	bool only_arguments = false;
	int err;

	memset(settings, 0, verb->settings_size);
	memset(rest, 0, sizeof *rest);
	*help = wants_help(count, words);
	err = store_defaults(&parse, verb->options);
	if (err == 0)
		err = store_defaults(&parse, common_options);
	if (err < 0 || *help || verb->kind == VERB_LATER) /* what is not there cannot judge its words */
		return err;
	for (int index = 0; index < count && err == 0; index++) {
		const char *word = words[index];

		if (!only_arguments && strcmp(word, "--") == 0)
			only_arguments = true;
		else if (!only_arguments && strncmp(word, "--", 2) == 0)
			err = read_option(&parse, count, words, &index);
		else if (!only_arguments && word[0] == '-' && word[1])
			err = fault_set(fault, ERR_USAGE,
					"there is no option %s; options start with two dashes", word);
		else
			err = add_text(&parse, &argument, word, rest);
	}
	if (err == 0)
		err = check_required(&parse);
	return err < 0 ? err : check_rest(&parse, rest);
}
