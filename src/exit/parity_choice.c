/* parity_choice.c - a family as the comparer takes it. */
#include "exit/parity_choice.h"

/* "content", "header:NAME", "key+header:NAME", as the plan was checked to say. */
static int identity_of(struct view text, struct arena *arena, enum identity_kind *kind, const char **header)
{
	const uint8_t *colon = text.size ? memchr(text.at, ':', text.size) : NULL;

	*kind = IDENTITY_CONTENT;
	*header = NULL;
	if (!colon)
		return 0;
	*kind = text.at[0] == 'k' ? IDENTITY_KEY_HEADER : IDENTITY_HEADER;
	*header = arena_printf(arena, "%.*s", (int)(text.at + text.size - colon - 1),
			       (const char *)colon + 1);
	return *header ? 0 : ERR_MEMORY;
}

static int topics_of(const struct gather_topic *topics, int count, bool mirrored, struct arena *arena,
		     const struct topic_choice **out)
{
	struct topic_choice *choices = arena_array(arena, (size_t)count + 1, sizeof *choices);

	for (int i = 0; choices && i < count; i++) {
		const char *source = (const char *)topics[i].source.at,
			   *target = (const char *)topics[i].target.at;

		choices[i] = (struct topic_choice){ mirrored ? target : source, mirrored ? source : target };
	}
	*out = choices;
	return choices ? 0 : ERR_MEMORY;
}

static int headers_of(const struct plan_names *names, struct arena *arena, const char *const **out)
{
	const char **headers = arena_array(arena, (size_t)names->count + 1, sizeof *headers);

	for (int i = 0; headers && i < names->count; i++)
		headers[i] = (const char *)names->at[i].text.at;
	*out = headers;
	return headers ? 0 : ERR_MEMORY;
}

int parity_choice(const struct plan_family *family, const struct gather_topic *topics, int topic_count,
		  bool mirrored, struct arena *arena, struct parity_options *out)
{
	const struct plan_number *limits = family->class->limits;
	const struct plan_match *match = &family->match;
	int err;

	parity_options_init(out);
	err = topics_of(topics, topic_count, mirrored, arena, &out->topics);
	err = err ? err : headers_of(&match->ignore_headers, arena, &out->ignore_headers);
	err = err ? err : identity_of(match->identity.text, arena, &out->identity, &out->identity_header);
	out->topic_count = (size_t)topic_count;
	out->claim = (enum claim)(limits[LIMIT_PARITY_CLAIM].value + CLAIM_COUNTS);
	out->settle_ms = limits[LIMIT_PARITY_SETTLE].value;
	out->late_ms = limits[LIMIT_PARITY_LATE].value;
	out->ignore_header_count = (size_t)match->ignore_headers.count;
	out->ignore_timestamp = match->ignore_timestamp.value != 0;
	return err;
}

int positions_choice(const struct plan_family *family, const struct gather_topic *topics, int topic_count,
		     bool mirrored, struct arena *arena, struct group_map_options *out)
{
	const struct plan_match *match = &family->match;
	int err;

	*out = (struct group_map_options){
		.topic_count = (size_t)topic_count,
		.ignore_header_count = (size_t)match->ignore_headers.count,
		.ignore_timestamp = match->ignore_timestamp.value != 0,
		.settle_ms = family->class->limits[LIMIT_PARITY_SETTLE].value,
	};
	err = topics_of(topics, topic_count, mirrored, arena, &out->topics);
	err = err ? err : headers_of(&match->ignore_headers, arena, &out->ignore_headers);
	return err ? err : identity_of(match->identity.text, arena, &out->identity, &out->identity_header);
}
