/* selection.c - --topic and --identity into what the comparer takes. */
#include "base/text.h"
#include "cli/selection.h"

#define TOPIC_SIZE_MAX 249 /* Kafka's own limit for a name */

static int check_name(const char *word, struct view name, struct fault *fault)
{
	if (name.size == 0)
		return fault_set(
			fault, ERR_USAGE,
			"--topic '%s' lacks a name; write T, or T=T2 when the target has another name", word);
	if (name.size > TOPIC_SIZE_MAX)
		return fault_set(fault, ERR_USAGE,
				 "--topic: '%.40s...' is longer than a topic's name can be (%d characters)",
				 word, TOPIC_SIZE_MAX);
	for (size_t index = 0; index < name.size; index++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-*?[]!^",
			    name.at[index]))
			return fault_set(fault, ERR_USAGE,
					 "--topic '%s': '%c' cannot stand in a topic's name (letters, "
					 "digits, '.', '_', '-'); "
					 "several topics are several --topic",
					 word, name.at[index]);
	return 0;
}

int topics_parse(const struct texts *words, struct arena *arena, struct topic_choice **out,
		 struct fault *fault)
{
	struct topic_choice *topics = arena_array(arena, (size_t)words->count, sizeof *topics);

	if (!topics)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	for (int index = 0; index < words->count; index++) {
		const char *word = words->at[index];
		const char *equals = strchr(word, '=');
		struct view source = equals ? view_of(word, (size_t)(equals - word)) : view_text(word);
		int err = check_name(word, source, fault);

		if (err == 0 && equals)
			err = check_name(word, view_text(equals + 1), fault);
		if (err < 0)
			return err;
		if (equals && (glob_is(source) || glob_is(view_text(equals + 1))))
			return fault_set(fault, ERR_USAGE,
					 "--topic '%s': a glob cannot be renamed; name each topic", word);
		topics[index].source = (const char *)arena_copy(arena, source).at;
		topics[index].target = equals ? equals + 1 : NULL;
		if (!topics[index].source)
			return fault_set(fault, ERR_MEMORY, "out of memory");
	}
	*out = topics;
	return 0;
}

int identity_parse(const char *word, enum identity_kind *kind, const char **header, struct fault *fault)
{
	static const struct {
		const char *prefix;
		enum identity_kind kind;
	} forms[] = { { "header:", IDENTITY_HEADER }, { "key+header:", IDENTITY_KEY_HEADER } };

	if (strcmp(word, "content") == 0) {
		*kind = IDENTITY_CONTENT;
		*header = NULL;
		return 0;
	}
	for (size_t index = 0; index < sizeof forms / sizeof forms[0]; index++) {
		size_t size = strlen(forms[index].prefix);

		if (strncmp(word, forms[index].prefix, size) != 0)
			continue;
		if (!word[size])
			return fault_set(fault, ERR_USAGE, "--identity %s lacks the header's name: %sNAME",
					 word, forms[index].prefix);
		*kind = forms[index].kind;
		*header = word + size;
		return 0;
	}
	return fault_set(fault, ERR_USAGE,
			 "--identity: '%s' is none of content, header:NAME, key+header:NAME", word);
}
