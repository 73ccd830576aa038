/*
 * fuzz_door.c - a client of the broker that sends anything: frames in any cut, over a real store, without a socket.
 *
 * Whatever it sends, the broker lives, answers no more than it was asked, and holds no request once the client has left and
 * what was under way has ended.  The first byte says how the bytes are cut (its lower six bits) and at which door the client
 * stands: the open one (00), or one with logins (01, 10, 11), where nothing may come to be before one has succeeded.
 */
#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "broker/access.h"
#include "broker/entrance.h"
#include "broker/login.h"
#include "broker/pipeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUTS_EACH_STORE 300 /* then a new one: what was written would slow the rest down */
#define TURNS_MAX         40

static struct loop *loop;
static struct broker *broker;
static char folder[100];
static int inputs, answers;
static bool broken, failed, was_in;
static struct login login;
static bool has_login;

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static void end(void)
{
	broker_free(broker);
	loop_free(loop);
	broker = NULL;
	loop = NULL;
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* One door with logins; short words, so that chance finds more of them. */
static void set_doors(struct properties *properties)
{
	static const char *const all[][2] = {
		{ "listeners", "SASL_PLAINTEXT://127.0.0.1:0" },
		{ "sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256,OAUTHBEARER" },
		{ "connections.max.reauth.ms", "3600000" },
		/* Every request is asked for, and what nobody has made a rule of is allowed. */
		{ "authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer" },
		{ "allow.everyone.if.no.acl.found", "true" },
		{ "log4j.logger.kafka.authorizer.logger", "DEBUG" },
		{ "listener.name.sasl_plaintext.plain.sasl.jaas.config",
		  "PlainLoginModule required user_a=\"b\";" },
		{ "listener.name.sasl_plaintext.oauthbearer.sasl.server.callback.handler.class",
		  "OAuthBearerUnsecuredValidatorCallbackHandler" },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (properties_set(properties, view_text(all[i][0]), view_text(all[i][1]), NULL) < 0)
			abort();
}

static void begin(void)
{
	const char *users[] = { "SCRAM-SHA-256=[name=a,password=b]", NULL };
	struct broker_options options = { .folder = folder, .host = "127.0.0.1", .scram_users = users };
	struct properties properties;
	struct fault fault = { 0 };

	log_set_level(LOG_ERROR);
	snprintf(folder, sizeof folder, "%s/interlock-fuzz-XXXXXX",
		 getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(folder))
		abort();
	properties_init(&properties);
	properties_set(&properties, VIEW_LITERAL("offsets.topic.num.partitions"), VIEW_LITERAL("2"), NULL);
	properties_set(&properties, VIEW_LITERAL("transaction.state.log.num.partitions"), VIEW_LITERAL("2"),
		       NULL);
	properties_set(&properties, VIEW_LITERAL("group.initial.rebalance.delay.ms"), VIEW_LITERAL("0"),
		       NULL);
	set_doors(&properties);
	options.properties = &properties;
	if (loop_new(&clock_system, 1, &loop) < 0 || broker_open(loop, &options, &broker, &fault) < 0) {
		fprintf(stderr, "%s\n", fault.text);
		abort();
	}
	properties_done(&properties);
}

static void sent(void *owner, struct view bytes)
{
	assert(bytes.size >= 4); /* an answer to a bare token has nothing but its length */
	answers++;
	was_in = was_in || login.state == LOGIN_DONE;
}

static void login_failed(void *owner)
{
	failed = true;
}

static size_t queued(void *owner)
{
	return 0;
}

static void paused(void *owner, bool is)
{
}

static void was_broken(void *owner, const char *why)
{
	broken = true;
}

static const struct pipeline_functions functions = { sent, queued, paused, was_broken };

static void turn(int ms)
{
	bool never = false;

	loop_until(loop, &never, loop_now_ms(loop) + ms);
}

static int topic_count(void)
{
	int count = 0;

	for (struct store_topic *topic = store_topic_next(broker->store, NULL); topic;
	     topic = store_topic_next(broker->store, topic))
		count++;
	return count;
}

/* Frames in the input, whole or not. */
static int frames_in(const uint8_t *data, size_t size)
{
	int count = 0;

	for (size_t at = 0; at + 4 <= size; count++) {
		size_t frame = (size_t)data[at] << 24 | (size_t)data[at + 1] << 16 |
			       (size_t)data[at + 2] << 8 | data[at + 3];

		if (frame > size - at - 4)
			break;
		at += 4 + frame;
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pipeline pipeline;
	size_t cut = size ? data[0] % 64 + 1 : 1;
	int topics;

	if (broker && ++inputs % INPUTS_EACH_STORE == 0)
		end();
	if (!broker) {
		if (inputs == 0)
			atexit(end);
		begin();
	}
	has_login = size && data[0] >> 6 != 0;
	if (size > 0) {
		data++; /* said how it is cut */
		size--;
	}
	answers = 0;
	broken = failed = was_in = false;
	topics = topic_count();
	pipeline_init(&pipeline, broker, &functions, NULL);
	login_init(&login, &broker->entrances->at[0], login_failed, NULL);
	pipeline.login = has_login ? &login : NULL;
	pipeline.client_host = "/127.0.0.1";
	for (size_t at = 0; at < size && !broken;) {
		size_t piece = cut == 64 || size - at < cut * 16 ? size - at : cut * 16;
		size_t room;
		uint8_t *direct = pipeline_direct(&pipeline, &room);

		if (direct) {
			piece = room < size - at ? room : size - at;
			memcpy(direct, data + at, piece);
			pipeline_filled(&pipeline, piece);
		} else {
			pipeline_feed(&pipeline, view_of(data + at, piece));
		}
		at += piece;
	}
	for (int i = 0; i < TURNS_MAX && pipeline.count > 0 && !broken; i++)
		turn(1);
	assert(answers <= frames_in(data, size));
	/* Who was never let in has changed nothing. */
	assert(!has_login || was_in || login.state == LOGIN_DONE || topic_count() == topics);
	assert(!failed || login.state == LOGIN_FAILED);
	pipeline_close(&pipeline);
	login_done(&login);
	for (int i = 0; i < TURNS_MAX && broker->request_bytes > 0; i++)
		turn(1);
	assert(broker->request_bytes == 0);
	/* Rules are for one input: the next finds a broker without any. */
	if (access_rules_count(access_rules_of(broker)) > 0) {
		assert(!has_login || was_in);
		end();
	}
	return 0;
}
