/* drill_shadow.c - a family made of nothing but names. */
#include "exit/drill_shadow.h"

#define NAME_PART_MAX 100 /* of the family's name in a topic's, which has 249 bytes at most */

/* What a topic's name may have. */
static bool is_legal(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
	       c == '_' || c == '-';
}

static char *topic_name(struct view family, uint64_t number, struct arena *arena)
{
	char part[NAME_PART_MAX + 1];
	size_t size = family.size < NAME_PART_MAX ? family.size : NAME_PART_MAX;

	for (size_t i = 0; i < size; i++)
		part[i] = is_legal(family.at[i]) ? (char)family.at[i] : '-';
	part[size] = 0;
	return arena_printf(arena, "__interlock-drill-%s-%llu", part, (unsigned long long)number);
}

const char *shadow_name(const struct plan_family *family, struct arena *arena)
{
	return arena_printf(arena, "%.*s~drill", VIEW_ARGS(family->name.text));
}

int shadow_make(const struct plan_family *family, uint64_t number, struct arena *arena, struct shadow *out)
{
	struct plan_family *shadow = &out->family;

	*out = (struct shadow){ .name = shadow_name(family, arena),
				.topic = topic_name(family->name.text, number, arena),
				.class = *family->class };
	out->group = out->topic;
	if (!out->name || !out->topic)
		return ERR_MEMORY;
	out->class.limits[LIMIT_PARITY_CLAIM].value = PLAN_CLAIM_KEY_ORDER;
	out->topics[0] =
		(struct plan_topic){ .source = view_text(out->topic), .target = view_text(out->topic) };
	out->groups[0].text = view_text(out->group);
	shadow->head.given = true;
	shadow->name.text = view_text(out->name);
	shadow->class_name = family->class_name;
	shadow->class = &out->class;
	shadow->pattern.value = PLAN_PATTERN_DUAL_WRITE;
	shadow->order = family->order;
	shadow->topics.at = out->topics;
	shadow->topics.count = 1;
	shadow->topics.given = true;
	shadow->groups.at = out->groups;
	shadow->groups.count = 1;
	shadow->groups.given = true;
	shadow->owners = family->owners;
	shadow->levers.flag.head.given = true;
	shadow->levers.acl = family->levers.acl;
	shadow->match.head.given = true;
	shadow->match.identity.text = VIEW_LITERAL("header:id");
	return 0;
}
