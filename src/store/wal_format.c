/* wal_format.c - heads of segments and entries, written and read. */
#include <assert.h>

#include "base/bits.h"
#include "base/crc32c.h"
#include "store/wal_format.h"
#include "wire/batch.h"

static const uint8_t segment_magic[8] = "ilk-wal";
static const uint8_t entry_magic[4] = { 'E', 'N', 'T', 1 };

static_assert(WAL_ENTRY_CRC_SIZE == BATCH_HEAD_SIZE,
	      "the entry's checksum ends where the batch's own begins to count");

void wal_segment_head_put(uint8_t *page, const struct wal_segment_head *head)
{
	memset(page, 0, WAL_PAGE_SIZE);
	memcpy(page, segment_magic, sizeof segment_magic);
	put_le32(page + 12, WAL_VERSION);
	put_le64(page + 16, head->log_id);
	put_le64(page + 24, head->number);
	put_le64(page + 32, head->first_lsn);
	put_le64(page + 40, head->size);
	put_le32(page + 48, head->previous);
	put_le32(page + 8, crc32c(page + 12, 52));
}

int wal_segment_head_get(struct view page, struct wal_segment_head *out, struct fault *fault)
{
	if (page.size < WAL_PAGE_SIZE || memcmp(page.at, segment_magic, sizeof segment_magic) != 0)
		return fault_set(fault, ERR_MALFORMED, "it is no segment of a write-ahead log");
	/* Before the checksum: a newer program may sum otherwise. */
	if (get_le32(page.at + 12) > WAL_VERSION)
		return fault_set(
			fault, ERR_UNSUPPORTED,
			"it was written by a newer program (format %u, this one knows %d): use that one",
			get_le32(page.at + 12), WAL_VERSION);
	if (get_le32(page.at + 8) != crc32c(page.at + 12, 52))
		return fault_set(fault, ERR_CHECKSUM, "the head of the segment is damaged");
	*out = (struct wal_segment_head){
		.log_id = get_le64(page.at + 16),
		.number = get_le64(page.at + 24),
		.first_lsn = get_le64(page.at + 32),
		.size = get_le64(page.at + 40),
		.previous = get_le32(page.at + 48),
	};
	return 0;
}

static uint32_t entry_crc(const uint8_t *at, struct view payload)
{
	size_t covered = payload.size < WAL_ENTRY_CRC_SIZE ? payload.size : WAL_ENTRY_CRC_SIZE;

	return crc32c_extend(crc32c(at + 8, WAL_ENTRY_SIZE - 8), payload.at, covered);
}

uint32_t wal_entry_put(uint8_t *at, const struct wal_head *head, uint32_t group, uint32_t previous,
		       struct view payload)
{
	uint32_t crc;

	assert(payload.size <= UINT32_MAX);
	memset(at, 0, WAL_ENTRY_SIZE);
	memcpy(at, entry_magic, sizeof entry_magic);
	put_le32(at + 8, (uint32_t)payload.size);
	put_le16(at + 12, (uint16_t)head->kind);
	put_le64(at + 16, head->lsn);
	put_le32(at + 24, group);
	put_le32(at + 28, head->partition);
	put_le32(at + 32, head->leader_epoch);
	put_le32(at + 36, head->offset_count);
	put_le64(at + 40, (uint64_t)head->base_offset);
	put_le32(at + 48, previous);
	/* What a pad covers is not looked at: it may be whatever the room held before. */
	crc = entry_crc(at, head->kind == WAL_PAD ? VIEW_NULL : payload);
	put_le32(at + 4, crc);
	return crc;
}

/* The batch must be the one that the head speaks of, whole. */
static bool payload_is_good(const struct wal_head *head, struct view payload)
{
	struct view rest = payload;
	struct batch batch;

	if (batch_next(&rest, &batch) != 1 || rest.size != 0)
		return false;
	return batch.head.magic == 2 && batch.head.base_offset == head->base_offset &&
	       (uint32_t)batch.head.last_offset_delta == head->offset_count - 1 &&
	       batch_check(&batch, NULL) == 0;
}

int wal_entry_get(struct view bytes, uint64_t lsn, struct wal_entry_head *out, struct view *payload)
{
	struct wal_entry_head entry;
	const uint8_t *at = bytes.at;
	struct view inside;

	if (bytes.size < WAL_ENTRY_SIZE || memcmp(at, entry_magic, sizeof entry_magic) != 0 ||
	    get_le64(at + 16) != lsn)
		return ERR_MALFORMED;
	entry = (struct wal_entry_head){
		.head = { .lsn = lsn,
			  .partition = get_le32(at + 28),
			  .leader_epoch = get_le32(at + 32),
			  .base_offset = (int64_t)get_le64(at + 40),
			  .offset_count = get_le32(at + 36),
			  .kind = (enum wal_kind)get_le16(at + 12) },
		.size = get_le32(at + 8),
		.group = get_le32(at + 24),
		.previous = get_le32(at + 48),
		.crc = get_le32(at + 4),
	};
	if (wal_entry_size(entry.size) > bytes.size)
		return ERR_MALFORMED;
	inside = view_of(at + WAL_ENTRY_SIZE, entry.size);
	if (entry.crc != entry_crc(at, entry.head.kind == WAL_PAD ? VIEW_NULL : inside))
		return ERR_MALFORMED;
	if (entry.head.kind == WAL_BATCH || entry.head.kind == WAL_MIRROR) {
		if (!payload_is_good(&entry.head, inside))
			return ERR_MALFORMED;
	} else if (entry.head.kind != WAL_PAD)
		return ERR_MALFORMED;
	*out = entry;
	*payload = inside;
	return 0;
}

static size_t position_of(uint64_t first_lsn, uint64_t lsn)
{
	return (size_t)(lsn - first_lsn + WAL_PAGE_SIZE);
}

int wal_walk_next(struct wal_walk *walk, struct wal_entry_head *out, struct view *payload)
{
	for (;;) {
		size_t at = position_of(walk->first_lsn, walk->lsn);
		struct wal_entry_head entry;
		struct view inside;

		if (at >= walk->bytes.size)
			return 0;
		if (wal_entry_get(view_of(walk->bytes.at + at, walk->bytes.size - at), walk->lsn, &entry,
				  &inside) < 0 ||
		    entry.previous != walk->previous)
			return 0;
		walk->lsn += wal_entry_size(entry.size);
		walk->previous = entry.crc;
		if (entry.head.kind == WAL_PAD)
			continue;
		*out = entry;
		*payload = inside;
		return 1;
	}
}

uint64_t wal_group_after(struct view bytes, uint64_t first_lsn, uint64_t lsn)
{
	size_t at = position_of(first_lsn, lsn);

	for (at = (at / WAL_PAGE_SIZE + 1) * WAL_PAGE_SIZE; at + WAL_ENTRY_SIZE <= bytes.size;
	     at += WAL_PAGE_SIZE) {
		struct wal_entry_head entry;
		struct view payload;
		uint64_t here = first_lsn + at - WAL_PAGE_SIZE;

		if (wal_entry_get(view_of(bytes.at + at, bytes.size - at), here, &entry, &payload) == 0 &&
		    entry.group == 0)
			return here;
	}
	return 0;
}
