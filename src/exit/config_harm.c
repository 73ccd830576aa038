/* config_harm.c - the table of differences that matter. */
#include <stdlib.h>

#include "exit/config_harm.h"
#include "exit/facts.h"

enum harm {
	HARM_DIFFERENT, /* any difference */
	HARM_SMALLER,   /* a smaller number on the target; -1 is without limit */
	HARM_TURNED_ON, /* false on the source, true on the target */
};

static const struct {
	const char *name;
	enum harm harm;
	const char *only_with; /* a word that the source's cleanup.policy must hold; NULL: always */
	const char *text;
} table[] = {
	{ "cleanup.policy", HARM_DIFFERENT, NULL, "records are kept, compacted or deleted in another way" },
	{ "retention.ms", HARM_SMALLER, "delete", "records go sooner" },
	{ "retention.bytes", HARM_SMALLER, "delete", "records go sooner" },
	{ "delete.retention.ms", HARM_SMALLER, "compact", "tombstones go sooner" },
	{ "max.compaction.lag.ms", HARM_SMALLER, "compact", "history of a key goes sooner" },
	{ "min.compaction.lag.ms", HARM_SMALLER, "compact", "history of a key goes sooner" },
	{ "max.message.bytes", HARM_SMALLER, NULL, "large batches would be refused" },
	{ "message.timestamp.type", HARM_DIFFERENT, NULL, "records get other times" },
	{ "message.timestamp.difference.max.ms", HARM_SMALLER, NULL, "old or future times would be refused" },
	{ "min.insync.replicas", HARM_SMALLER, NULL, "a write is acknowledged by fewer brokers" },
	{ "unclean.leader.election.enable", HARM_TURNED_ON, NULL,
	  "acknowledged records may be lost at a failover" },
};

/* -1 stands for no limit in Kafka, which is more than any number. */
static double number(const char *text)
{
	double value = strtod(text, NULL);

	return value < 0 ? 1e300 : value;
}

static bool policy_has(const struct config_list *of_source, const char *word)
{
	const struct config_entry *policy = of_source ? facts_config(of_source, "cleanup.policy") : NULL;

	return !policy || !policy->value || strstr(policy->value, word);
}

const char *config_harm(const char *name, const char *source, const char *target,
			const struct config_list *of_source)
{
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		bool harmful = true;

		if (strcmp(table[i].name, name) != 0)
			continue;
		if (table[i].only_with && !policy_has(of_source, table[i].only_with))
			return NULL;
		if (table[i].harm == HARM_SMALLER)
			harmful = number(target) < number(source);
		else if (table[i].harm == HARM_TURNED_ON)
			harmful = strcmp(source, "false") == 0 && strcmp(target, "true") == 0;
		return harmful ? table[i].text : NULL;
	}
	return NULL;
}
