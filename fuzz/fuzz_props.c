/* fuzz_props.c - a property file of any bytes: every key that is read is found again, once, on its line. */
#include <stdlib.h>

#include "base/props.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault fault = { 0 };
	struct arena arena;
	struct props props;
	int err;

	arena_init(&arena, 1u << 20);
	err = props_parse(view_of(data, size), "fuzz.properties", &arena, &props, &fault);
	if (err < 0 && !fault.text[0])
		abort();
	for (int i = 0; err == 0 && i < props.count; i++) {
		if (props.at[i].line < 1 || (i && props.at[i].line < props.at[i - 1].line))
			abort();
		/* A key with a NUL inside cannot be asked for by a C string. */
		if (strlen((const char *)props.at[i].key.at) == props.at[i].key.size &&
		    props_get(&props, (const char *)props.at[i].key.at).at != props.at[i].value.at)
			abort();
	}
	arena_done(&arena);
	return 0;
}
