/* parity_choice.c - a family as the comparer takes it. */
#include "exit/parity_choice.h"

static void identity_of(struct view text, struct arena *arena, struct parity_options *out)
{
	const uint8_t *colon = text.size ? memchr(text.at, ':', text.size) : NULL;

	if (!colon)
		return;
	out->identity = text.at[0] == 'k' ? IDENTITY_KEY_HEADER : IDENTITY_HEADER;
	out->identity_header =
		arena_printf(arena, "%.*s", (int)(text.at + text.size - colon - 1), (const char *)colon + 1);
}

int parity_choice(const struct plan_family *family, const struct gather_topic *topics, int topic_count,
		  bool mirrored, struct arena *arena, struct parity_options *out)
{
	const struct plan_number *limits = family->class->limits;
	struct topic_choice *choices = arena_array(arena, (size_t)topic_count + 1, sizeof *choices);
	const char **headers =
		arena_array(arena, (size_t)family->match.ignore_headers.count + 1, sizeof *headers);

	if (!choices || !headers)
		return ERR_MEMORY;
	parity_options_init(out);
	for (int i = 0; i < topic_count; i++) {
		const char *source = (const char *)topics[i].source.at,
			   *target = (const char *)topics[i].target.at;

		choices[i] = (struct topic_choice){ mirrored ? target : source, mirrored ? source : target };
	}
	for (int i = 0; i < family->match.ignore_headers.count; i++)
		headers[i] = (const char *)family->match.ignore_headers.at[i].text.at;
	out->topics = choices;
	out->topic_count = (size_t)topic_count;
	out->claim = (enum claim)(limits[LIMIT_PARITY_CLAIM].value + CLAIM_COUNTS);
	out->settle_ms = limits[LIMIT_PARITY_SETTLE].value;
	identity_of(family->match.identity.text, arena, out);
	out->ignore_headers = headers;
	out->ignore_header_count = (size_t)family->match.ignore_headers.count;
	out->ignore_timestamp = family->match.ignore_timestamp.value != 0;
	return 0;
}
