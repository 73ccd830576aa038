/* test_login.c - who may come in, as whom, and for how long: SaslHandshake and SaslAuthenticate without a socket. */
#include "broker/entrance.h"
#include "broker/guest.h"
#include "broker/login.h"

static struct plain_user users[] = { { "alice", "apple" }, { "bob", "pear" } };
static int failures;

static void failed(void *owner)
{
	failures++;
}

static int begin(void **state)
{
	loop_shift_ms = 0;
	return begin_with(state, "connections.max.reauth.ms", "10000");
}

static int end(void **state)
{
	loop_shift_ms = 0;
	return guest_end(state);
}

struct visitor {
	struct guest guest;
	struct login login;
	struct entrance entrance;
};

static void come(struct visitor *visitor, struct broker *broker)
{
	visitor->entrance = (struct entrance){ .broker = broker,
					       .name = "SASL",
					       .lower_name = "sasl",
					       .uses_login = true,
					       .host = "127.0.0.1",
					       .port = 9092,
					       .mechanisms = { "PLAIN", "SCRAM-SHA-256" },
					       .mechanism_count = 2,
					       .users = users,
					       .user_count = 2 };
	failures = 0;
	guest_come(&visitor->guest, broker);
	login_init(&visitor->login, &visitor->entrance, failed, NULL);
	visitor->guest.pipeline.login = &visitor->login;
}

static void leave(struct visitor *visitor)
{
	guest_leave(&visitor->guest);
	login_done(&visitor->login);
}

static int16_t handshake(struct visitor *visitor, const char *mechanism)
{
	struct sasl_handshake_request request;
	struct sasl_handshake_response response;

	message_default(&sasl_handshake_request_message, &request);
	request.mechanism = view_text(mechanism);
	guest_hear(&visitor->guest, API_SASL_HANDSHAKE, 1, &request, &response);
	return response.error_code;
}

static int16_t prove(struct visitor *visitor, const char *user, const char *password, int64_t *lifetime_ms)
{
	struct sasl_authenticate_request request;
	struct sasl_authenticate_response response;
	struct buffer token;

	buffer_init(&token, 1000);
	buffer_i8(&token, 0);
	buffer_text(&token, user);
	buffer_i8(&token, 0);
	buffer_text(&token, password);
	message_default(&sasl_authenticate_request_message, &request);
	request.auth_bytes = buffer_bytes(&token);
	guest_hear(&visitor->guest, API_SASL_AUTHENTICATE, 1, &request, &response);
	buffer_done(&token);
	if (lifetime_ms)
		*lifetime_ms = response.session_lifetime_ms;
	return response.error_code;
}

static int16_t log_in(struct visitor *visitor, const char *user, const char *password)
{
	assert_int_equal(handshake(visitor, "PLAIN"), 0);
	return prove(visitor, user, password, NULL);
}

/* Is anything else served? */
static bool served(struct visitor *visitor)
{
	struct metadata_request request;
	int at = visitor->guest.count;

	message_default(&metadata_request_message, &request);
	request.topics.count = 0;
	guest_ask(&visitor->guest, API_METADATA, 9, &request);
	turn(visitor->guest.broker);
	assert_int_equal(visitor->guest.count + visitor->guest.broken, at + 1);
	return visitor->guest.count > at;
}

static void try_again(struct visitor *visitor)
{
	struct sasl_handshake_request request;
	int at = visitor->guest.count;

	message_default(&sasl_handshake_request_message, &request);
	request.mechanism = VIEW_LITERAL("PLAIN");
	guest_ask(&visitor->guest, API_SASL_HANDSHAKE, 1, &request);
	turn(visitor->guest.broker);
	assert_int_equal(visitor->guest.count, at);
	assert_true(visitor->guest.broken);
}

static void only_the_whole_password_lets_in(void **state)
{
	static const char *const wrong[][2] = { { "alice", "appl" },   { "alice", "" },
						{ "alice", "apples" }, { "alice", "appleapple" },
						{ "alice", "pear" },   { "bo", "pear" },
						{ "eve", "apple" } };
	struct visitor visitor;
	int64_t lifetime_ms;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		come(&visitor, *state);
		assert_int_equal(log_in(&visitor, wrong[i][0], wrong[i][1]),
				 KAFKA_SASL_AUTHENTICATION_FAILED);
		assert_int_equal(failures, 1);
		/* What comes behind it is not served, nor is another try. */
		if (i % 2)
			try_again(&visitor);
		else
			assert_false(served(&visitor));
		leave(&visitor);
	}
	come(&visitor, *state);
	assert_int_equal(handshake(&visitor, "PLAIN"), 0);
	assert_int_equal(prove(&visitor, "alice", "apple", &lifetime_ms), 0);
	assert_in_range(lifetime_ms, 9000, 10000);
	assert_true(view_is(login_principal(&visitor.login), "User:alice"));
	assert_true(served(&visitor));
	leave(&visitor);
}

static void nothing_is_served_before(void **state)
{
	struct visitor visitor;

	come(&visitor, *state);
	assert_false(served(&visitor));
	leave(&visitor);
	come(&visitor, *state);
	assert_int_equal(handshake(&visitor, "PLAIN"), 0);
	assert_false(served(&visitor));
	leave(&visitor);
	come(&visitor, *state);
	assert_int_equal(handshake(&visitor, "GSSAPI"), KAFKA_UNSUPPORTED_SASL_MECHANISM);
	leave(&visitor);
	come(&visitor, *state);
	assert_int_equal(prove(&visitor, "alice", "apple", NULL), KAFKA_ILLEGAL_SASL_STATE);
	leave(&visitor);
}

/* Who is in comes again as who he is, in the way that he came, before his time is over. */
static void again_and_in_time(void **state)
{
	struct visitor visitor;

	come(&visitor, *state);
	assert_int_equal(log_in(&visitor, "alice", "apple"), 0);
	loop_shift_ms += 9000;
	assert_int_equal(log_in(&visitor, "alice", "apple"), 0);
	loop_shift_ms += 9000;
	assert_true(served(&visitor));
	assert_int_equal(handshake(&visitor, "SCRAM-SHA-256"), KAFKA_UNSUPPORTED_SASL_MECHANISM);
	leave(&visitor);

	come(&visitor, *state);
	assert_int_equal(log_in(&visitor, "alice", "apple"), 0);
	assert_int_equal(log_in(&visitor, "bob", "pear"), KAFKA_SASL_AUTHENTICATION_FAILED);
	assert_false(served(&visitor));
	leave(&visitor);

	come(&visitor, *state);
	assert_int_equal(log_in(&visitor, "alice", "apple"), 0);
	loop_shift_ms += 11000;
	assert_false(served(&visitor));
	leave(&visitor);
}

/* Where a certificate says who it is: whose name is too long to be kept is nobody, and not ANONYMOUS, who may have rights. */
static void a_name_too_long_is_not_anonymous(void **state)
{
	char subject[5001];
	struct visitor visitor;

	memset(subject, 'x', sizeof subject - 1);
	memcpy(subject, "CN=", 3);
	for (size_t size = 4000; size <= 5000; size += 1000) {
		come(&visitor, *state);
		visitor.login.state = LOGIN_OPEN;
		login_certificate(&visitor.login, view_of((const uint8_t *)subject, size));
		assert_int_equal(served(&visitor), size == 4000);
		leave(&visitor);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_whole_password_lets_in),
		cmocka_unit_test(nothing_is_served_before),
		cmocka_unit_test(again_and_in_time),
		cmocka_unit_test(a_name_too_long_is_not_anonymous),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
