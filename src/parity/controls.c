/* controls.c - one small log for each class. */
#include <stdio.h>

#include "parity/controls.h"
#include "parity/sample.h"

#define RECORDS    24
#define PARTITIONS 2
#define NOTHING    FINDING_CLASSES /* a control that must find nothing */

struct control_log {
	struct sample_log logs[2];
};

/* Record `n`, as both sides have it unless a class wants it otherwise. */
static void put(struct sample_log *log, int n, const struct sample_record *other)
{
	char key[16], value[24];
	struct sample_record record = { .partition = n % PARTITIONS, .timestamp = 1700000000000 + n };

	if (!other) {
		snprintf(key, sizeof key, "key-%d", n % 4);
		snprintf(value, sizeof value, "value-%d", n);
		record.key = key;
		record.value = value;
		other = &record;
	}
	sample_add(log, other);
}

/* The two logs of one control.  Ten is the record that something happens to. */
static void write(struct sample_log logs[2], int class)
{
	struct sample_record odd = {
		.partition = 0, .timestamp = 1700000000010, .key = "key-2", .value = "value-10"
	};
	int order[RECORDS];

	for (int n = 0; n < RECORDS; n++)
		order[n] = n;
	if (class == FINDING_REORDERED_KEY) {
		/* 10 behind 14 and 18, which have its key */
		for (int n = 10; n < 18; n += 2)
			order[n] = n + 2;
		order[18] = 10;
	}
	if (class == FINDING_REORDERED_PARTITION) {
		/* 10 behind 12, another key of the partition */
		order[10] = 12;
		order[12] = 10;
	}
	for (int n = 0; n < RECORDS; n++) {
		bool in_txn = class == FINDING_TORN_TXN && n >= 8 && n < 14 && n % 2 == 0;

		if (class == FINDING_ABORTED_LEAK && n == 10) {
			odd.producer_id = 7;
			odd.value = "taken back";
			put(&logs[SOURCE], n, &odd);
			sample_end_txn(&logs[SOURCE], 0, 7, 0, 0, false);
			odd.producer_id = 0;
			put(&logs[TARGET], n, &odd);
		}
		if (in_txn) {
			struct sample_record whole = { .partition = 0,
						       .timestamp = 1700000000000 + n,
						       .key = "key-0",
						       .value = n == 8    ? "a"
								: n == 10 ? "b"
									  : "c",
						       .producer_id = 9 };

			put(&logs[SOURCE], n, &whole);
			if (n == 12)
				sample_end_txn(&logs[SOURCE], 0, 9, 0, 0, true);
			whole.producer_id = 0;
			if (n != 10)
				put(&logs[TARGET], n, &whole);
			continue;
		}
		put(&logs[SOURCE], n, NULL);
		if (order[n] != 10) {
			put(&logs[TARGET], order[n], NULL);
			continue;
		}
		switch (class) {
		case FINDING_LOST: break;
		case FINDING_DUPLICATE:
			put(&logs[TARGET], 10, NULL);
			put(&logs[TARGET], 10, NULL);
			break;
		case FINDING_PHANTOM:
			put(&logs[TARGET], 10, NULL);
			odd.value = "out of nowhere";
			odd.timestamp = 1700000000099;
			put(&logs[TARGET], 10, &odd);
			break;
		case FINDING_ALTERED:
		case FINDING_COMPACTED:
			odd.value = "changed";
			put(&logs[TARGET], 10, &odd);
			break;
		case FINDING_META:
			odd.header_name = "trace";
			odd.header_value = "1";
			put(&logs[TARGET], 10, &odd);
			break;
		case FINDING_MISROUTED:
			odd.partition = 1;
			put(&logs[TARGET], 10, &odd);
			break;
		default: put(&logs[TARGET], 10, NULL);
		}
	}
	if (class == FINDING_COMPACTED) {
		/* The last value of the key is what counts. */
		odd.value = "last";
		odd.timestamp = 1700000000100;
		put(&logs[SOURCE], 10, &odd);
		odd.value = "not the last";
		put(&logs[TARGET], 10, &odd);
	}
	sample_flush(&logs[SOURCE]);
	sample_flush(&logs[TARGET]);
	if (class == FINDING_UNREADABLE)
		sample_break(&logs[TARGET], 0, 5);
}

static int control(int class, struct fault *fault)
{
	struct sample_run run = { .claim = CLAIM_PARTITION_ORDER,
				  .seed = 0x9e3779b97f4a7c15u + (uint64_t) class };
	struct parity_report report;
	struct sample_log logs[2];
	uint64_t found = 0, all = 0;
	int err;

	if (class == FINDING_COMPACTED)
		run.claim = CLAIM_LATEST;
	else if (class == FINDING_MISROUTED || class == FINDING_REORDERED_KEY)
		run.claim = CLAIM_KEY_ORDER;
	sample_init(&logs[SOURCE], SOURCE, PARTITIONS);
	sample_init(&logs[TARGET], TARGET, PARTITIONS);
	write(logs, class);
	parity_report_init(&report, run.claim);
	err = sample_compare(&run, logs, &report);
	if (err == 0) {
		for (int i = 0; i < FINDING_CLASSES; i++)
			all += report.topics[0].findings[i];
		found = class == NOTHING ? 0 : report.topics[0].findings[class];
		if (all != (class != NOTHING) || found != (class != NOTHING) ||
		    report.verdict != (class == NOTHING ? PARITY_OPEN : PARITY_SHUT))
			err = fault_set(fault, ERR_INTERNAL,
					"the comparer failed its own control (%s): it found %llu of 1, and "
					"%llu in all",
					class == NOTHING ? "equal logs"
							 : finding_word((enum finding_class) class),
					(unsigned long long)found, (unsigned long long)all);
	}
	parity_report_done(&report);
	sample_done(&logs[SOURCE]);
	sample_done(&logs[TARGET]);
	return err;
}

int controls_run(struct fault *fault)
{
	int err = 0;

	for (int class = 0; class <= NOTHING && err == 0; class ++)
		err = control(class, fault);
	return err;
}
