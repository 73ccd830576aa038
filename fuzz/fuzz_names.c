/*
 * fuzz_names.c - names of certificates: the first line is ssl.principal.mapping.rules, what follows a subject.
 *
 * Rules are an operator's, a subject is anybody's whom an authority signed: whatever it is, an answer comes, and a name has an end.
 */
#include <assert.h>

#include "broker/principal_rules.h"

#define NAME_SIZE_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
	struct view rules_text = view_of(data, end ? (size_t)(end - data) : size);
	struct principal_rules *rules = NULL;
	struct fault fault = { 0 };
	struct buffer name;

	if (principal_rules_new(rules_text, &rules, &fault) < 0) {
		assert(fault.err && fault.text[0]);
		return 0;
	}
	buffer_init(&name, NAME_SIZE_MAX);
	if (end)
		principal_rules_name(rules, view_of(end + 1, size - rules_text.size - 1), &name);
	buffer_done(&name);
	principal_rules_free(rules);
	return 0;
}
