/* journal_look.c - addresses, and a file that is not there. */
#include <errno.h>
#include <unistd.h>

#include "exit/journal_look.h"
#include "exit/journal_store_nothing.h"

static bool begins(struct view text, const char *with)
{
	size_t size = strlen(with);

	return text.size >= size && memcmp(text.at, with, size) == 0;
}

bool journal_is_database(struct view state)
{
	return begins(state, "postgres://") || begins(state, "postgresql://");
}

const char *journal_address(const struct plan *plan, struct arena *arena)
{
	struct view state = plan->state.text;

	if (!state.at)
		state = VIEW_LITERAL("interlock.db");
	if (journal_is_database(state))
		return arena_printf(arena, "%.*s", VIEW_ARGS(state));
	return plan_path(plan, state, arena);
}

/* A file that the first act will make. */
static bool is_not_there(const char *address)
{
	return !journal_is_database(view_text(address)) && access(address, F_OK) < 0 && errno == ENOENT;
}

int journal_store_at(const char *address, bool read_only, struct journal_store **out, struct fault *fault)
{
	const struct sql_limits limits = SQL_LIMITS_DEFAULT;

	if (read_only && is_not_there(address))
		return journal_store_nothing(address, out, fault);
	return journal_store_open(address, read_only ? SQL_READ : SQL_WRITE, &limits, out, fault);
}

int journal_look(const struct plan *plan, const struct clock *clock, struct arena *arena,
		 struct journal **out, struct fault *fault)
{
	struct journal_options options = { .clock = clock, .holder = "", .read_only = true };
	const char *address = journal_address(plan, arena);
	int err = address ? journal_store_at(address, true, &options.store, fault)
			  : fault_set(fault, ERR_MEMORY, "no memory for the journal");

	return err ? err : journal_open(&options, out, fault);
}
