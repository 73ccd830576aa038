/* lane.c - jobs in a row, on a thread or stepped. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "store/lane.h"

struct lane {
	pthread_mutex_t mutex;
	pthread_cond_t change;
	struct list jobs;
	bool ending, threaded;
	int nice;
	pthread_t thread;
	lane_wake *wake;
	void *context;
};

static struct job *take(struct lane *lane)
{
	struct job *job;

	if (list_empty(&lane->jobs))
		return NULL;
	job = container_of(lane->jobs.next, struct job, link);
	list_remove(&job->link);
	job->queued = false;
	return job;
}

static void *work(void *context)
{
	struct lane *lane = context;
	struct job *job;

	/* Of this thread alone, as Linux has it; where it may not be changed it stays as it is. */
	if (lane->nice)
		setpriority(PRIO_PROCESS, (id_t)gettid(), lane->nice);
	pthread_mutex_lock(&lane->mutex);
	while (!lane->ending) {
		job = take(lane);
		if (!job) {
			pthread_cond_wait(&lane->change, &lane->mutex);
			continue;
		}
		pthread_mutex_unlock(&lane->mutex);
		job->run(job);
		pthread_mutex_lock(&lane->mutex);
	}
	pthread_mutex_unlock(&lane->mutex);
	return NULL;
}

static struct lane *make(void)
{
	struct lane *lane = calloc(1, sizeof *lane);
	pthread_condattr_t monotonic;

	if (!lane)
		return NULL;
	list_init(&lane->jobs);
	pthread_mutex_init(&lane->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&lane->change, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return lane;
}

static void unmake(struct lane *lane)
{
	pthread_cond_destroy(&lane->change);
	pthread_mutex_destroy(&lane->mutex);
	free(lane);
}

int lane_new(const char *name, int nice, struct lane **out)
{
	struct lane *lane = make();
	sigset_t all, before;
	int failed;

	if (!lane)
		return ERR_MEMORY;
	lane->threaded = true;
	lane->nice = nice;
	sigfillset(&all); /* signals are for the program's own thread */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&lane->thread, NULL, work, lane);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed) {
		unmake(lane);
		return ERR_LIMIT;
	}
	pthread_setname_np(lane->thread, name);
	*out = lane;
	return 0;
}

int lane_new_stepped(lane_wake *wake, void *context, struct lane **out)
{
	struct lane *lane = make();

	if (!lane)
		return ERR_MEMORY;
	lane->wake = wake;
	lane->context = context;
	*out = lane;
	return 0;
}

void lane_post(struct lane *lane, struct job *job)
{
	bool first = false;

	pthread_mutex_lock(&lane->mutex);
	if (!job->queued) {
		first = list_empty(&lane->jobs);
		job->queued = true;
		list_append(&lane->jobs, &job->link);
		pthread_cond_signal(&lane->change);
	}
	/* Under the lock, so that whoever has taken the last job knows that nobody calls the waker any more. */
	if (first && lane->wake)
		lane->wake(lane->context);
	pthread_mutex_unlock(&lane->mutex);
}

bool lane_step(struct lane *lane)
{
	struct job *job;

	pthread_mutex_lock(&lane->mutex);
	job = take(lane);
	pthread_mutex_unlock(&lane->mutex);
	if (job)
		job->run(job);
	return job;
}

void lane_wait(struct lane *lane, int timeout_ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += timeout_ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&lane->mutex);
	while (list_empty(&lane->jobs) &&
	       pthread_cond_timedwait(&lane->change, &lane->mutex, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&lane->mutex);
}

void lane_free(struct lane *lane)
{
	if (!lane)
		return;
	pthread_mutex_lock(&lane->mutex);
	lane->ending = true;
	pthread_cond_signal(&lane->change);
	pthread_mutex_unlock(&lane->mutex);
	if (lane->threaded)
		pthread_join(lane->thread, NULL);
	while (take(lane))
		;
	unmake(lane);
}
