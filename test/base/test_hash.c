/* test_hash.c - checksums against published vectors; digests that add up. */
#include "check.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/crc32c.h"
#include "base/hash.h"
#include "base/random.h"

/* RFC 3720, B.4, and the nine digits that every CRC is tried with. */
static void crc32c_matches_its_vectors(void **state)
{
	uint8_t bytes[32];

	memset(bytes, 0, sizeof bytes);
	assert_int_equal(crc32c(bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, sizeof bytes);
	assert_int_equal(crc32c(bytes, 32), 0x62a8ab43);
	for (int i = 0; i < 32; i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(crc32c(bytes, 32), 0x46dd794e);
	for (int i = 0; i < 32; i++)
		bytes[i] = (uint8_t)(31 - i);
	assert_int_equal(crc32c(bytes, 32), 0x113fdb5c);
	assert_int_equal(crc32c("123456789", 9), 0xe3069283);
	assert_int_equal(crc32c("", 0), 0);
}

/* A bit at a time, as the polynomial says. */
static uint32_t slow_crc32c(const uint8_t *at, size_t size)
{
	uint32_t crc = ~0u;

	while (size--) {
		crc ^= *at++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static void crc32c_can_be_taken_in_parts(void **state)
{
	static uint8_t bytes[5000];
	struct random r;

	random_seed(&r, 1);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)random_u64(&r);
	for (int i = 0; i < 500; i++) {
		size_t start = random_below(&r, 100), size = random_below(&r, sizeof bytes - start);
		size_t part = random_below(&r, size + 1);
		uint32_t whole = crc32c(bytes + start, size);

		assert_int_equal(whole, slow_crc32c(bytes + start, size));
		assert_int_equal(
			whole, crc32c_extend(crc32c(bytes + start, part), bytes + start + part, size - part));
	}
}

static void digests_are_xxh3_at_every_size(void **state)
{
	static uint8_t bytes[3000];
	struct random r;

	random_seed(&r, 2);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)random_u64(&r);
	for (size_t size = 0; size <= 2000; size++) {
		uint64_t seed = size % 3 ? random_u64(&r) : 7; /* the same as the last time, and another */
		XXH128_hash_t expected = XXH3_128bits_withSeed(bytes + size % 64, size, seed);
		struct digest digest = hash128(bytes + size % 64, size, seed);

		assert_true(digest.low == expected.low64 && digest.high == expected.high64);
		assert_true(hash64(bytes, size, seed) == XXH3_64bits_withSeed(bytes, size, seed));
		assert_int_equal(hash32(bytes, size, 0), XXH32(bytes, size, 0));
	}
}

static void sums_do_not_care_for_order(void **state)
{
	struct digest all[100], sum = { 0, 0 }, other = { 0, 0 }, zero = { 0, 0 };
	struct random r;

	random_seed(&r, 3);
	for (int i = 0; i < 100; i++) {
		all[i] = hash128(&i, sizeof i, 9);
		sum = digest_add(sum, all[i]);
	}
	for (int i = 99; i > 0; i--) {
		int k = (int)random_below(&r, (uint64_t)i + 1);
		struct digest swap = all[i];

		all[i] = all[k];
		all[k] = swap;
	}
	for (int i = 0; i < 100; i++)
		other = digest_add(other, all[i]);
	assert_true(digest_equal(sum, other));
	for (int i = 0; i < 100; i++)
		sum = digest_subtract(sum, all[i]);
	assert_true(digest_equal(sum, zero));
	/* A pair does not cancel, as it would under exclusive or; carries cross the middle. */
	assert_false(digest_equal(digest_add(all[0], all[0]), zero));
	sum = digest_add((struct digest){ UINT64_MAX, 1 }, (struct digest){ 1, 2 });
	assert_true(sum.low == 0 && sum.high == 4);
	sum = digest_subtract(zero, (struct digest){ 1, 0 });
	assert_true(sum.low == UINT64_MAX && sum.high == UINT64_MAX);
}

static void chance_can_be_replayed(void **state)
{
	struct random a, b;
	int seen[7] = { 0 };

	random_seed(&a, 5);
	random_seed(&b, 5);
	for (int i = 0; i < 7000; i++) {
		uint64_t v = random_below(&a, 7);

		assert_true(v == random_below(&b, 7) && v < 7);
		seen[v]++;
	}
	for (int i = 0; i < 7; i++)
		assert_in_range(seen[i], 800, 1200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc32c_matches_its_vectors),
		cmocka_unit_test(crc32c_can_be_taken_in_parts),
		cmocka_unit_test(digests_are_xxh3_at_every_size),
		cmocka_unit_test(sums_do_not_care_for_order),
		cmocka_unit_test(chance_can_be_replayed),
	};

	return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
