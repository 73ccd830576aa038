/*
 * sim_main.c - store_sim: a store in simulated worlds.
 *
 *	store_sim --seeds N [--from SEED] [--all]	so many worlds; the first broken promise is told, and how to see it again
 *	store_sim --seed N [--trace]			one world, with everything that happens in it
 *	store_sim --mutants				worlds whose disk lies: each must be caught
 *
 * Status 0: all promises held (or each lie was caught); 1: not; 2: usage.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

static const char *const mutants[MUTANT_COUNT] = { "none", "sync-lies", "folder-lies" };

#ifdef __SANITIZE_ADDRESS__
/* Thousands of worlds are made of small pieces; say ASAN_OPTIONS=malloc_context_size=30 to see where one comes from. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "malloc_context_size=0:quarantine_size_mb=4";
}
#endif

static int run_one(uint64_t seed, bool trace, int mutant)
{
	struct sim_options options = { .seed = seed, .trace = trace, .mutant = mutant };
	char why[1500];
	uint64_t hash, again;

	if (sim_run(&options, why, &hash) == 0) {
		if (trace)
			printf("seed %llu holds (%016llx)\n", (unsigned long long)seed,
			       (unsigned long long)hash);
		return 0;
	}
	printf("seed %llu: %s\n", (unsigned long long)seed, why);
	options.trace = false;
	if (sim_run(&options, why, &again) == 0 || again != hash)
		printf("seed %llu: and it did not replay\n", (unsigned long long)seed);
	printf("see it with: store_sim --seed %llu%s%s --trace\n", (unsigned long long)seed,
	       mutant ? " --mutant " : "", mutant ? mutants[mutant] : "");
	return 1;
}

static int run_seeds(uint64_t from, uint64_t count, bool go_on)
{
	uint64_t broken = 0;

	for (uint64_t seed = from; seed < from + count && (!broken || go_on); seed++)
		broken += (uint64_t)run_one(seed, false, MUTANT_NONE);
#define TOTAL(name) (unsigned long long)sim_totals.name
	printf("%llu crashes; %llu acknowledged (%llu duplicates), %llu failed (%llu full), %llu told to "
	       "wait; %llu batches read, "
	       "%llu fetches; %llu uploads, %llu failed; %llu merges; %llu times a record was compacted "
	       "away; %llu bad moments; %llu troubles with objects; %llu starts moved; "
	       "%llu batches mirrored, %llu cuts, %llu pieces filled in, %llu undecided, %llu promoted; "
	       "%llu commits in doubt; %llu rotten, %llu "
	       "seen\n",
	       TOTAL(crashes), TOTAL(acknowledged), TOTAL(duplicates), TOTAL(failed), TOTAL(full),
	       TOTAL(refused_full), TOTAL(batches_read), TOTAL(cold_reads), TOTAL(uploads),
	       TOTAL(upload_failures), TOTAL(merges), TOTAL(compacted), TOTAL(errors), TOTAL(troubles),
	       TOTAL(starts_moved), TOTAL(mirrored), TOTAL(cuts), TOTAL(fills), TOTAL(undecided),
	       TOTAL(promoted), (unsigned long long)sim_sql_doubts(), TOTAL(rotten), TOTAL(rot_seen));
	printf("%llu seeds, %llu broken\n", (unsigned long long)count, (unsigned long long)broken);
	return broken ? 1 : 0;
}

#define MUTANT_SEEDS 200

static int run_mutants(void)
{
	int missed = 0;

	for (int mutant = 1; mutant < MUTANT_COUNT; mutant++) {
		struct sim_options options = { .mutant = mutant };
		char why[1500];

		for (options.seed = 1; options.seed <= MUTANT_SEEDS; options.seed++)
			if (sim_run(&options, why, NULL))
				break;
		if (options.seed > MUTANT_SEEDS) {
			printf("%s: not caught\n", mutants[mutant]);
			missed++;
		} else {
			printf("%s: seed %llu: %s\n", mutants[mutant], (unsigned long long)options.seed, why);
		}
	}
	return missed ? 1 : 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: store_sim --seeds N [--from N] [--all] | --seed N [--trace] [--mutant NAME] "
			"| --mutants\n");
	return 2;
}

int main(int argc, char **argv)
{
	uint64_t seed = 0, seeds = 0, from = 1;
	bool trace = false, all = false;
	int mutant = 0;

	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(argv[i], "--trace") == 0)
			trace = true;
		else if (strcmp(argv[i], "--all") == 0)
			all = true;
		else if (strcmp(argv[i], "--mutants") == 0)
			return run_mutants();
		else if (!value)
			return usage();
		else if (strcmp(argv[i], "--seed") == 0)
			seed = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--seeds") == 0)
			seeds = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--from") == 0)
			from = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--mutant") == 0) {
			for (i++; mutant < MUTANT_COUNT && strcmp(mutants[mutant], argv[i]) != 0;)
				mutant++;
			if (mutant == MUTANT_COUNT)
				return usage();
		} else
			return usage();
	}
	if (seeds)
		return run_seeds(from, seeds, all);
	return seed ? run_one(seed, trace, mutant) : usage();
}
