/* schema_id.c - schema ids in front of payloads and in headers. */
#include <stdio.h>

#include "base/bits.h"
#include "base/cursor.h"
#include "base/err.h"
#include "exit/schema_id.h"

const char *schema_place_word(enum schema_place place)
{
	return place == SCHEMA_OF_KEY ? "key" : "value";
}

const char *schema_id_text(const struct schema_id *id, char out[SCHEMA_ID_TEXT_SIZE])
{
	const uint8_t *g = id->guid;

	if (!id->is_guid)
		snprintf(out, SCHEMA_ID_TEXT_SIZE, "%d", (int)id->number);
	else
		snprintf(out, SCHEMA_ID_TEXT_SIZE,
			 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", g[0], g[1],
			 g[2], g[3], g[4], g[5], g[6], g[7], g[8], g[9], g[10], g[11], g[12], g[13], g[14],
			 g[15]);
	return out;
}

bool schema_id_equal(const struct schema_id *a, const struct schema_id *b)
{
	return a->is_guid == b->is_guid && a->number == b->number &&
	       memcmp(a->guid, b->guid, sizeof a->guid) == 0;
}

bool schema_id_in_payload(struct view payload, struct schema_id *out)
{
	int32_t number;

	if (payload.size < 5 || payload.at[0] != 0)
		return false;
	number = (int32_t)get_be32(payload.at + 1);
	if (number <= 0)
		return false;
	*out = (struct schema_id){ .number = number };
	return true;
}

bool schema_id_in_header(const struct header *header, enum schema_place *place, struct schema_id *out)
{
	enum schema_place whose;

	if (view_is(header->name, "__key_schema_id"))
		whose = SCHEMA_OF_KEY;
	else if (view_is(header->name, "__value_schema_id"))
		whose = SCHEMA_OF_VALUE;
	else
		return false;
	if (header->value.size >= 17 && header->value.at[0] == 1) {
		*out = (struct schema_id){ .is_guid = true };
		memcpy(out->guid, header->value.at + 1, sizeof out->guid);
	} else if (!schema_id_in_payload(header->value, out)) {
		return false;
	}
	*place = whose;
	return true;
}

int schema_id_message_indexes(struct view after_id, int32_t *indexes, int room, int *count)
{
	struct cursor c = cursor_over(after_id);
	int64_t declared = cursor_varint(&c);
	int found = 0;

	if (declared < 0 || declared > room || (declared == 0 && room < 1))
		return ERR_MALFORMED;
	if (declared == 0)
		indexes[found++] = 0;
	for (int64_t i = 0; i < declared; i++) {
		int64_t index = cursor_varint(&c);

		if (index < 0 || index > INT32_MAX)
			return ERR_MALFORMED;
		indexes[found++] = (int32_t)index;
	}
	if (c.fault)
		return ERR_MALFORMED;
	*count = found;
	return (int)(after_id.size - (size_t)(c.end - c.at));
}

void schema_uses_init(struct schema_uses *uses, struct arena *arena)
{
	*uses = (struct schema_uses){ .arena = arena };
}

static int note(struct schema_uses *uses, enum schema_place place, const struct schema_id *id, bool by_header,
		int32_t partition, int64_t offset)
{
	/* Newest last and looked for from there: neighbours in a log mostly share their schema. */
	for (int i = uses->count - 1; i >= 0; i--) {
		if (uses->at[i].place == place && schema_id_equal(&uses->at[i].id, id)) {
			uses->at[i].count++;
			return 0;
		}
	}
	if (uses->count == SCHEMA_USES_MAX) {
		uses->shares[place].dropped++;
		return 0;
	}
	if (uses->count == uses->capacity) {
		int capacity = uses->capacity ? 2 * uses->capacity : 8;
		struct schema_use *at = arena_array(uses->arena, (size_t)capacity, sizeof *at);

		if (!at)
			return ERR_MEMORY;
		if (uses->count)
			memcpy(at, uses->at, (size_t)uses->count * sizeof *at);
		uses->at = at;
		uses->capacity = capacity;
	}
	uses->at[uses->count++] = (struct schema_use){ .place = place,
						       .id = *id,
						       .by_header = by_header,
						       .count = 1,
						       .first_partition = partition,
						       .first_offset = offset };
	return 0;
}

int schema_uses_add(struct schema_uses *uses, const struct record *record, int32_t partition, int64_t offset)
{
	const struct view payloads[SCHEMA_PLACES] = { record->key, record->value };
	bool headed[SCHEMA_PLACES] = { false };
	struct view headers = record->headers;
	struct header header;
	struct schema_id id;
	enum schema_place place;
	int err = 0;

	for (int i = 0; i < record->header_count && header_next(&headers, &header) > 0; i++) {
		if (!schema_id_in_header(&header, &place, &id))
			continue;
		headed[place] = true;
		uses->shares[place].headers++;
		err = note(uses, place, &id, true, partition, offset);
		if (err < 0)
			return err;
	}
	for (int p = 0; p < SCHEMA_PLACES && err == 0; p++) {
		uses->shares[p].payloads += payloads[p].size > 0;
		if (headed[p] || !schema_id_in_payload(payloads[p], &id))
			continue;
		uses->shares[p].framed++;
		uses->shares[p].eight += payloads[p].size == 8;
		err = note(uses, (enum schema_place)p, &id, false, partition, offset);
	}
	return err;
}

bool schema_uses_likely(const struct schema_uses *uses, enum schema_place place)
{
	const struct schema_share *share = &uses->shares[place];

	return share->headers > 0 ||
	       (share->framed > 0 && share->framed * 2 >= share->payloads && share->eight < share->framed);
}
