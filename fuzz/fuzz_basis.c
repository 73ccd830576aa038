/*
 * fuzz_basis.c - what a journal says a verdict rests on, and a file that says what time it is somewhere: any bytes.
 *
 * A basis that is read is written again as the same bytes.  A zone that is read has an answer for every moment.
 */
#include <assert.h>

#include "base/zone.h"
#include "exit/basis.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_basis(struct view bytes)
{
	struct basis basis;
	struct buffer again;
	struct arena arena;

	arena_init(&arena, 64 << 20);
	buffer_init(&again, BASIS_SIZE_MAX);
	if (basis_read(bytes, &arena, &basis, NULL) == 0) {
		assert(basis_write(&basis, &again) == 0);
		assert(view_equal(buffer_bytes(&again), bytes));
	}
	buffer_done(&again);
	arena_done(&arena);
}

static void read_zone(struct view bytes)
{
	struct zone zone;

	if (zone_read(bytes, &zone, NULL) < 0)
		return;
	for (int64_t at_s = -1000000000; at_s < 10000000000; at_s += 100000007) {
		int32_t offset = zone_offset(&zone, at_s);

		assert(offset <= 26 * 3600 && offset >= -26 * 3600);
		assert(zone_utc_of(&zone, at_s, false) <= zone_utc_of(&zone, at_s, true));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_basis(view_of(data, size));
	read_zone(view_of(data, size));
	return 0;
}
