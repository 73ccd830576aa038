/* plan_keys.c - the table. */
#include <assert.h>
#include <stddef.h>

#include "exit/plan_keys.h"

const struct plan_section plan_sections[] = {
	{ "exit", "the plan", sizeof(struct plan) },
	{ "checkpoints", "'checkpoints'", 0 },
	{ "registries", "'registries'", 0 },
	{ "signing", "'signing'", 0 },
	{ "reading", "'reading'", 0 },
	{ "limits", "'limits'", 0 },
	{ "room", "limits of a cluster", sizeof(struct plan_room) },
	{ "prices", "'prices'", 0 },
	{ "price", "prices of a cluster", sizeof(struct plan_price) },
	{ "class", "a class", sizeof(struct plan_class) },
	{ "class.parity", "'parity' of a class", 0 },
	{ "class.progress", "'progress' of a class", 0 },
	{ "class.compatibility", "'compatibility' of a class", 0 },
	{ "class.rollback", "'rollback' of a class", 0 },
	{ "class.capacity", "'capacity' of a class", 0 },
	{ "class.operations", "'operations' of a class", 0 },
	{ "class.stop", "'stop' of a class", 0 },
	{ "family", "a family", sizeof(struct plan_family) },
	{ "owners", "'owners'", sizeof(struct plan_owners) },
	{ "levers", "'levers'", sizeof(struct plan_levers) },
	{ "lever", "a lever", sizeof(struct plan_lever) },
	{ "group", "the lever of a group", sizeof(struct plan_lever) },
	{ "match", "'match'", sizeof(struct plan_match) },
	{ "outside", "an outside position", sizeof(struct plan_probe) },
	{ "counter", "a counter", sizeof(struct plan_probe) },
	{ "scaffold", "an item of scaffold", sizeof(struct plan_probe) },
	{ "dashboard", "a dashboard", sizeof(struct plan_probe) },
	{ "alert", "an alert", sizeof(struct plan_probe) },
	{ "regime", "a regime", sizeof(struct plan_probe) },
	{ "drill", "'drill'", sizeof(struct plan_drill) },
	{ "return", "'return'", sizeof(struct plan_return) },
	{ "page", "'page'", sizeof(struct plan_page) },
	{ NULL },
};

#define IN(type, member) offsetof(struct type, member)
#define LIMIT(name)      offsetof(struct plan_class, limits[LIMIT_##name])

/* clang-format off */
const struct plan_key plan_keys[] = {
	/* section, key, type, flags, offset, inner, usual, rehearsal, help */
	{ "exit", "exit", PLAN_NAME, KEY_NEEDED, IN(plan, exit), NULL, NULL, NULL, "the name of this exit" },
	{ "exit", "source", PLAN_CLUSTER, KEY_NEEDED, IN(plan, source), NULL, NULL, NULL, "the cluster that is left" },
	{ "exit", "target", PLAN_CLUSTER, KEY_NEEDED, IN(plan, target), NULL, NULL, NULL, "the cluster that is moved to" },
	{ "exit", "state", PLAN_STATE, 0, IN(plan, state), NULL, "interlock.db", NULL, "where the journal lives" },
	{ "exit", "checkpoints", PLAN_MAP, KEY_SAME, IN(plan, checkpoints), "checkpoints", NULL, NULL, "where signed roots of the journal are published" },
	{ "exit", "registries", PLAN_MAP, KEY_SAME | KEY_NONE, IN(plan, registries), "registries", NULL, NULL, "the schema registries of both sides; none when records carry no schema ids" },
	{ "exit", "signing", PLAN_MAP, KEY_SAME, IN(plan, signing), "signing", NULL, NULL, "whether acts must be signed, and by whose key" },
	{ "exit", "reading", PLAN_MAP, KEY_SAME, IN(plan, reading), "reading", NULL, NULL, "how much Interlock may read from the clusters" },
	{ "exit", "limits", PLAN_MAP, KEY_SAME, IN(plan, limits), "limits", NULL, NULL, "what each cluster can take, for gate capacity" },
	{ "exit", "prices", PLAN_MAP, KEY_SAME, IN(plan, prices), "prices", NULL, NULL, "what each cluster costs, for gate capacity" },
	{ "exit", "env", PLAN_PAIRS, 0, IN(plan, env), NULL, NULL, NULL, "what commands find in their environment; ${env:NAME} and ${file:PATH} are secrets" },
	{ "exit", "classes", PLAN_NAMED, 0, IN(plan, classes), "class", NULL, NULL, "named sets of gate limits" },
	{ "exit", "families", PLAN_LIST, KEY_NEEDED, IN(plan, families), "family", NULL, NULL, "what moves together" },

	{ "checkpoints", "topic", PLAN_NAME, 0, IN(plan, checkpoints.topic), NULL, NULL, NULL, "a topic on both clusters" },
	{ "checkpoints", "file", PLAN_PATH, 0, IN(plan, checkpoints.file), NULL, NULL, NULL, "a file on another machine's disk" },
	{ "checkpoints", "url", PLAN_URL, 0, IN(plan, checkpoints.url), NULL, NULL, NULL, "an address that takes them by PUT" },

	{ "registries", "source", PLAN_URL, KEY_NEEDED, IN(plan, registries.source), NULL, NULL, NULL, "that of the source" },
	{ "registries", "target", PLAN_URL, KEY_NEEDED, IN(plan, registries.target), NULL, NULL, NULL, "that of the target" },

	{ "signing", "required", PLAN_YES_NO, 0, IN(plan, signing.required), NULL, "no", NULL, "an unsigned act is refused" },
	{ "signing", "seal-owners", PLAN_COUNT, 0, IN(plan, signing.seal_owners), NULL, "1", NULL, "how many owners a seal needs" },
	{ "signing", "keys", PLAN_PAIRS, 0, IN(plan, signing.keys), NULL, NULL, NULL, "from owners to files of their public keys" },

	{ "reading", "rate", PLAN_RATE, 0, IN(plan, reading.rate), NULL, NULL, NULL, "at most, both clusters together" },
	{ "reading", "memory", PLAN_SIZE, 0, IN(plan, reading.memory), NULL, NULL, NULL, "for comparing" },
	{ "reading", "every", PLAN_DURATION, 0, IN(plan, reading.every_ms), NULL, "30s", NULL, "how often a family is judged; sooner where its class lets evidence grow old sooner" },

	{ "limits", "source", PLAN_MAP, 0, IN(plan, limits.source), "room", NULL, NULL, "those of the source" },
	{ "limits", "target", PLAN_MAP, 0, IN(plan, limits.target), "room", NULL, NULL, "those of the target" },

	{ "room", "write", PLAN_RATE, 0, IN(plan_room, write), NULL, NULL, NULL, "what all brokers together take from producers, replication aside" },
	{ "room", "read", PLAN_RATE, 0, IN(plan_room, read), NULL, NULL, NULL, "what all brokers together give to consumers" },
	{ "room", "disk", PLAN_SIZE, 0, IN(plan_room, disk), NULL, NULL, NULL, "of all brokers together; else what they report" },
	{ "room", "brokers", PLAN_COUNT, 0, IN(plan_room, brokers), NULL, NULL, NULL, "how many there are; else how many are seen" },

	{ "prices", "source", PLAN_MAP, 0, IN(plan, prices.source), "price", NULL, NULL, "those of the source" },
	{ "prices", "target", PLAN_MAP, 0, IN(plan, prices.target), "price", NULL, NULL, "those of the target" },

	{ "price", "broker-day", PLAN_MONEY, 0, IN(plan_price, broker_day), NULL, NULL, NULL, "of a broker, a day" },
	{ "price", "gb-month", PLAN_MONEY, 0, IN(plan_price, gb_month), NULL, NULL, NULL, "of 10^9 bytes on disk, 30 days" },
	{ "price", "transfer-gb", PLAN_MONEY, 0, IN(plan_price, transfer_gb), NULL, NULL, NULL, "of 10^9 bytes written to it or read from it" },

	{ "class", "like", PLAN_NAME, 0, IN(plan_class, like), NULL, NULL, NULL, "the class that this one starts from" },
	{ "class", "parity", PLAN_MAP, KEY_SAME, 0, "class.parity", NULL, NULL, "limits of gate parity" },
	{ "class", "progress", PLAN_MAP, KEY_SAME, 0, "class.progress", NULL, NULL, "limits of gate progress" },
	{ "class", "compatibility", PLAN_MAP, KEY_SAME, 0, "class.compatibility", NULL, NULL, "limits of gate compatibility" },
	{ "class", "rollback", PLAN_MAP, KEY_SAME, 0, "class.rollback", NULL, NULL, "limits of gate rollback" },
	{ "class", "capacity", PLAN_MAP, KEY_SAME, 0, "class.capacity", NULL, NULL, "limits of gate capacity" },
	{ "class", "operations", PLAN_MAP, KEY_SAME, 0, "class.operations", NULL, NULL, "limits of gate operations" },
	{ "class", "stop", PLAN_MAP, KEY_SAME, 0, "class.stop", NULL, NULL, "what a gate does that shuts while authority is on the target" },
	{ "class", "pause", PLAN_DURATION, 0, LIMIT(PAUSE), NULL, "2s", NULL, "longest write pause that preflight may predict" },
	{ "class", "deadline", PLAN_DURATION, 0, LIMIT(DEADLINE), NULL, "30s", NULL, "from FENCING to DECIDED; then it returns by itself" },
	{ "class", "observe", PLAN_DURATION, 0, LIMIT(OBSERVE), NULL, "2h", NULL, "on the target, before the next wave and before a seal" },
	{ "class", "observe-bytes", PLAN_SIZE, 0, LIMIT(OBSERVE_BYTES), NULL, "0B", NULL, "fewest bytes, as the target's brokers keep them, that must have been written there in that time" },
	{ "class", "observe-keys", PLAN_COUNT, 0, LIMIT(OBSERVE_KEYS), NULL, "0", NULL, "fewest different keys that must have been seen among them; 1,000,000 at most" },
	{ "class", "observe-records", PLAN_COUNT, 0, LIMIT(OBSERVE_RECORDS), NULL, "1", "0", "fewest records that must have been written on the target in that time" },

	{ "class.parity", "claim", PLAN_CLAIM, 0, LIMIT(PARITY_CLAIM), NULL, "key-order", NULL, "what must be equal" },
	{ "class.parity", "duplicates", PLAN_COUNT, 0, LIMIT(PARITY_DUPLICATES), NULL, "0", NULL, "records that the target may hold twice" },
	{ "class.parity", "age", PLAN_DURATION, 0, LIMIT(PARITY_AGE), NULL, "1m", NULL, "older evidence is stale" },
	{ "class.parity", "settle", PLAN_DURATION, 0, LIMIT(PARITY_SETTLE), NULL, "5s", NULL, "how long a side may take to catch up" },
	{ "class.parity", "late", PLAN_DURATION, 0, LIMIT(PARITY_LATE), NULL, "60s", NULL, "how long a record that is missing may be overtaken by other keys' records before it is lost" },
	{ "class.parity", "records", PLAN_COUNT, 0, LIMIT(PARITY_RECORDS), NULL, "1", NULL, "fewest records compared in the family" },
	{ "class.parity", "behind", PLAN_COUNT, 0, LIMIT(PARITY_BEHIND), NULL, "10000", NULL, "offsets that a partition may have grown past the evidence" },

	{ "class.progress", "skipped", PLAN_COUNT, 0, LIMIT(PROGRESS_SKIPPED), NULL, "0", NULL, "records that a group may miss" },
	{ "class.progress", "reread", PLAN_COUNT, 0, LIMIT(PROGRESS_REREAD), NULL, "0", NULL, "records that a group may read again" },
	{ "class.progress", "age", PLAN_DURATION, 0, LIMIT(PROGRESS_AGE), NULL, "1m", NULL, "older evidence is stale" },

	{ "class.compatibility", "age", PLAN_DURATION, 0, LIMIT(COMPATIBILITY_AGE), NULL, "10m", NULL, "older evidence is stale" },

	{ "class.rollback", "keep", PLAN_DURATION, 0, LIMIT(ROLLBACK_KEEP), NULL, "24h", NULL, "how long going back must stay clean" },
	{ "class.rollback", "drill", PLAN_DURATION, KEY_NONE, LIMIT(ROLLBACK_DRILL), NULL, "7d", "none", "age of the last drill" },
	{ "class.rollback", "return", PLAN_REQUIRED, KEY_NONE, LIMIT(ROLLBACK_RETURN), NULL, "required", "none", "a way back that is fed" },

	{ "class.capacity", "headroom", PLAN_PERCENT, KEY_NONE, LIMIT(CAPACITY_HEADROOM), NULL, "30%", "none", "of the target, at the source's peak with one broker out" },
	{ "class.capacity", "replay", PLAN_DURATION, KEY_NONE, LIMIT(CAPACITY_REPLAY), NULL, "15m", "none", "how long groups may take to catch up on the target, at the source's peak with one broker out" },
	{ "class.capacity", "dual-run", PLAN_DURATION, KEY_NONE, LIMIT(CAPACITY_DUAL_RUN), NULL, "14d", "none", "how long both sides may run" },
	{ "class.capacity", "cost-per-day", PLAN_MONEY, KEY_NONE, LIMIT(CAPACITY_COST_PER_DAY), NULL, NULL, "none", "what a day of running both may cost" },

	{ "class.operations", "on-call", PLAN_REQUIRED, KEY_NONE, LIMIT(OPERATIONS_ON_CALL), NULL, "required", "none", "a confirmed on-call" },
	{ "class.operations", "runbook", PLAN_REQUIRED, KEY_NONE, LIMIT(OPERATIONS_RUNBOOK), NULL, "required", "none", "an acknowledged runbook" },
	{ "class.operations", "dashboards", PLAN_REQUIRED, KEY_NONE, LIMIT(OPERATIONS_DASHBOARDS), NULL, "required", "none", "dashboards that are named and answer" },
	{ "class.operations", "alerts", PLAN_DURATION, KEY_NONE, LIMIT(OPERATIONS_ALERTS), NULL, "30d", "none", "age of the last test in which each alert fired" },
	{ "class.operations", "freeze", PLAN_FREEZES, 0, IN(plan_class, freezes), NULL, NULL, NULL, "when nothing may be moved" },

	{ "class.stop", "compatibility", PLAN_ACTION, 0, LIMIT(STOP_COMPATIBILITY), NULL, "hold", NULL, "hold, freeze or revert" },
	{ "class.stop", "parity", PLAN_ACTION, 0, LIMIT(STOP_PARITY), NULL, "hold", NULL, "hold, freeze or revert" },
	{ "class.stop", "progress", PLAN_ACTION, 0, LIMIT(STOP_PROGRESS), NULL, "hold", NULL, "hold, freeze or revert" },
	{ "class.stop", "rollback", PLAN_ACTION, 0, LIMIT(STOP_ROLLBACK), NULL, "hold", NULL, "hold, freeze or revert" },
	{ "class.stop", "capacity", PLAN_ACTION, 0, LIMIT(STOP_CAPACITY), NULL, "hold", NULL, "hold, freeze or revert" },
	{ "class.stop", "operations", PLAN_ACTION, 0, LIMIT(STOP_OPERATIONS), NULL, "hold", NULL, "hold, freeze or revert" },

	{ "family", "name", PLAN_NAME, KEY_NEEDED, IN(plan_family, name), NULL, NULL, NULL, "what it is called everywhere" },
	{ "family", "class", PLAN_NAME, KEY_NEEDED, IN(plan_family, class_name), NULL, NULL, NULL, "one of 'classes', or rehearsal" },
	{ "family", "pattern", PLAN_PATTERN, KEY_NEEDED, IN(plan_family, pattern), NULL, NULL, NULL, "how the target gets its records" },
	{ "family", "topics", PLAN_TOPICS, KEY_NEEDED, IN(plan_family, topics), NULL, NULL, NULL, "its topics; orders=orders.v2 renames" },
	{ "family", "groups", PLAN_NAMES, 0, IN(plan_family, groups), NULL, NULL, NULL, "its consumer groups, or none" },
	{ "family", "producers", PLAN_NAMES, 0, IN(plan_family, producers), NULL, NULL, NULL, "principals that write to it, or none" },
	{ "family", "owners", PLAN_MAP, KEY_NEEDED, IN(plan_family, owners), "owners", NULL, NULL, "who decides, and who is called" },
	{ "family", "levers", PLAN_MAP, 0, IN(plan_family, levers), "levers", NULL, NULL, "what can be set, and set back" },
	{ "family", "match", PLAN_MAP, 0, IN(plan_family, match), "match", NULL, NULL, "when two records are the same event" },
	{ "family", "first", PLAN_ORDER, 0, IN(plan_family, order), NULL, "consumers", NULL, "who moves first: consumers or producers" },
	{ "family", "outside", PLAN_LIST, 0, IN(plan_family, outside), "outside", NULL, NULL, "positions that are kept outside Kafka" },
	{ "family", "counters", PLAN_LIST, 0, IN(plan_family, counters), "counter", NULL, NULL, "business sums that must be equal" },
	{ "family", "scaffold", PLAN_LIST, 0, IN(plan_family, scaffold), "scaffold", NULL, NULL, "what is temporary and must go" },
	{ "family", "dashboards", PLAN_LIST, 0, IN(plan_family, dashboards), "dashboard", NULL, NULL, "that must exist" },
	{ "family", "alerts", PLAN_LIST, 0, IN(plan_family, alerts), "alert", NULL, NULL, "that must have fired in a test" },
	{ "family", "regimes", PLAN_LIST, 0, IN(plan_family, regimes), "regime", NULL, NULL, "what must have been lived through on the target before the next wave and before a seal" },
	{ "family", "drill", PLAN_MAP, 0, IN(plan_family, drill), "drill", NULL, NULL, "the load of a rehearsal's shadow" },
	{ "family", "return", PLAN_MAP, 0, IN(plan_family, back), "return", NULL, NULL, "what feeds the way back" },
	{ "family", "page", PLAN_MAP, 0, IN(plan_family, page), "page", NULL, NULL, "who is woken when the family stays HELD or UNKNOWN and nobody asked for that, or a crossing that is decided does not get on" },
	{ "family", "after", PLAN_NAMES, 0, IN(plan_family, after), NULL, NULL, NULL, "families that must have moved before" },

	{ "owners", "decision", PLAN_OWNER, KEY_NEEDED, IN(plan_owners, decision), NULL, NULL, NULL, "who decides" },
	{ "owners", "on-call", PLAN_OWNER, 0, IN(plan_owners, on_call), NULL, NULL, NULL, "who is called" },
	{ "owners", "source", PLAN_OWNER, 0, IN(plan_owners, source), NULL, NULL, NULL, "who runs the source" },
	{ "owners", "target", PLAN_OWNER, 0, IN(plan_owners, target), NULL, NULL, NULL, "who runs the target" },

	{ "page", "call", PLAN_EXEC, KEY_NEEDED, IN(plan_page, call), NULL, NULL, NULL, "what calls somebody; the sentence goes behind it, or to the address by PUT" },
	{ "page", "after", PLAN_DURATION, 0, IN(plan_page, after_ms), NULL, "5m", NULL, "how long it may stand so before somebody is called" },
	{ "page", "again", PLAN_DURATION, 0, IN(plan_page, again_ms), NULL, "1h", NULL, "how long after that he is called again, while it still does" },
	{ "page", "timeout", PLAN_DURATION, 0, IN(plan_page, timeout_ms), NULL, "10s", NULL, "how long an answer may take" },

	{ "levers", "flag", PLAN_MAP, 0, IN(plan_levers, flag), "lever", NULL, NULL, "which side is authoritative for a dual-writing application" },
	{ "levers", "bootstrap", PLAN_MAP, 0, IN(plan_levers, bootstrap), "lever", NULL, NULL, "where clients connect" },
	{ "levers", "groups", PLAN_NAMED, 0, IN(plan_levers, groups), "group", NULL, NULL, "how each group's application is stopped and started" },
	{ "levers", "acl", PLAN_YES_NO, 0, IN(plan_levers, acl), NULL, "no", NULL, "fence by ACL deny" },
	{ "levers", "transactional-ids", PLAN_NAMES, 0, IN(plan_levers, transactional_ids), NULL, NULL, NULL, "ids to fence" },
	{ "levers", "topic-config", PLAN_PAIRS, 0, IN(plan_levers, topic_config), NULL, NULL, NULL, "what the topics keep on the side that is left, at least: retention.ms, retention.bytes, delete.retention.ms, min.compaction.lag.ms, max.message.bytes; raised before the fence, set back when authority returns there, and by retire; no fence" },
	{ "levers", "quota", PLAN_RATE, 0, IN(plan_levers, quota), NULL, NULL, NULL, "how fast each producer may write to each broker, while what fills the other side catches up before the fence; set back before it; no fence" },

	{ "lever", "get", PLAN_EXEC, KEY_NEEDED, IN(plan_lever, get), NULL, NULL, NULL, "prints source, target or hold" },
	{ "lever", "set", PLAN_EXEC, KEY_NEEDED, IN(plan_lever, set), NULL, NULL, NULL, "takes the word as its last argument" },
	{ "lever", "drained", PLAN_EXEC, 0, IN(plan_lever, drained), NULL, NULL, NULL, "exits 0 when nothing is in flight to either side, 75 while something is" },
	{ "lever", "timeout", PLAN_DURATION, 0, IN(plan_lever, timeout_ms), NULL, "10s", NULL, "how long an answer may take" },

	{ "group", "get", PLAN_EXEC, KEY_NEEDED, IN(plan_lever, get), NULL, NULL, NULL, "prints running source, running target or stopped" },
	{ "group", "set", PLAN_EXEC, KEY_NEEDED, IN(plan_lever, set), NULL, NULL, NULL, "takes start source, start target or stop" },
	{ "group", "timeout", PLAN_DURATION, 0, IN(plan_lever, timeout_ms), NULL, "10s", NULL, "how long an answer may take" },

	{ "match", "identity", PLAN_IDENTITY, 0, IN(plan_match, identity), NULL, "content", NULL, "content, header:NAME or key+header:NAME" },
	{ "match", "ignore-headers", PLAN_NAMES, 0, IN(plan_match, ignore_headers), NULL, NULL, NULL, "headers that do not count" },
	{ "match", "ignore-timestamp", PLAN_YES_NO, 0, IN(plan_match, ignore_timestamp), NULL, "no", NULL, "whether timestamps do not count" },

	{ "outside", "flink", PLAN_TEXT, 0, IN(plan_probe, flink), NULL, NULL, NULL, "a Flink job" },
	{ "outside", "connect", PLAN_TEXT, 0, IN(plan_probe, connect), NULL, NULL, NULL, "a connector" },
	{ "outside", "streams", PLAN_TEXT, 0, IN(plan_probe, streams), NULL, NULL, NULL, "a Kafka Streams application" },
	{ "outside", "other", PLAN_TEXT, 0, IN(plan_probe, name), NULL, NULL, NULL, "anything else that keeps a position" },
	{ "outside", "checkpoint", PLAN_EXEC, KEY_NEEDED, IN(plan_probe, checkpoint), NULL, NULL, NULL, "prints where it stands and, in JSON as \"target\", where it goes on" },
	{ "outside", "control", PLAN_TEXT, 0, IN(plan_probe, control), NULL, NULL, NULL, "goes behind the command; with it another position must come" },
	{ "outside", "owner", PLAN_OWNER, 0, IN(plan_probe, owner), NULL, NULL, NULL, "who moves it" },
	{ "outside", "timeout", PLAN_DURATION, 0, IN(plan_probe, timeout_ms), NULL, "10s", NULL, "how long an answer may take" },

	{ "counter", "name", PLAN_NAME, KEY_NEEDED, IN(plan_probe, name), NULL, NULL, NULL, "what is counted" },
	{ "counter", "source", PLAN_EXEC, KEY_NEEDED, IN(plan_probe, source), NULL, NULL, NULL, "prints the number on the source" },
	{ "counter", "target", PLAN_EXEC, KEY_NEEDED, IN(plan_probe, target), NULL, NULL, NULL, "prints the number on the target" },
	{ "counter", "tolerance", PLAN_DECIMAL, 0, IN(plan_probe, tolerance), NULL, "0", NULL, "how far apart they may be" },
	{ "counter", "control", PLAN_TEXT, 0, IN(plan_probe, control), NULL, NULL, NULL, "goes behind both commands; with it another number must come" },
	{ "counter", "timeout", PLAN_DURATION, 0, IN(plan_probe, timeout_ms), NULL, "10s", NULL, "how long an answer may take" },

	{ "scaffold", "what", PLAN_TEXT, KEY_NEEDED, IN(plan_probe, name), NULL, NULL, NULL, "what it is" },
	{ "scaffold", "owner", PLAN_OWNER, 0, IN(plan_probe, owner), NULL, NULL, NULL, "who answers for it; else the decision owner" },
	{ "scaffold", "probe", PLAN_EXEC, KEY_NEEDED, IN(plan_probe, probe), NULL, NULL, NULL, "yes or no: is it still there" },
	{ "scaffold", "used", PLAN_EXEC, 0, IN(plan_probe, used), NULL, NULL, NULL, "yes or no: does anybody use it still; then it stays" },
	{ "scaffold", "remove", PLAN_EXEC, KEY_NEEDED, IN(plan_probe, remove), NULL, NULL, NULL, "takes it away" },
	{ "scaffold", "restore", PLAN_EXEC, 0, IN(plan_probe, restore), NULL, NULL, NULL, "puts it back" },
	{ "scaffold", "timeout", PLAN_DURATION, 0, IN(plan_probe, timeout_ms), NULL, "10s", NULL, "how long an answer may take" },

	{ "dashboard", "name", PLAN_TEXT, KEY_NEEDED, IN(plan_probe, name), NULL, NULL, NULL, "which one" },
	{ "dashboard", "probe", PLAN_EXEC, KEY_NEEDED, IN(plan_probe, probe), NULL, NULL, NULL, "yes or no: is it there" },
	{ "dashboard", "control", PLAN_TEXT, 0, IN(plan_probe, control), NULL, NULL, NULL, "goes behind the command; with it the answer must be no" },
	{ "dashboard", "timeout", PLAN_DURATION, 0, IN(plan_probe, timeout_ms), NULL, "10s", NULL, "how long an answer may take" },

	{ "alert", "name", PLAN_TEXT, KEY_NEEDED, IN(plan_probe, name), NULL, NULL, NULL, "which one" },
	{ "alert", "probe", PLAN_EXEC, KEY_NEEDED, IN(plan_probe, probe), NULL, NULL, NULL, "yes or no: does it fire" },
	{ "alert", "fire", PLAN_EXEC, 0, IN(plan_probe, fire), NULL, NULL, NULL, "makes it fire, for a test" },
	{ "alert", "control", PLAN_TEXT, 0, IN(plan_probe, control), NULL, NULL, NULL, "goes behind the command; with it the answer must be no" },
	{ "alert", "timeout", PLAN_DURATION, 0, IN(plan_probe, timeout_ms), NULL, "10s", NULL, "how long an answer may take" },

	{ "regime", "name", PLAN_TEXT, KEY_NEEDED, IN(plan_probe, name), NULL, NULL, NULL, "peak hour, nightly batch, consumer restart" },
	{ "regime", "probe", PLAN_EXEC, KEY_NEEDED, IN(plan_probe, probe), NULL, NULL, NULL, "yes or no: is it on now; one yes since the crossing is enough" },
	{ "regime", "control", PLAN_TEXT, 0, IN(plan_probe, control), NULL, NULL, NULL, "goes behind the command; with it the answer must be no" },
	{ "regime", "timeout", PLAN_DURATION, 0, IN(plan_probe, timeout_ms), NULL, "10s", NULL, "how long an answer may take" },

	{ "drill", "rate", PLAN_PACE, KEY_NEEDED, IN(plan_drill, rate), NULL, NULL, NULL, "records a second" },
	{ "drill", "size", PLAN_SIZE, KEY_NEEDED, IN(plan_drill, size), NULL, NULL, NULL, "of a record" },
	{ "drill", "for", PLAN_DURATION, KEY_NEEDED, IN(plan_drill, duration_ms), NULL, NULL, NULL, "how long" },

	{ "return", "filled-by", PLAN_TEXT, KEY_NEEDED, IN(plan_return, filled_by), NULL, NULL, NULL, "the copier that feeds the source back" },
	{ "return", "probe", PLAN_EXEC, KEY_NEEDED, IN(plan_return, probe), NULL, NULL, NULL, "a number: how far behind it is" },
	{ "return", "control", PLAN_TEXT, 0, IN(plan_return, control), NULL, NULL, NULL, "goes behind the command; with it another number must come" },
	{ "return", "timeout", PLAN_DURATION, 0, IN(plan_return, timeout_ms), NULL, "10s", NULL, "how long an answer may take" },

	{ NULL },
};
/* clang-format on */

const struct plan_section *plan_section(const char *name)
{
	for (const struct plan_section *section = plan_sections; section->name; section++)
		if (strcmp(section->name, name) == 0)
			return section;
	assert(!"a section that the table does not have");
	return NULL;
}

const struct plan_key *plan_key(const char *section, struct view key)
{
	for (const struct plan_key *at = plan_keys; at->section; at++)
		if (strcmp(at->section, section) == 0 && view_is(key, at->key))
			return at;
	return NULL;
}

const char *plan_type_text(enum plan_type type)
{
	static const char *const texts[] = {
		[PLAN_TEXT] = "a text",
		[PLAN_NAME] = "a name of letters, digits, '.', '_' and '-'",
		[PLAN_PATH] = "a path, relative to the plan",
		[PLAN_CLUSTER] = "host:port[,host:port...] or a .properties file",
		[PLAN_STATE] = "a path, or postgres://...",
		[PLAN_URL] = "an http or https address",
		[PLAN_OWNER] = "a mail address, or the address of a page",
		[PLAN_IDENTITY] = "content, header:NAME or key+header:NAME",
		[PLAN_YES_NO] = "yes or no",
		[PLAN_COUNT] = "a whole number, like 1000",
		[PLAN_DURATION] = "a duration, like 500ms, 5s, 10m, 2h or 7d",
		[PLAN_SIZE] = "a size, like 64KiB, 256MiB or 1GB",
		[PLAN_RATE] = "a rate, like 100MB/s",
		[PLAN_PACE] = "records a second, like 1000/s",
		[PLAN_PERCENT] = "a percentage, like 30%",
		[PLAN_MONEY] = "an amount with its currency, like 120 EUR",
		[PLAN_DECIMAL] = "a number, like 0 or 0.5",
		[PLAN_REQUIRED] = "the word 'required'",
		[PLAN_CLAIM] = "counts, content, key-order, partition-order, offsets or latest",
		[PLAN_PATTERN] = "dual-write, bridge, proxy or stop-and-switch",
		[PLAN_ACTION] = "hold, freeze or revert",
		[PLAN_ORDER] = "consumers or producers",
		[PLAN_EXEC] = "a command, like exec ./flag get, or an http address",
		[PLAN_NAMES] = "a list of names, like [ billing, search ]",
		[PLAN_TOPICS] = "a list of topics, like [ orders, refunds=refunds.v2 ]",
		[PLAN_FREEZES] = ("a list like [ \"fri 16:00 .. mon 07:00 Europe/Berlin\", \"2026-12-24 .. "
				  "2027-01-02 Europe/Berlin\" ]"),
		[PLAN_PAIRS] = "a mapping from names to texts",
		[PLAN_MAP] = "a mapping",
		[PLAN_LIST] = "a list of mappings",
		[PLAN_NAMED] = "a mapping from names to mappings",
	};

	return texts[type];
}

static void document_key(const struct plan_key *key, struct buffer *out)
{
	buffer_printf(out, "| `%s` | %s%s | ", key->key, plan_type_text(key->type),
		      key->flags & KEY_NONE ? ", or none" : "");
	if (key->flags & KEY_NEEDED)
		buffer_text(out, "must be given");
	else if (key->usual)
		buffer_printf(out, "`%s`%s%s%s", key->usual, key->rehearsal ? "; rehearsal: `" : "",
			      key->rehearsal ? key->rehearsal : "", key->rehearsal ? "`" : "");
	buffer_printf(out, " | %s |\n", key->help);
}

void plan_keys_document(struct buffer *out)
{
	for (const struct plan_section *section = plan_sections; section->name; section++) {
		buffer_printf(out,
			      "\n### %s\n\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n",
			      strcmp(section->name, "exit") == 0 ? "the plan" : section->title);
		for (const struct plan_key *key = plan_keys; key->section; key++)
			if (strcmp(key->section, section->name) == 0)
				document_key(key, out);
	}
}
