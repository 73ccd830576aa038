/*
 * sim_main.c - exit_sim: crossings in simulated worlds.
 *
 *	exit_sim --seeds N [--from SEED]	so many worlds, on all processors; the first broken promise of each process is
 *						told, and how to see it again
 *	exit_sim --seed N [--trace]		one world, with everything that happens in it
 *	exit_sim --points			every place where a controller may die in a calm crossing, each once
 *	exit_sim --mutants			worlds that lie: each must be caught
 *
 * Status 0: all promises held (or each lie was caught); 1: not; 2: usage.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim.h"

#define SHARES_MAX 64

/* Statuses of a share, clear of those that sanitizers end a process with. */
#define BROKEN_STATUS 100
#define BROKEN_MAX    100

static const char *const mutants[MUTANT_COUNT] = {
	"none", "drained-lies", "level-lies", "lever-lies", "canary-lies", "undo-wide", "levers-deaf", "disk-forks",
	"look-lies",
};

#ifdef __SANITIZE_ADDRESS__
/* Thousands of worlds are made of small pieces; say ASAN_OPTIONS=malloc_context_size=30 to see where one comes from. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "malloc_context_size=0:quarantine_size_mb=4";
}
#endif

static int run_one(uint64_t seed, bool trace, enum sim_mutant mutant)
{
	struct sim_options options = { .seed = seed, .trace = trace, .mutant = mutant };
	char why[1500];
	uint64_t hash, again;

	if (sim_run(&options, why, &hash) == 0) {
		if (trace)
			printf("seed %llu holds (%016llx)\n", (unsigned long long)seed, (unsigned long long)hash);
		return 0;
	}
	printf("seed %llu: %s\n", (unsigned long long)seed, why);
	options.trace = false;
	if (sim_run(&options, why, &again) == 0 || again != hash)
		printf("seed %llu: and it did not replay\n", (unsigned long long)seed);
	printf("see it with: exit_sim --seed %llu%s%s --trace\n", (unsigned long long)seed, mutant ? " --mutant " : "",
	       mutant ? mutants[mutant] : "");
	return 1;
}

/* Every `step`th seed from `from` on; how many were broken, up to what an exit status can tell. */
static int run_share(uint64_t from, uint64_t end, uint64_t step, bool go_on)
{
	int broken = 0;

	for (uint64_t seed = from; seed < end && (!broken || go_on); seed += step)
		broken += run_one(seed, false, MUTANT_NONE);
	return broken < BROKEN_MAX ? broken : BROKEN_MAX;
}

/* A process for each processor: a world is one thread, and no two of them share anything. */
static int run_seeds(uint64_t from, uint64_t count, bool go_on)
{
	long shares = sysconf(_SC_NPROCESSORS_ONLN);
	int broken = 0, lost = 0, status;

	shares = shares < 1 ? 1 : shares > SHARES_MAX ? SHARES_MAX : shares;
	fflush(stdout);
	for (long i = 0; i < shares; i++) {
		pid_t child = fork();

		if (child == 0)
			exit(BROKEN_STATUS + run_share(from + (uint64_t)i, from + count, (uint64_t)shares, go_on));
		lost += child < 0;
	}
	while (wait(&status) > 0) {
		/* Whoever ends otherwise than by telling has found something too: a sanitizer has said what. */
		if (WIFEXITED(status) && WEXITSTATUS(status) >= BROKEN_STATUS)
			broken += WEXITSTATUS(status) - BROKEN_STATUS;
		else
			lost++;
	}
	printf("%llu seeds, %d broken\n", (unsigned long long)count, broken);
	if (lost)
		printf("and %d of %ld processes did not come to their end\n", lost, shares);
	return broken || lost ? 1 : 0;
}

#define MUTANT_SEEDS 400

static int run_mutants(void)
{
	int missed = 0;

	for (int mutant = 1; mutant < MUTANT_COUNT; mutant++) {
		struct sim_options options = { .mutant = (enum sim_mutant)mutant };
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
	fprintf(stderr, "usage: exit_sim --seeds N [--from N] [--all] | --seed N [--trace] [--mutant NAME] | --points | --mutants\n");
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
		else if (strcmp(argv[i], "--points") == 0)
			return sim_points();
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
	return seed ? run_one(seed, trace, (enum sim_mutant)mutant) : usage();
}
