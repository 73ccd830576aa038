/* test_loop.c - timers, work on other threads, names, commands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "loop/bell.h"
#include "loop/dns.h"
#include "loop/exec.h"
#include "loop/loop.h"

struct play {
	struct loop *loop;
	struct timer *timer;
	bool done;
	int count;
	char order[10];
};

static void play_open(struct play *play)
{
	memset(play, 0, sizeof *play);
	assert_int_equal(loop_new(&clock_system, 1, &play->loop), 0);
}

static int play_wait(struct play *play, int64_t timeout_ms)
{
	int err = loop_until(play->loop, &play->done, loop_now_ms(play->loop) + timeout_ms);

	play->done = false;
	return err;
}

static void timer_done(void *owner)
{
	struct play *play = owner;

	timer_free(play->timer);
	play->timer = NULL;
	play->done = true;
}

static void timer_stops(void *owner)
{
	loop_stop(((struct play *)owner)->loop);
}

static void timers_fire_and_may_free_themselves(void **state)
{
	struct play play;

	play_open(&play);
	assert_int_equal(timer_new(play.loop, timer_done, &play, &play.timer), 0);
	timer_start(play.timer, 1);
	assert_int_equal(play_wait(&play, 10000), 0);
	assert_null(play.timer);
	assert_int_equal(play_wait(&play, 1), ERR_TIMEOUT);
	assert_int_equal(timer_new(play.loop, timer_stops, &play, &play.timer), 0);
	timer_start(play.timer, 0);
	assert_int_equal(loop_until(play.loop, &play.done, INT64_MAX), ERR_CANCELLED);
	timer_free(play.timer);
	loop_free(play.loop);
}

struct piece {
	struct play *play;
	uint64_t in, out;
};

static void piece_run(void *context)
{
	struct piece *piece = context;

	for (uint64_t i = 0; i <= piece->in; i++)
		piece->out += i;
}

static void piece_done(void *context)
{
	struct piece *piece = context;

	if (--piece->play->count == 0)
		piece->play->done = true;
}

static void work_is_done_elsewhere_and_told_here(void **state)
{
	static struct piece pieces[LOOP_WORK_MAX + 1];
	struct play play;

	play_open(&play);
	for (int i = 0; i < LOOP_WORK_MAX; i++) {
		pieces[i] = (struct piece){ &play, (uint64_t)i, 0 };
		assert_int_equal(loop_work(play.loop, piece_run, piece_done, &pieces[i]), 0);
		play.count++;
	}
	assert_int_equal(loop_work(play.loop, piece_run, piece_done, &pieces[LOOP_WORK_MAX]), ERR_LIMIT);
	assert_int_equal(play_wait(&play, 20000), 0);
	for (uint64_t i = 0; i < LOOP_WORK_MAX; i++)
		assert_int_equal(pieces[i].out, i * (i + 1) / 2);
	loop_free(play.loop);
}

static void signal_came(void *owner, int number)
{
	struct play *play = owner;

	play->count = number;
	play->done = true;
}

static void signals_are_told(void **state)
{
	struct signals *signals;
	struct play play;

	play_open(&play);
	assert_int_equal(signals_new(play.loop, signal_came, &play, &signals), 0);
	raise(SIGTERM);
	assert_int_equal(play_wait(&play, 10000), 0);
	assert_int_equal(play.count, SIGTERM);
	signals_free(signals);
	loop_free(play.loop);
}

static void resolved(void *owner, const struct dns_address *addresses, int count, const struct fault *fault)
{
	struct play *play = owner;

	play->count = count;
	play->done = true;
	assert_true((count == 0) == (fault != NULL));
	if (count > 0)
		assert_true(dns_is_address(addresses[0].text));
}

static void names_have_addresses_or_not(void **state)
{
	struct dns_query *query;
	struct play play;

	play_open(&play);
	assert_int_equal(dns_resolve(play.loop, "localhost", 80, resolved, &play, &query), 0);
	assert_int_equal(play_wait(&play, 20000), 0);
	assert_true(play.count > 0);
	assert_int_equal(dns_resolve(play.loop, "127.0.0.300", 80, resolved, &play, &query), 0);
	dns_cancel(query);
	loop_free(play.loop);
	assert_true(dns_is_address("::1"));
	assert_false(dns_is_address("broker.example"));
}

struct command {
	struct play play;
	struct exec *exec;
	int err, status, signal;
	char output[200], errors[200], fault[300];
};

static void command_done(void *owner, const struct exec_result *result)
{
	struct command *command = owner;

	command->err = result->err;
	command->status = result->status;
	command->signal = result->signal;
	snprintf(command->output, sizeof command->output, "%.*s", VIEW_ARGS(result->output));
	snprintf(command->errors, sizeof command->errors, "%.*s", VIEW_ARGS(result->errors));
	snprintf(command->fault, sizeof command->fault, "%s", result->fault ? result->fault->text : "");
	command->play.done = true;
}

static void run(struct command *command, const char *const *arguments, const char *input, int64_t timeout_ms)
{
	static const char *const environment[] = { "INTERLOCK_TEST=yes", "HOME=/nowhere", NULL };
	struct exec_options options = {
		.arguments = arguments,
		.environment = environment,
		.input = view_text(input),
		.timeout_ms = timeout_ms,
		.output_size_max = 100,
	};

	memset(command, 0, sizeof *command);
	play_open(&command->play);
	assert_int_equal(exec_start(command->play.loop, &options, command_done, command, &command->exec), 0);
	assert_int_equal(play_wait(&command->play, 20000), 0);
	exec_free(command->exec);
	loop_free(command->play.loop);
}

static void commands_run(void **state)
{
	struct command c;

	run(&c,
	    (const char *const[]){ "sh", "-c", "cat; echo $INTERLOCK_TEST $HOME; echo oh >&2; exit 3", NULL },
	    "in ", 20000);
	assert_int_equal(c.err, 0);
	assert_int_equal(c.status, 3);
	assert_string_equal(c.output, "in yes /nowhere\n");
	assert_string_equal(c.errors, "oh\n");

	run(&c, (const char *const[]){ "sh", "-c", "kill -9 $$", NULL }, "", 20000);
	assert_int_equal(c.status, -1);
	assert_int_equal(c.signal, SIGKILL);
}

static void commands_are_bounded(void **state)
{
	struct command c;

	run(&c, (const char *const[]){ "interlock-no-such-command", NULL }, "", 20000);
	assert_int_equal(c.err, ERR_NOT_FOUND);
	assert_non_null(strstr(c.fault, "interlock-no-such-command"));

	/* The grandchild holds the pipe and would sleep on: the whole group is ended. */
	run(&c, (const char *const[]){ "sh", "-c", "sleep 1000 & sleep 1000", NULL }, "", 50);
	assert_int_equal(c.err, ERR_TIMEOUT);
	assert_int_equal(c.signal, SIGKILL);

	run(&c, (const char *const[]){ "sh", "-c", "yes", NULL }, "", 20000);
	assert_int_equal(c.err, ERR_LIMIT);
}

/* Killed, and not reaped yet by whoever inherited it. */
static bool ended(long pid)
{
	char path[64], text[200] = "";
	const char *state;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	file = fopen(path, "r");
	if (!file)
		return true;
	if (!fgets(text, sizeof text, file))
		text[0] = 0;
	fclose(file);
	state = strrchr(text, ')');
	return !state || state[2] == 'Z' || state[2] == 'X';
}

/* Only the leader counts: its output up to its end, and its status; a child that it leaves behind holds nothing up. */
static void a_grandchild_is_not_waited_for(void **state)
{
	struct exec_options options = {
		.arguments = (const char *const[]){ "/bin/sh", "-c",
						    "echo answer; sleep 1000 & echo $!; exit 3", NULL },
		.timeout_ms = 60000,
		.output_size_max = 100,
		.leader_only = true,
	};
	struct command c = { 0 };
	long child;

	play_open(&c.play);
	assert_int_equal(exec_start(c.play.loop, &options, command_done, &c, &c.exec), 0);
	assert_int_equal(play_wait(&c.play, 30000), 0);
	exec_free(c.exec);
	assert_int_equal(c.err, 0);
	assert_int_equal(c.status, 3);
	assert_memory_equal(c.output, "answer\n", 7);
	/* It was left alone, too: a lever may well start a service. */
	child = strtol(c.output + 7, NULL, 10);
	assert_true(child > 1);
	assert_int_equal(kill((pid_t)child, 0), 0);
	kill((pid_t)child, SIGKILL);

	options.arguments = (const char *const[]){ "/bin/sh", "-c", "yes | head -c 500; exit 0", NULL };
	assert_int_equal(exec_start(c.play.loop, &options, command_done, &c, &c.exec), 0);
	assert_int_equal(play_wait(&c.play, 30000), 0);
	exec_free(c.exec);
	assert_int_equal(c.err, ERR_LIMIT);

	/* At the time limit the whole group goes. */
	options.arguments =
		(const char *const[]){ "/bin/sh", "-c", "sleep 1000 & echo $!; sleep 1000", NULL };
	options.timeout_ms = 300;
	assert_int_equal(exec_start(c.play.loop, &options, command_done, &c, &c.exec), 0);
	assert_int_equal(play_wait(&c.play, 30000), 0);
	exec_free(c.exec);
	assert_int_equal(c.err, ERR_TIMEOUT);
	child = strtol(c.output, NULL, 10);
	assert_true(child > 1);
	for (int i = 0; i < 1000 && kill((pid_t)child, 0) == 0 && !ended(child); i++)
		usleep(10000);
	assert_true(kill((pid_t)child, 0) < 0 || ended(child));
	loop_free(c.play.loop);
}

static void an_environment_may_be_all_there_is(void **state)
{
	static const char *const environment[] = { "ONLY=this", NULL };
	struct exec_options options = {
		.arguments = (const char *const[]){ "/usr/bin/env", NULL },
		.environment = environment,
		.environment_whole = true,
		.timeout_ms = 60000,
		.output_size_max = 150,
	};
	struct command c = { 0 };

	play_open(&c.play);
	assert_int_equal(exec_start(c.play.loop, &options, command_done, &c, &c.exec), 0);
	assert_int_equal(play_wait(&c.play, 30000), 0);
	exec_free(c.exec);
	loop_free(c.play.loop);
	assert_int_equal(c.status, 0);
	assert_string_equal(c.output, "ONLY=this\n");
}

static void commands_may_be_abandoned(void **state)
{
	struct exec_options options = {
		.arguments = (const char *const[]){ "sleep", "1000", NULL },
		.timeout_ms = 100000,
		.output_size_max = 100,
	};
	struct command c = { 0 };

	play_open(&c.play);
	assert_int_equal(exec_start(c.play.loop, &options, command_done, &c, &c.exec), 0);
	exec_free(c.exec);
	loop_free(c.play.loop);
	assert_false(c.play.done);
}

static void lines_are_split(void **state)
{
	struct fault fault = { 0 };
	char **words;

	assert_int_equal(exec_split(" a 'b c'\t\"d \\\" e\" f\\ g $h '' ", &words, &fault), 0);
	assert_string_equal(words[0], "a");
	assert_string_equal(words[1], "b c");
	assert_string_equal(words[2], "d \" e");
	assert_string_equal(words[3], "f g");
	assert_string_equal(words[4], "$h");
	assert_string_equal(words[5], "");
	assert_null(words[6]);
	free(words);
	assert_int_equal(exec_split("a 'b", &words, &fault), ERR_CONFIG);
	assert_int_equal(exec_split("  ", &words, &fault), ERR_CONFIG);
}

#define RINGS 1000

struct ringer {
	struct play play;
	struct bell *bell;
};

static void bell_answered(void *owner)
{
	((struct ringer *)owner)->play.done = true;
}

static void *ring_often(void *context)
{
	struct ringer *ringer = context;

	for (int i = 0; i < RINGS; i++)
		bell_ring(ringer->bell);
	return NULL;
}

static void another_thread_wakes_the_loop(void **state)
{
	struct ringer ringer;
	pthread_t thread;

	play_open(&ringer.play);
	assert_int_equal(bell_new(ringer.play.loop, bell_answered, &ringer, &ringer.bell), 0);
	assert_int_equal(pthread_create(&thread, NULL, ring_often, &ringer), 0);
	assert_int_equal(play_wait(&ringer.play, 10000), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	/* One ring after the last answer is never lost. */
	while (play_wait(&ringer.play, 20) == 0)
		;
	bell_ring(ringer.bell);
	assert_int_equal(play_wait(&ringer.play, 10000), 0);
	bell_free(ringer.bell);
	loop_free(ringer.play.loop);
}

static volatile sig_atomic_t waiting;

/* As a busy machine does: nothing for three milliseconds.  When it comes once more, the wait has not ended. */
static void kept_from_the_processor(int number)
{
	struct timespec pause = { .tv_nsec = 3000000 };
	struct itimerval much_later = { .it_value = { .tv_sec = 20 } };

	(void)number;
	if (waiting > 1)
		abort();
	waiting++;
	nanosleep(&pause, NULL);
	setitimer(ITIMER_REAL, &much_later, NULL);
}

static void rung(void *owner)
{
	(void)owner;
}

/* Wherever the process is held up on its way to sleep, a deadline of a millisecond ends the sleep. */
static void a_deadline_is_not_slept_through(void **state)
{
	struct sigaction action = { .sa_handler = kept_from_the_processor, .sa_flags = SA_RESTART }, before;
	struct itimerval never = { 0 };
	struct play play;
	struct bell *bell; /* something to wait for that never comes */

	play_open(&play);
	assert_int_equal(bell_new(play.loop, rung, NULL, &bell), 0);
	assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
	for (int i = 0; i < 400; i++) {
		struct itimerval soon = { .it_value = { .tv_usec = 1 + i % 40 } };

		waiting = 1;
		setitimer(ITIMER_REAL, &soon, NULL);
		assert_int_equal(play_wait(&play, 1), ERR_TIMEOUT);
		setitimer(ITIMER_REAL, &never, NULL);
	}
	sigaction(SIGALRM, &before, NULL);
	bell_free(bell);
	loop_free(play.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_and_may_free_themselves),
		cmocka_unit_test(a_deadline_is_not_slept_through),
		cmocka_unit_test(work_is_done_elsewhere_and_told_here),
		cmocka_unit_test(signals_are_told),
		cmocka_unit_test(another_thread_wakes_the_loop),
		cmocka_unit_test(names_have_addresses_or_not),
		cmocka_unit_test(commands_run),
		cmocka_unit_test(commands_are_bounded),
		cmocka_unit_test(a_grandchild_is_not_waited_for),
		cmocka_unit_test(an_environment_may_be_all_there_is),
		cmocka_unit_test(commands_may_be_abandoned),
		cmocka_unit_test(lines_are_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
