/*
 * journal.c - frames in a store, and the state that they come to.
 *
 * Opening looks for the last snapshot near the end, begins there, and applies what follows.  From then on the state is
 * never computed twice: each frame that comes, ours or another's, is applied once.
 */
#include <assert.h>
#include <stdlib.h>

#include "exit/journal.h"

struct journal {
	struct journal_options options;
	struct journal_store *store;
	struct state state;
	struct journal_head head;
	int64_t lease;             /* ours; 0 when we hold none */
	struct journal_lease seen; /* what another's looked like when we last asked, for a contender */
	int64_t seen_since_ms;
	uint64_t snapshot; /* sequence of the last one */
	bool stale;        /* the state is not to be believed: read the store again */
};

struct reading {
	struct journal *journal;
	struct fault *fault;
	uint64_t snapshot; /* found, the last one */
	int count;
};

/* ---- reading ---- */

static int find_snapshot(void *context, int64_t sequence, struct view bytes)
{
	struct reading *reading = context;
	struct frame frame;
	int err = frame_read(bytes, &frame, reading->fault);

	if (err < 0)
		return err;
	if (frame.kind == FRAME_SNAPSHOT)
		reading->snapshot = frame.sequence;
	return 0;
}

static int restore(struct journal *journal, const struct frame *frame, struct fault *fault)
{
	json_t *body = frame_body_read(frame, fault);
	struct sha256 hash;
	struct buffer bytes;
	int err = body ? 0 : ERR_MALFORMED;

	buffer_init(&bytes, STATE_SIZE_MAX);
	if (body && !body_hash(body, "state", &hash))
		err = fault_set(fault, ERR_MALFORMED, "frame %llu names no state",
				(unsigned long long)frame->sequence);
	err = err ? err : journal->store->ops->blob_get(journal->store, hash, &bytes, fault);
	err = err ? err : state_restore(&journal->state, frame, buffer_bytes(&bytes), fault);
	buffer_done(&bytes);
	json_decref(body);
	return err;
}

static int apply(void *context, int64_t sequence, struct view bytes)
{
	struct reading *reading = context;
	struct journal *journal = reading->journal;
	struct frame frame;
	int err = frame_read(bytes, &frame, reading->fault);

	if (err < 0)
		return err;
	if (frame.sequence == reading->snapshot && journal->state.sequence == 0)
		err = restore(journal, &frame, reading->fault);
	else
		err = state_apply(&journal->state, &frame, reading->fault);
	if (err < 0)
		return err;
	if (frame.kind == FRAME_SNAPSHOT)
		journal->snapshot = frame.sequence;
	journal->head = (struct journal_head){ (int64_t)frame.sequence, frame.hash };
	reading->count++;
	return 0;
}

/* From the last snapshot; when none stands near the end, from the first frame. */
static int read_all(struct journal *journal, struct fault *fault)
{
	struct reading reading = { .journal = journal, .fault = fault };
	struct journal_head head;
	int64_t near;
	int err = journal->store->ops->head(journal->store, &head, fault);

	if (err < 0)
		return err;
	state_done(&journal->state);
	journal->head = (struct journal_head){ 0 };
	journal->snapshot = 0;
	err = state_init(&journal->state);
	if (err < 0)
		return fault_set(fault, err, "no memory for the state of the journal");
	if (head.sequence == 0)
		return 0;
	near = head.sequence > 2 * JOURNAL_SNAPSHOT_EVERY ? head.sequence - 2 * JOURNAL_SNAPSHOT_EVERY : 1;
	err = journal->store->ops->read(journal->store, near, find_snapshot, &reading, fault);
	if (err < 0)
		return err;
	return journal->store->ops->read(journal->store, reading.snapshot ? (int64_t)reading.snapshot : 1,
					 apply, &reading, fault);
}

/* After a doubtful write, or when the state ran ahead of the store: everything again. */
static int refresh(struct journal *journal, struct fault *fault)
{
	int err = 0;

	if (!journal->stale && !journal->store->broken)
		return 0;
	if (journal->store->broken)
		err = journal->store->ops->reopen(journal->store, fault);
	err = err ? err : read_all(journal, fault);
	journal->stale = err < 0;
	return err;
}

int journal_sync(struct journal *journal, struct fault *fault)
{
	struct reading reading = { .journal = journal, .fault = fault };
	struct journal_head head;
	int err = refresh(journal, fault);

	err = err ? err : journal->store->ops->head(journal->store, &head, fault);
	if (err < 0)
		return err;
	if (head.sequence < journal->head.sequence ||
	    (head.sequence == journal->head.sequence && !sha256_equal(head.last, journal->head.last)))
		return fault_set(fault, ERR_CHECKSUM,
				 "%s: frame %lld was there and is another or none now: the file was put back "
				 "or rewritten",
				 journal->store->ops->name(journal->store),
				 (long long)journal->head.sequence);
	if (head.sequence == journal->head.sequence)
		return 0;
	err = journal->store->ops->read(journal->store, journal->head.sequence + 1, apply, &reading, fault);
	if (err < 0)
		journal->stale = true;
	return err < 0 ? err : reading.count;
}

bool journal_is_behind(struct journal *journal)
{
	struct journal_head head;

	return !journal->stale && !journal->store->broken &&
	       journal->store->ops->head(journal->store, &head, NULL) == 0 &&
	       head.sequence > journal->head.sequence;
}

struct each {
	int (*each)(void *context, const struct frame *frame);
	void *context;
	struct fault *fault;
};

static int pass(void *context, int64_t sequence, struct view bytes)
{
	struct each *each = context;
	struct frame frame;
	int err = frame_read(bytes, &frame, each->fault);

	return err < 0 ? err : each->each(each->context, &frame);
}

int journal_walk(struct journal *journal, uint64_t since,
		 int (*each)(void *context, const struct frame *frame), void *context, struct fault *fault)
{
	struct each passing = { each, context, fault };

	return journal->store->ops->read(journal->store, since ? (int64_t)since : 1, pass, &passing, fault);
}

/* ---- writing ---- */

struct moment journal_now(const struct journal *journal)
{
	struct moment moment = { clock_wall_ms(journal->options.clock),
				 clock_monotonic_ms(journal->options.clock),
				 { 0 } };

	memcpy(moment.boot, journal->options.boot, sizeof moment.boot);
	return moment;
}

const struct clock *journal_clock(const struct journal *journal)
{
	return journal->options.clock;
}

/* The state is changed first, for it says whether the frame may stand; when the store then refuses, it is read again. */
static int append(struct journal *journal, enum frame_kind kind, struct view body, int64_t lease,
		  struct fault *fault)
{
	struct frame frame = { .kind = kind,
			       .sequence = (uint64_t)journal->head.sequence + 1,
			       .moment = journal_now(journal),
			       .lease = (uint64_t)lease,
			       .previous = journal->head.last,
			       .body = body };
	struct journal_head after = { 0 };
	struct buffer bytes;
	int err;

	buffer_init(&bytes, FRAME_HEAD_SIZE + FRAME_BODY_SIZE_MAX);
	err = frame_write(&frame, &bytes);
	if (err < 0)
		fault_set(fault, err, "a %s frame of %zu bytes cannot be written: %s", frame_kind_word(kind),
			  body.size, err_text(err));
	err = err ? err : state_apply(&journal->state, &frame, fault);
	if (err == 0) {
		err = journal->store->ops->append(journal->store, lease, &journal->head, buffer_bytes(&bytes),
						  &after, fault);
		if (err < 0)
			journal->stale = true;
		else
			journal->head = after;
	} else if (err == ERR_MEMORY) {
		journal->stale = true;
	}
	buffer_done(&bytes);
	return err;
}

#define TRIES_MAX 100 /* others write an act now and then; whoever loses so often has met something else */

/* True when the journal says that another one took the lease after ours. */
static bool was_taken(const struct journal *journal, int64_t lease)
{
	return lease && body_number(json_object_get(journal->state.root, "lease"), "number") > lease;
}

/* Again after another one's frame has been read, unless `once`; not after anything else. */
static int append_behind(struct journal *journal, enum frame_kind kind, struct view body, int64_t lease,
			 bool once, struct fault *fault)
{
	int err = ERR_CONFLICT;

	for (int i = 0; i < TRIES_MAX && err == ERR_CONFLICT && !(once && i); i++) {
		/* A new reading is news, which whoever says `once` wants to see first. */
		bool news = once && (journal->stale || journal->store->broken);

		err = refresh(journal, fault);
		if (err == 0 && was_taken(journal, lease))
			err = fault_set(fault, ERR_STALE,
					"lease %lld of the journal is somebody else's by now",
					(long long)lease);
		if (err == 0 && news)
			err = fault_set(fault, ERR_CONFLICT, "others have written to the journal");
		err = err ? err : append(journal, kind, body, lease, fault);
	}
	/* What was refused must not be seen; a store that is out of reach is read when it is back. */
	if (journal->stale && !journal->store->broken)
		refresh(journal, NULL);
	return err;
}

static int snapshot(struct journal *journal, struct fault *fault)
{
	char text[SHA256_TEXT_SIZE];
	struct buffer bytes, body;
	struct sha256 hash;
	json_t *json = NULL;
	int err;

	buffer_init(&bytes, STATE_SIZE_MAX);
	buffer_init(&body, 1000);
	err = state_write(&journal->state, &bytes);
	err = err ? err : journal_blob_put(journal, buffer_bytes(&bytes), &hash, fault);
	if (err == 0)
		json = json_pack("{s:s}", "state", sha256_text(hash, text));
	err = err ? err : frame_body_write(json, &body);
	err = err ? err : append(journal, FRAME_SNAPSHOT, buffer_bytes(&body), journal->lease, fault);
	if (err == 0)
		journal->snapshot = (uint64_t)journal->head.sequence;
	json_decref(json);
	buffer_done(&body);
	buffer_done(&bytes);
	return err;
}

static int append_json(struct journal *journal, enum frame_kind kind, json_t *json, bool once,
		       uint64_t *sequence, struct fault *fault)
{
	int64_t lease = kind == FRAME_ACT ? 0 : journal->lease;
	struct buffer body;
	int err = json ? 0 : fault_set(fault, ERR_MEMORY, "no memory for a frame of the journal");

	assert(!journal->options.read_only);
	buffer_init(&body, FRAME_BODY_SIZE_MAX + 1);
	if (err == 0 && !lease && kind != FRAME_ACT)
		err = fault_set(fault, ERR_STALE, "the lease of the journal is no longer ours");
	if (err == 0 && frame_body_write(json, &body) < 0)
		err = fault_set(fault, ERR_LIMIT, "a %s frame has a body that cannot be written",
				frame_kind_word(kind));
	err = err ? err : append_behind(journal, kind, buffer_bytes(&body), lease, once, fault);
	if (err == 0 && sequence)
		*sequence = (uint64_t)journal->head.sequence;
	buffer_done(&body);
	json_decref(json);
	if (err == ERR_STALE)
		journal->lease = 0;
	/* The frame stands, whatever becomes of the snapshot: what hinders it hinders the next frame too, and is told then. */
	if (err == 0 && journal->lease && kind != FRAME_ACT &&
	    (uint64_t)journal->head.sequence - journal->snapshot >= JOURNAL_SNAPSHOT_EVERY)
		snapshot(journal, NULL);
	return err;
}

int journal_append(struct journal *journal, enum frame_kind kind, json_t *body, uint64_t *sequence,
		   struct fault *fault)
{
	return append_json(journal, kind, body, false, sequence, fault);
}

int journal_append_next(struct journal *journal, enum frame_kind kind, json_t *body, uint64_t *sequence,
			struct fault *fault)
{
	return append_json(journal, kind, body, true, sequence, fault);
}

/* ---- the lease ---- */

static int append_lease(struct journal *journal, const char *event, int64_t number, struct fault *fault)
{
	json_t *json = json_pack("{s:s, s:I, s:s}", "event", event, "number", (json_int_t)number, "holder",
				 journal->options.holder);
	struct buffer body;
	int err;

	buffer_init(&body, 4096);
	err = json ? frame_body_write(json, &body) : ERR_MEMORY;
	if (err < 0)
		fault_set(fault, err, "the lease cannot be written down");
	err = err ? err : append_behind(journal, FRAME_LEASE, buffer_bytes(&body), number, false, fault);
	json_decref(json);
	buffer_done(&body);
	return err;
}

static bool same_lease(const struct journal_lease *a, const struct journal_lease *b)
{
	return a->number == b->number && a->beat == b->beat && strcmp(a->holder, b->holder) == 0;
}

/* Free, its holder surely gone, or silent for as long as we have watched. */
static bool may_take(struct journal *journal, const struct journal_lease *lease)
{
	int64_t now_ms = clock_monotonic_ms(journal->options.clock);

	if (!lease->number || !lease->holder[0])
		return true;
	/* Taken by us, and never written down. */
	if (strcmp(lease->holder, journal->options.holder) == 0)
		return true;
	if (journal->options.ended && journal->options.ended(lease->holder))
		return true;
	if (!same_lease(lease, &journal->seen)) {
		journal->seen = *lease;
		journal->seen_since_ms = now_ms;
		return false;
	}
	return now_ms - journal->seen_since_ms >= JOURNAL_LEASE_MS;
}

int journal_lease_take(struct journal *journal, struct fault *fault)
{
	struct journal_lease lease, taken;
	int err = journal_sync(journal, fault);

	/* While the store is out of reach nobody can beat: the watch begins anew. */
	if (err < 0)
		journal->seen = (struct journal_lease){ 0 };
	if (err < 0)
		return err;
	if (journal->lease)
		return 0;
	err = journal->store->ops->lease_read(journal->store, &lease, fault);
	if (err < 0)
		return err;
	if (!may_take(journal, &lease))
		return fault_set(fault, ERR_CONFLICT, "a controller is at work: %s", lease.holder);
	err = journal->store->ops->lease_take(journal->store, &lease, journal->options.holder, &taken, fault);
	err = err ? err : append_lease(journal, "taken", taken.number, fault);
	if (err == 0)
		journal->lease = taken.number;
	return err;
}

/* From a callback: the state is not read anew here, for whoever waits just now holds parts of it. */
int journal_lease_beat(struct journal *journal, struct fault *fault)
{
	bool broken = journal->store->broken;
	int err = broken ? journal->store->ops->reopen(journal->store, fault) : 0;

	journal->stale = journal->stale || broken;
	if (err == 0 && !journal->lease)
		err = fault_set(fault, ERR_STALE, "the lease of the journal is no longer ours");
	err = err ? err : journal->store->ops->lease_beat(journal->store, journal->lease, fault);
	if (err == ERR_STALE && !journal->store->broken)
		journal->lease = 0;
	return err;
}

int journal_lease_release(struct journal *journal, struct fault *fault)
{
	int64_t number = journal->lease;
	int err = 0;

	if (!number)
		return 0;
	err = append_lease(journal, "released", number, fault);
	err = err ? err : journal->store->ops->lease_release(journal->store, number, fault);
	journal->lease = 0;
	return err;
}

bool journal_lease_held(const struct journal *journal)
{
	return journal->lease != 0;
}

/* ---- the rest ---- */

int journal_blob_put(struct journal *journal, struct view bytes, struct sha256 *hash, struct fault *fault)
{
	struct sha256 id = sha256_of(bytes);
	int err = refresh(journal, fault);

	err = err ? err : journal->store->ops->blob_put(journal->store, id, bytes, fault);
	if (err == 0)
		*hash = id;
	return err;
}

int journal_blob_get(struct journal *journal, struct sha256 hash, struct buffer *out, struct fault *fault)
{
	int err = refresh(journal, fault);

	return err ? err : journal->store->ops->blob_get(journal->store, hash, out, fault);
}

int journal_reserve(struct journal *journal, struct fault *fault)
{
	int err = refresh(journal, fault);

	if (err < 0 || !journal->store->ops->reserve)
		return err;
	err = journal->store->ops->reserve(journal->store, JOURNAL_RESERVE_SIZE, fault);
	/* With a reader in the way the room is there all the same, and the log begins anew when he has gone. */
	return err == ERR_UNSUPPORTED || err == ERR_TIMEOUT ? 0 : err;
}

const struct state *journal_state(const struct journal *journal)
{
	return &journal->state;
}

int journal_open(const struct journal_options *options, struct journal **out, struct fault *fault)
{
	struct journal *journal = calloc(1, sizeof *journal);
	int err;

	if (!journal) {
		options->store->ops->free(options->store);
		return fault_set(fault, ERR_MEMORY, "no memory for the journal");
	}
	journal->options = *options;
	journal->store = options->store;
	err = read_all(journal, fault);
	if (err < 0) {
		fault_at(fault, "%s", options->store->ops->name(options->store));
		journal_close(journal);
		return err;
	}
	*out = journal;
	return 0;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	if (journal->lease)
		journal_lease_release(journal, NULL);
	state_done(&journal->state);
	journal->store->ops->free(journal->store);
	free(journal);
}
