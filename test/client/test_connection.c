/* test_connection.c - versions, pipelining, deadlines, and peers that are not what they should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "client/connection.h"
#include "client/fake_broker.h"

#define API_METADATA 3
#define API_VERSIONS 18

struct play {
	struct loop *loop;
	struct fake_broker broker;
	const struct cluster_config *config;
	struct connector *connector;
	struct connection *connection;
	bool ready, closed, done;
	bool free_when_ready;
	struct fault fault;
	int answers, failures, wanted;
	int last_correlation;
	int16_t last_error;
	struct frame *kept;
	struct timer *timer;
};

static struct play *the_play;

static void play_ready(void *owner)
{
	struct play *play = owner;

	play->ready = play->done = true;
	if (play->free_when_ready) {
		connection_free(play->connection);
		play->connection = NULL;
	}
}

static void play_closed(void *owner, const struct fault *fault)
{
	struct play *play = owner;

	assert_false(play->closed);
	play->closed = play->done = true;
	play->fault = *fault;
}

static const struct connection_events play_events = { play_ready, play_closed };

static void play_config(struct play *play, const char *more)
{
	char text[1000];

	snprintf(text, sizeof text, "bootstrap.servers=127.0.0.1:%u\n%s", play->broker.acceptor.port, more);
	assert_int_equal(config_parse(view_text(text), "test.properties", &play->config, &play->fault), 0);
}

static void play_begin(struct play *play,
		       void (*answer)(struct fake_peer *, const struct request_head *, struct view),
		       const char *more)
{
	memset(play, 0, sizeof *play);
	the_play = play;
	assert_int_equal(loop_new(&clock_system, 1, &play->loop), 0);
	fake_open(&play->broker, play->loop, answer);
	play->broker.context = play;
	play_config(play, more);
	assert_int_equal(connector_new(play->loop, play->config, &play->connector, &play->fault), 0);
	assert_int_equal(connection_new(play->connector, "127.0.0.1", play->broker.acceptor.port,
					&play_events, play, &play->connection),
			 0);
}

static void play_wait(struct play *play)
{
	assert_int_equal(loop_until(play->loop, &play->done, clock_monotonic_ms(&clock_system) + 20000), 0);
	play->done = false;
}

static void play_end(struct play *play)
{
	connection_free(play->connection);
	connector_free(play->connector);
	frame_release(play->kept);
	config_release(play->config);
	fake_close(&play->broker);
	timer_free(play->timer);
	loop_free(play->loop);
}

static void answered(void *context, const struct answer *answer)
{
	struct play *play = context;
	struct metadata_response response;
	struct arena arena;

	if (answer->err < 0) {
		play->failures++;
		assert_ptr_equal(answer->fault->err < 0 ? answer->fault : NULL, answer->fault);
	} else {
		arena_init(&arena, 1 << 26);
		assert_int_equal(message_read(answer->api->response, answer->version, answer->body, &arena,
					      &response, NULL),
				 0);
		assert_int_equal(response.controller_id, play->answers); /* in the order asked */
		arena_done(&arena);
		play->answers++;
	}
	if (play->answers + play->failures == play->wanted)
		play->done = true;
}

static int ask(struct play *play, int64_t timeout_ms, int32_t *out_id)
{
	struct metadata_request request;

	message_default(api_find(API_METADATA)->request, &request);
	play->wanted++;
	return connection_send(play->connection, API_METADATA, 9, &request,
			       loop_now_ms(play->loop) + timeout_ms, answered, play, out_id, &play->fault);
}

static void encode_metadata(struct fake_peer *peer, const struct request_head *head, struct buffer *out)
{
	struct metadata_response response;

	message_default(api_find(API_METADATA)->response, &response);
	response.controller_id = peer->state++;
	response.cluster_id = VIEW_LITERAL("fake");
	fake_encode(head, head->api_version, &response, out);
}

static void answer_well(struct fake_peer *peer, const struct request_head *head, struct view body)
{
	struct buffer out;

	buffer_init(&out, 1 << 20);
	if (head->api_key == API_VERSIONS)
		fake_versions(head, &out);
	else
		encode_metadata(peer, head, &out);
	fake_raw(peer, out.at, out.size);
	buffer_done(&out);
}

static void asks_and_hears_in_order(void **state)
{
	struct play play;

	play_begin(&play, answer_well, "");
	assert_int_equal(ask(&play, 1000, NULL), ERR_NETWORK); /* not connected yet */
	play.wanted = 0;
	play_wait(&play);
	assert_true(play.ready);
	for (int i = 0; i < CONNECTION_IN_FLIGHT_MAX; i++)
		assert_int_equal(ask(&play, 10000, NULL), 0);
	assert_int_equal(ask(&play, 10000, NULL), ERR_LIMIT);
	play.wanted--;
	assert_int_equal(connection_in_flight(play.connection), CONNECTION_IN_FLIGHT_MAX);
	play_wait(&play);
	assert_int_equal(play.answers, CONNECTION_IN_FLIGHT_MAX);
	assert_int_equal(connection_in_flight(play.connection), 0);
	assert_non_null(connection_api_versions(play.connection));
	play_end(&play);
}

static void may_be_freed_when_ready(void **state)
{
	struct play play;

	play_begin(&play, answer_well, "");
	play.free_when_ready = true;
	play_wait(&play);
	assert_null(play.connection);
	play_end(&play);
}

/* A broker that knows ApiVersions up to 3 says so in version 0. */
static void answer_as_old(struct fake_peer *peer, const struct request_head *head, struct view body)
{
	struct api_versions_response_api_key keys[2] = { { .api_key = 18, .max_version = 3 },
							 { .api_key = 3, .max_version = 9 } };
	struct api_versions_response response;

	if (head->api_key != API_VERSIONS || head->api_version == 3) {
		answer_well(peer, head, body);
		return;
	}
	assert_int_equal(head->api_version, 4);
	message_default(api_find(API_VERSIONS)->response, &response);
	response.error_code = 35;
	response.api_keys.at = keys;
	response.api_keys.count = 2;
	fake_answer(peer, head, 0, &response);
}

static void falls_back_to_older_versions(void **state)
{
	struct play play;

	play_begin(&play, answer_as_old, "");
	play_wait(&play);
	assert_true(play.ready);
	assert_int_equal(ask(&play, 10000, NULL), 0);
	play_wait(&play);
	assert_int_equal(play.answers, 1);
	play_end(&play);
}

/* One that knows nothing but version 0, and lists nothing. */
static void answer_as_ancient(struct fake_peer *peer, const struct request_head *head, struct view body)
{
	struct api_versions_response response;

	message_default(api_find(API_VERSIONS)->response, &response);
	if (head->api_version > 0) {
		response.error_code = 35;
		fake_answer(peer, head, 0, &response);
	} else {
		answer_well(peer, head, body);
	}
}

static void falls_back_to_version_zero(void **state)
{
	struct play play;

	play_begin(&play, answer_as_ancient, "");
	play_wait(&play);
	assert_true(play.ready);
	play_end(&play);
}

/* Answers a byte at a time, each in a turn of the loop of its own. */
static struct buffer slow_bytes;
static size_t slow_at;
static struct fake_peer *slow_peer;

static void slow_turn(void *owner)
{
	struct play *play = owner;

	if (slow_at < slow_bytes.size)
		fake_raw(slow_peer, slow_bytes.at + slow_at++, 1);
	if (slow_at < slow_bytes.size)
		timer_start(play->timer, 0);
}

static void answer_slowly(struct fake_peer *peer, const struct request_head *head, struct view body)
{
	struct play *play = peer->broker->context;

	slow_peer = peer;
	if (head->api_key == API_VERSIONS)
		fake_versions(head, &slow_bytes);
	else
		encode_metadata(peer, head, &slow_bytes);
	if (!play->timer)
		assert_int_equal(timer_new(play->loop, slow_turn, play, &play->timer), 0);
	timer_start(play->timer, 0);
}

static void reads_a_byte_at_a_time(void **state)
{
	struct play play;

	buffer_init(&slow_bytes, 1 << 20);
	slow_at = 0;
	play_begin(&play, answer_slowly, "");
	play_wait(&play);
	assert_true(play.ready);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask(&play, 10000, NULL), 0);
	play_wait(&play);
	assert_int_equal(play.answers, 3);
	play_end(&play);
	buffer_done(&slow_bytes);
}

/* Hangs up after so many bytes of the answer. */
static size_t cut_after;

static void cut_hang_up(void *owner)
{
	(void)owner;
	fake_hang_up(slow_peer);
}

static void answer_cut(struct fake_peer *peer, const struct request_head *head, struct view body)
{
	struct play *play = peer->broker->context;
	struct buffer out;

	if (head->api_key == API_VERSIONS) {
		answer_well(peer, head, body);
		return;
	}
	buffer_init(&out, 1 << 20);
	encode_metadata(peer, head, &out);
	if (cut_after > 0)
		fake_raw(peer, out.at, cut_after < out.size ? cut_after : out.size);
	slow_peer = peer;
	slow_at = out.size;
	buffer_done(&out);
	assert_int_equal(timer_new(play->loop, cut_hang_up, play, &play->timer), 0);
	timer_start(play->timer, 1);
}

static void ends_wherever_the_peer_hangs_up(void **state)
{
	slow_at = 1;
	for (cut_after = 0; cut_after < slow_at; cut_after++) {
		struct play play;

		play_begin(&play, answer_cut, "");
		play_wait(&play);
		assert_true(play.ready);
		assert_int_equal(ask(&play, 10000, NULL), 0);
		play_wait(&play);
		assert_int_equal(play.failures, 1);
		if (!play.closed)
			play_wait(&play);
		assert_int_equal(play.fault.err, ERR_NETWORK);
		assert_int_equal(ask(&play, 10000, NULL), ERR_NETWORK);
		play_end(&play);
	}
}

static void answer_versions_only(struct fake_peer *peer, const struct request_head *head, struct view body)
{
	if (head->api_key == API_VERSIONS)
		answer_well(peer, head, body);
}

static void late_answers_close_the_connection(void **state)
{
	struct play play;
	int32_t id;

	play_begin(&play, answer_versions_only, "");
	play_wait(&play);
	assert_int_equal(ask(&play, 60000, NULL), 0);
	assert_int_equal(ask(&play, 20, NULL), 0);
	assert_int_equal(ask(&play, 60000, &id), 0);
	connection_forget(play.connection, id);
	play.wanted = 2;
	play_wait(&play);
	assert_int_equal(play.failures, 2);
	if (!play.closed)
		play_wait(&play);
	assert_int_equal(play.fault.err, ERR_TIMEOUT);
	assert_non_null(strstr(play.fault.text, "no answer to Metadata within"));
	play_end(&play);
}

static void idle_connections_are_closed(void **state)
{
	struct play play;

	play_begin(&play, answer_well, "connections.max.idle.ms=20\n");
	play_wait(&play);
	assert_true(play.ready);
	play_wait(&play);
	assert_true(play.closed);
	assert_int_equal(play.fault.err, ERR_CANCELLED);
	play_end(&play);
}

static void answer_http(struct fake_peer *peer, const struct request_head *head, struct view body)
{
	fake_raw(peer, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
}

static void answer_tls_alert(struct fake_peer *peer, const struct request_head *head, struct view body)
{
	fake_raw(peer, "\x15\x03\x03\x00\x02\x02\x46", 7);
}

static void answer_noise(struct fake_peer *peer, const struct request_head *head, struct view body)
{
	fake_raw(peer, "SSH-2.0-OpenSSH_9.2\r\n", 21);
}

static void answer_wrong_number(struct fake_peer *peer, const struct request_head *head, struct view body)
{
	struct request_head other = *head;

	other.correlation_id += 7;
	fake_answer_versions(peer, &other);
}

static void answer_twice(struct fake_peer *peer, const struct request_head *head, struct view body)
{
	fake_answer_versions(peer, head);
	fake_answer_versions(peer, head);
}

static void answer_hanging_up(struct fake_peer *peer, const struct request_head *head, struct view body)
{
	fake_hang_up(peer);
}

static void strange_peers_are_named(void **state)
{
	static const struct {
		void (*answer)(struct fake_peer *, const struct request_head *, struct view);
		int err;
		const char *words;
	} peers[] = {
		{ answer_http, ERR_NETWORK, "an HTTP server" },
		{ answer_tls_alert, ERR_TLS, "speaks TLS" },
		{ answer_noise, ERR_NETWORK, "53 53 48 2d" },
		{ answer_wrong_number, ERR_NETWORK, "number 7 where 0" },
		{ answer_twice, ERR_MALFORMED, "nobody asked for" },
		{ answer_hanging_up, ERR_NETWORK, "does this port want TLS" },
	};

	for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
		struct play play;

		play_begin(&play, peers[i].answer, "");
		while (!play.closed)
			play_wait(&play);
		assert_int_equal(play.fault.err, peers[i].err);
		if (!strstr(play.fault.text, peers[i].words))
			fail_msg("'%s' does not say '%s'", play.fault.text, peers[i].words);
		assert_non_null(strstr(play.fault.text, "127.0.0.1:"));
		play_end(&play);
	}
}

static void closed_ports_are_named(void **state)
{
	struct play play;

	play_begin(&play, answer_well, "");
	acceptor_close(&play.broker.acceptor);
	connection_free(play.connection);
	assert_int_equal(connection_new(play.connector, "localhost", play.broker.acceptor.port, &play_events,
					&play, &play.connection),
			 0);
	play_wait(&play);
	assert_int_equal(play.fault.err, ERR_NETWORK);
	assert_non_null(strstr(play.fault.text, "cannot connect to localhost:"));
	if (!strstr(play.fault.text, "127.0.0.1: Connection refused"))
		fail_msg("'%s'", play.fault.text);
	play_end(&play);
}

static void answer_large(struct fake_peer *peer, const struct request_head *head, struct view body)
{
	static uint8_t zeros[4 << 20];
	uint8_t size[4];

	if (head->api_key == API_VERSIONS) {
		answer_well(peer, head, body);
		return;
	}
	put_be32(size, sizeof zeros);
	put_be32(zeros, (uint32_t)head->correlation_id);
	fake_raw(peer, size, 4);
	fake_raw(peer, zeros, sizeof zeros);
}

static void kept(void *context, const struct answer *answer)
{
	struct play *play = context;

	assert_int_equal(answer->err, 0);
	play->kept = frame_hold(answer->frame);
	play->done = true;
}

static void large_answers_may_be_kept_and_are_limited(void **state)
{
	struct play play;
	struct metadata_request request;

	play_begin(&play, answer_large, "receive.message.max.bytes=4194304\n");
	play_wait(&play);
	message_default(api_find(API_METADATA)->request, &request);
	assert_int_equal(connection_send(play.connection, API_METADATA, 0, &request, INT64_MAX, kept, &play,
					 NULL, NULL),
			 0);
	play_wait(&play);
	assert_int_equal(play.kept->size, 4 << 20);
	assert_true(frame_pool_size(connector_frames(play.connector)) >= 4 << 20);
	play_end(&play); /* the frame outlives connection and connector; the sanitizer would know */

	play_begin(&play, answer_large, "receive.message.max.bytes=4194303\n");
	play_wait(&play);
	assert_int_equal(ask(&play, 10000, NULL), 0);
	play_wait(&play);
	if (!play.closed)
		play_wait(&play);
	assert_int_equal(play.fault.err, ERR_LIMIT);
	assert_non_null(strstr(play.fault.text, "receive.message.max.bytes"));
	play_end(&play);
}

/* A broker whose sessions live 200 ms (KIP-368), and that counts what it must not see. */
static int logins, out_of_turn;

static void answer_with_login(struct fake_peer *peer, const struct request_head *head, struct view body)
{
	struct sasl_handshake_response handshake;
	struct sasl_authenticate_response authenticated;
	struct view mechanism = VIEW_LITERAL("PLAIN");

	if (head->api_key == 17) {
		message_default(api_find(17)->response, &handshake);
		handshake.mechanisms.at = &mechanism;
		handshake.mechanisms.count = 1;
		fake_answer(peer, head, head->api_version, &handshake);
		peer->mind = peer; /* nothing but the login may come now */
	} else if (head->api_key == 36) {
		message_default(api_find(36)->response, &authenticated);
		authenticated.session_lifetime_ms = 200;
		authenticated.auth_bytes = VIEW_LITERAL("");
		fake_answer(peer, head, head->api_version, &authenticated);
		peer->mind = NULL;
		logins++;
	} else {
		out_of_turn += peer->mind != NULL;
		answer_well(peer, head, body);
	}
}

static void ask_three(void *owner)
{
	struct play *play = owner;

	for (int i = 0; i < 3 && logins < 4; i++)
		assert_int_equal(ask(play, 10000, NULL), 0);
	play->done |= logins >= 4;
	timer_start(play->timer, 1);
}

static void logs_in_again_between_requests(void **state)
{
	struct play play;

	logins = out_of_turn = 0;
	play_begin(&play, answer_with_login,
		   "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n"
		   "sasl.username=u\nsasl.password=p\n");
	play_wait(&play);
	assert_true(play.ready);
	assert_int_equal(timer_new(play.loop, ask_three, &play, &play.timer), 0);
	timer_start(play.timer, 0);
	while (logins < 4 || play.answers < play.wanted) {
		play_wait(&play);
		assert_false(play.closed);
	}
	assert_int_equal(out_of_turn, 0);
	assert_int_equal(play.failures, 0);
	play_end(&play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_and_hears_in_order),
		cmocka_unit_test(may_be_freed_when_ready),
		cmocka_unit_test(falls_back_to_older_versions),
		cmocka_unit_test(falls_back_to_version_zero),
		cmocka_unit_test(reads_a_byte_at_a_time),
		cmocka_unit_test(ends_wherever_the_peer_hangs_up),
		cmocka_unit_test(late_answers_close_the_connection),
		cmocka_unit_test(idle_connections_are_closed),
		cmocka_unit_test(strange_peers_are_named),
		cmocka_unit_test(closed_ports_are_named),
		cmocka_unit_test(logs_in_again_between_requests),
		cmocka_unit_test(large_answers_may_be_kept_and_are_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
