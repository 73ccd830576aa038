/* jaas.c - one entry of a JAAS configuration, read. */
#include <string.h>

#include "client/jaas.h"

struct scanner {
	const uint8_t *at, *end;
};

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f';
}

static void skip_blanks(struct scanner *s)
{
	while (s->at < s->end && is_blank(*s->at))
		s->at++;
}

static bool take(struct scanner *s, uint8_t c)
{
	skip_blanks(s);
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

/* Characters up to a blank, `=` or `;`; NULL when there is none. */
static const char *word(struct scanner *s, struct arena *arena)
{
	const uint8_t *start;

	skip_blanks(s);
	start = s->at;
	while (s->at < s->end && !is_blank(*s->at) && *s->at != '=' && *s->at != ';')
		s->at++;
	return s->at == start ? NULL
			      : (const char *)arena_copy(arena, view_of(start, (size_t)(s->at - start))).at;
}

/* A text in quotes, with the backslashes of Java; NULL when the quote is not closed. */
static const char *quoted(struct scanner *s, struct arena *arena, uint8_t quote)
{
	char *out = arena_take(arena, (size_t)(s->end - s->at) + 1);
	size_t size = 0;

	while (out && s->at < s->end && *s->at != quote) {
		uint8_t c = *s->at++;

		if (c == '\\' && s->at < s->end) {
			c = *s->at++;
			c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
		}
		out[size++] = (char)c;
	}
	if (!out || s->at == s->end)
		return NULL;
	s->at++;
	return out;
}

static const char *value(struct scanner *s, struct arena *arena)
{
	skip_blanks(s);
	if (s->at < s->end && (*s->at == '"' || *s->at == '\'')) {
		uint8_t quote = *s->at++;

		return quoted(s, arena, quote);
	}
	return word(s, arena);
}

int jaas_parse(struct view text, struct arena *arena, struct jaas *out, struct fault *fault)
{
	struct scanner s = { text.at, text.at + text.size };
	struct jaas jaas = { .module = word(&s, arena) };
	const char *flag = word(&s, arena), *dot;

	if (!jaas.module || !flag)
		return fault_set(fault, ERR_CONFIG, "a JAAS line begins with a login module and 'required'");
	if (strcmp(flag, "required") != 0 && strcmp(flag, "requisite") != 0 &&
	    strcmp(flag, "sufficient") != 0 && strcmp(flag, "optional") != 0)
		return fault_set(fault, ERR_CONFIG, "'required' must follow the login module of a JAAS line");
	dot = strrchr(jaas.module, '.');
	jaas.module = dot ? dot + 1 : jaas.module;
	while (!take(&s, ';')) {
		struct jaas_option option = { .name = word(&s, arena) };

		if (!option.name && s.at == s.end)
			return fault_set(fault, ERR_CONFIG, "a JAAS line ends with a semicolon");
		if (!option.name || !take(&s, '='))
			return fault_set(fault, ERR_CONFIG, "option %d of the JAAS line is not name=value",
					 jaas.count + 1);
		option.value = value(&s, arena);
		if (!option.value)
			return fault_set(
				fault, ERR_CONFIG,
				"the value of '%s' in the JAAS line is missing, or its quote is not closed",
				option.name);
		if (jaas.count == JAAS_OPTIONS_MAX)
			return fault_set(fault, ERR_LIMIT, "the JAAS line has more than %d options",
					 JAAS_OPTIONS_MAX);
		jaas.options[jaas.count++] = option;
	}
	skip_blanks(&s);
	if (s.at < s.end)
		return fault_set(fault, ERR_CONFIG, "only one login module may stand in a JAAS line");
	*out = jaas;
	return 0;
}

const char *jaas_get(const struct jaas *jaas, const char *name)
{
	for (int i = 0; i < jaas->count; i++)
		if (strcmp(jaas->options[i].name, name) == 0)
			return jaas->options[i].value;
	return NULL;
}
