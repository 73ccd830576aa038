/* test_sasl.c - our side of each mechanism against GNU SASL's server, and against servers that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <gsasl.h>
#include <string.h>

#include "loop/sasl.h"

#define PASSWORD "pencil, with = and ,"

static int give(Gsasl *library, Gsasl_session *session, Gsasl_property property)
{
	(void)library;
	if (property == GSASL_PASSWORD) {
		gsasl_property_set(session, GSASL_PASSWORD, PASSWORD);
		return GSASL_OK;
	}
	if (property == GSASL_SCRAM_ITER) {
		gsasl_property_set(session, GSASL_SCRAM_ITER, "4096");
		return GSASL_OK;
	}
	if (property == GSASL_VALIDATE_SIMPLE)
		return strcmp(gsasl_property_fast(session, GSASL_PASSWORD), PASSWORD) == 0
			       ? GSASL_OK
			       : GSASL_AUTHENTICATION_ERROR;
	return GSASL_NO_CALLBACK;
}

/* Runs both sides; returns 1 when both are content, or the first error of ours; `server` is what the server said last. */
static int converse(const char *mechanism, const char *user, const char *password, int *server,
		    struct fault *fault)
{
	struct sasl_options options = { .mechanism = mechanism, .username = user, .password = password };
	struct sasl *sasl;
	Gsasl *library;
	Gsasl_session *session;
	char *said = NULL;
	size_t said_size = 0;
	int result = sasl_client_new(&options, &sasl, fault);

	if (result < 0)
		return result;
	assert_int_equal(gsasl_init(&library), GSASL_OK);
	gsasl_callback_set(library, give);
	assert_int_equal(gsasl_server_start(library, mechanism, &session), GSASL_OK);
	*server = GSASL_NEEDS_MORE;
	for (;;) {
		struct buffer out;

		buffer_init(&out, 100000);
		result = sasl_step(sasl, view_of(said ? said : "", said_size), &out, fault);
		gsasl_free(said);
		said = NULL;
		said_size = 0;
		if (result >= 0 && *server == GSASL_NEEDS_MORE)
			*server = gsasl_step(session, (const char *)out.at, out.size, &said, &said_size);
		buffer_done(&out);
		if (result != 0 || (*server != GSASL_NEEDS_MORE && *server != GSASL_OK))
			break;
	}
	gsasl_free(said);
	gsasl_finish(session);
	gsasl_done(library);
	sasl_free(sasl);
	return result;
}

static void the_right_password_logs_in(void **state)
{
	struct fault fault = { 0 };
	int server;

	assert_int_equal(converse("SCRAM-SHA-256", "user=a,b", PASSWORD, &server, &fault), 1);
	assert_int_equal(server, GSASL_OK);
	assert_int_equal(converse("PLAIN", "user", PASSWORD, &server, &fault), 1);
	assert_int_equal(server, GSASL_OK);
}

static void a_wrong_password_does_not(void **state)
{
	struct fault fault = { 0 };
	int server;

	converse("SCRAM-SHA-256", "user", "wrong-secret", &server, &fault);
	assert_int_equal(server, GSASL_AUTHENTICATION_ERROR);
	converse("PLAIN", "user", "wrong-secret", &server, &fault);
	assert_int_equal(server, GSASL_AUTHENTICATION_ERROR);
	assert_null(strstr(fault.text, "wrong-secret"));
}

/* A server that says `first`, and `last` after our proof; `nonce` stands for ours in what it says. */
static int lie(const char *mechanism, const char *first, const char *last, struct fault *fault)
{
	struct sasl_options options = { .mechanism = mechanism, .username = "u", .password = PASSWORD };
	struct sasl *sasl;
	struct buffer out, said;
	const char *nonce;
	int result;

	buffer_init(&out, 10000);
	buffer_init(&said, 10000);
	assert_int_equal(sasl_client_new(&options, &sasl, fault), 0);
	assert_int_equal(sasl_step(sasl, VIEW_LITERAL(""), &out, fault), 0);
	nonce = strstr(buffer_string(&out), "r=") + 2;
	if (*first == '+')
		buffer_printf(&said, "r=%s%s", nonce, first + 1);
	else
		buffer_text(&said, first);
	buffer_reset(&out);
	result = sasl_step(sasl, buffer_bytes(&said), &out, fault);
	if (result == 0 && last) {
		buffer_reset(&out);
		result = sasl_step(sasl, view_text(last), &out, fault);
	}
	sasl_free(sasl);
	buffer_done(&out);
	buffer_done(&said);
	return result;
}

static void servers_that_lie_are_found_out(void **state)
{
	static const struct {
		const char *first, *last;
		int err;
		const char *words;
	} lies[] = {
		{ "+x,s=c2FsdA==,i=4096", NULL, 0, NULL },
		{ "r=other,s=c2FsdA==,i=4096", NULL, ERR_LOGIN, "nonce" },
		{ "+,s=c2FsdA==,i=4096", NULL, ERR_LOGIN, "nonce" },
		{ "+x,s=!!,i=4096", NULL, ERR_MALFORMED, "salt" },
		{ "+x,i=4096", NULL, ERR_MALFORMED, "salt" },
		{ "+x,s=c2FsdA==", NULL, ERR_MALFORMED, "iteration" },
		{ "+x,s=c2FsdA==,i=1", NULL, ERR_LOGIN, "iterations" },
		{ "+x,s=c2FsdA==,i=2000000000", NULL, ERR_LOGIN, "iterations" },
		{ "+x,s=c2FsdA==,i=99999999999999999999", NULL, ERR_MALFORMED, "iteration" },
		{ "e=unknown-user", NULL, ERR_LOGIN, "unknown-user" },
		{ "", NULL, ERR_LOGIN, "nonce" },
		{ "+x,s=c2FsdA==,i=4096", "v=AAAA", ERR_LOGIN, "cannot prove" },
		{ "+x,s=c2FsdA==,i=4096", "", ERR_LOGIN, "cannot prove" },
		{ "+x,s=c2FsdA==,i=4096", "e=invalid-proof", ERR_LOGIN, "invalid-proof" },
	};

	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++)
		for (int k = 0; k < 2; k++) {
			struct fault fault = { 0 };

			assert_int_equal(lie(k ? "SCRAM-SHA-256" : "SCRAM-SHA-512", lies[i].first,
					     lies[i].last, &fault),
					 lies[i].err);
			if (lies[i].words)
				assert_non_null(strstr(fault.text, lies[i].words));
			assert_null(strstr(fault.text, "pencil"));
		}
}

static void tokens_are_sent_and_refused(void **state)
{
	struct sasl_options options = { .mechanism = "OAUTHBEARER",
					.token = "abc.def",
					.extensions = "a=b,c=d" };
	struct fault fault = { 0 };
	struct buffer out;
	struct sasl *sasl;

	buffer_init(&out, 1000);
	assert_int_equal(sasl_client_new(&options, &sasl, &fault), 0);
	assert_int_equal(sasl_step(sasl, VIEW_LITERAL(""), &out, &fault), 0);
	assert_string_equal(buffer_string(&out), "n,,\001auth=Bearer abc.def\001a=b\001c=d\001\001");
	buffer_reset(&out);
	assert_int_equal(sasl_step(sasl, VIEW_LITERAL(""), &out, &fault), 1);
	assert_int_equal(out.size, 0);
	sasl_free(sasl);
	options.extensions = NULL;
	assert_int_equal(sasl_client_new(&options, &sasl, &fault), 0);
	assert_int_equal(sasl_step(sasl, VIEW_LITERAL(""), &out, &fault), 0);
	assert_string_equal(buffer_string(&out), "n,,\001auth=Bearer abc.def\001\001");
	assert_int_equal(sasl_step(sasl, VIEW_LITERAL("{\"status\":\"invalid_token\"}"), &out, &fault),
			 ERR_LOGIN);
	assert_non_null(strstr(fault.text, "invalid_token"));
	sasl_free(sasl);
	buffer_done(&out);
}

static void what_is_missing_is_named(void **state)
{
	struct fault fault = { 0 };
	struct sasl *sasl;
	struct sasl_options options = { .mechanism = "SCRAM-SHA-256", .username = "u" };

	assert_int_equal(sasl_client_new(&options, &sasl, &fault), ERR_LOGIN);
	assert_non_null(strstr(fault.text, "sasl.password"));
	options.mechanism = "NTLM";
	assert_int_equal(sasl_client_new(&options, &sasl, &fault), ERR_UNSUPPORTED);
	assert_true(sasl_knows("GSSAPI"));
	assert_false(sasl_knows("scram"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_right_password_logs_in),
		cmocka_unit_test(a_wrong_password_does_not),
		cmocka_unit_test(servers_that_lie_are_found_out),
		cmocka_unit_test(tokens_are_sent_and_refused),
		cmocka_unit_test(what_is_missing_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
