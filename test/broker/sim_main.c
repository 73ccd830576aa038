/*
 * sim_main.c - broker_sim: a broker in simulated worlds.
 *
 *	broker_sim --seeds N [--from SEED]	so many worlds; the first broken promise is told, and how to see it again
 *	broker_sim --seed N [--trace]		one world, with what clients were told in it
 *	broker_sim --mutants			worlds whose disk lies, or whose groups take what is old: each must be caught
 *
 * Status 0: all promises held (or each lie was caught); 1: not; 2: usage.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "sim.h"

#define MUTANT_SEEDS 100

static const char *const mutants[WORLD_MUTANT_COUNT] = { "none",        "sync-lies",      "folder-lies",
							 "old-commits", "old-heartbeats", "old-syncs" };

#ifdef __SANITIZE_ADDRESS__
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "malloc_context_size=0:quarantine_size_mb=4"; /* worlds are made of small pieces */
}
#endif

static int run_one(uint64_t seed, bool trace)
{
	char why[1000];
	uint64_t hash, again;

	if (world_run(seed, trace, MUTANT_NONE, why, &hash) == 0) {
		if (trace)
			printf("seed %llu holds (%016llx)\n", (unsigned long long)seed,
			       (unsigned long long)hash);
		return 0;
	}
	printf("seed %llu: %s\n", (unsigned long long)seed, why);
	if (world_run(seed, false, MUTANT_NONE, why, &again) == 0 || again != hash)
		printf("seed %llu: and it did not replay\n", (unsigned long long)seed);
	printf("see it with: broker_sim --seed %llu --trace\n", (unsigned long long)seed);
	return 1;
}

static int run_seeds(uint64_t from, uint64_t count)
{
	uint64_t seed = from;
	int broken = 0;

	for (; seed < from + count && !broken; seed++)
		broken = run_one(seed, false);
#define TOTAL(name) (unsigned long long)world_totals.name
	printf("%llu crashes, %llu starts; %llu acknowledged; %llu transactions committed, %llu aborted, "
	       "%llu unknown; %llu positions, %llu values read; "
	       "%llu assignments, %llu commits refused to who was behind, %llu words of an older generation; "
	       "records deleted %llu times, %llu "
	       "gone with them or for their age, %llu for their keys; %llu rotten, %llu seen; "
	       "%llu connections broken, %llu left with requests on their way, %llu that did not read; "
	       "%llu troubles with objects, %llu done and denied, %llu done by half\n",
	       TOTAL(crashes), TOTAL(starts), TOTAL(acknowledged), TOTAL(committed), TOTAL(aborted),
	       TOTAL(unknown), TOTAL(positions), TOTAL(read), TOTAL(assignments), TOTAL(refused), TOTAL(late),
	       TOTAL(deleted), TOTAL(cut), TOTAL(superseded), TOTAL(rotten), TOTAL(rot_seen), TOTAL(breaks),
	       TOTAL(strays), TOTAL(stalls), TOTAL(troubles), TOTAL(done_and_denied), TOTAL(halves));
	printf("%llu seeds, %d broken\n", (unsigned long long)(seed - from), broken);
	/* Worlds in which nothing happens prove nothing. */
	if (!broken && (!world_totals.crashes || !world_totals.committed || !world_totals.aborted ||
			!world_totals.positions || !world_totals.read || !world_totals.strays ||
			!world_totals.assignments || !world_totals.refused || !world_totals.late ||
			!world_totals.deleted || !world_totals.cut || !world_totals.superseded ||
			!world_totals.rot_seen || !world_totals.done_and_denied || !world_totals.halves)) {
		printf("but something never happened in them\n");
		return 1;
	}
	return broken;
}

static int run_mutants(void)
{
	int missed = 0;

	for (int mutant = 1; mutant < WORLD_MUTANT_COUNT; mutant++) {
		char why[1000];
		uint64_t seed = 1;

		while (seed <= MUTANT_SEEDS && world_run(seed, false, mutant, why, NULL) == 0)
			seed++;
		missed += seed > MUTANT_SEEDS;
		printf("%s: %s\n", mutants[mutant], seed > MUTANT_SEEDS ? "not caught" : why);
	}
	return missed ? 1 : 0;
}

int main(int argc, char **argv)
{
	uint64_t seed = 0, seeds = 0, from = 1;
	bool trace = false, lies = false;

	for (int i = 1; i < argc; i++) {
		bool more = i + 1 < argc;

		if (strcmp(argv[i], "--seed") == 0 && more)
			seed = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--seeds") == 0 && more)
			seeds = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--from") == 0 && more)
			from = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--trace") == 0)
			trace = true;
		else if (strcmp(argv[i], "--mutants") == 0)
			lies = true;
		else
			seed = seeds = 0, i = argc;
	}
	if (!trace)
		log_set_level(LOG_ERROR);
	if (lies)
		return run_mutants();
	if (seed)
		return run_one(seed, trace);
	if (seeds)
		return run_seeds(from, seeds);
	fprintf(stderr, "broker_sim: --seeds N [--from SEED], --seed N [--trace], or --mutants\n");
	return 2;
}
