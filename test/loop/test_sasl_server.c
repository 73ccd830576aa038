/* test_sasl_server.c - the side that lets people in, against our own client, and against clients that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/sasl.h"
#include "loop/sasl_server.h"

#define USER     "al,i=ce"
#define PASSWORD "pencil, with = and ,"
#define TOKEN    "header.claims.signature"
#define REFUSAL  "{\"status\":\"invalid_token\"}"

static bool plain_user(void *context, struct view user, struct view password)
{
	(void)context;
	return view_is(user, USER) && view_is(password, PASSWORD);
}

static bool scram_user(void *context, struct view user, struct scram_credential *out)
{
	return view_is(user, USER) && scram_credential_of_password(context, VIEW_LITERAL(PASSWORD),
								   VIEW_LITERAL("some salt"), 4096, out);
}

static bool token_owner(void *context, struct view token, struct buffer *user)
{
	(void)context;
	buffer_text(user, USER);
	return view_is(token, TOKEN);
}

static struct sasl_server *serve(const char *mechanism)
{
	struct sasl_server_options options = { .mechanism = mechanism,
					       .plain = plain_user,
					       .scram = scram_user,
					       .bearer = token_owner,
					       .context = (void *)(uintptr_t)mechanism };
	struct sasl_server *server;

	assert_int_equal(sasl_server_new(&options, &server), 0);
	return server;
}

/* One step with bytes in an allocation of their own, so that a look past them is found.  `out` may be NULL. */
static int say(struct sasl_server *server, struct view in, struct buffer *out, struct fault *fault)
{
	uint8_t *copy = malloc(in.size ? in.size : 1);
	struct buffer own;
	int result;

	assert_non_null(copy);
	if (in.size)
		memcpy(copy, in.at, in.size);
	buffer_init(&own, 100000);
	result = sasl_server_step(server, view_of(copy, in.size), out ? out : &own, fault);
	buffer_done(&own);
	free(copy);
	return result;
}

/* The first word of a client, and what the server makes of it. */
static int first(const char *mechanism, struct view in, struct fault *fault)
{
	struct sasl_server *server = serve(mechanism);
	int result = say(server, in, NULL, fault);

	/* What has failed stays so. */
	if (result < 0 && strcmp(mechanism, "PLAIN") == 0)
		assert_int_equal(say(server, VIEW_LITERAL("\0" USER "\0" PASSWORD), NULL, NULL),
				 ERR_MALFORMED);
	sasl_server_free(server);
	return result;
}

/* Both sides to the end: what the server says last, and in `*client` what the client does. */
static int converse(const char *mechanism, const char *user, const char *password, const char *token,
		    int *client)
{
	struct sasl_options options = {
		.mechanism = mechanism, .username = user, .password = password, .token = token
	};
	struct sasl_server *server = serve(mechanism);
	struct buffer asked, said;
	struct sasl *sasl;
	int result = 0;

	buffer_init(&asked, 100000);
	buffer_init(&said, 100000);
	assert_int_equal(sasl_client_new(&options, &sasl, NULL), 0);
	for (int i = 0; i < 5 && result == 0; i++) {
		buffer_reset(&asked);
		*client = sasl_step(sasl, buffer_bytes(&said), &asked, NULL);
		if (*client < 0)
			break;
		buffer_reset(&said);
		result = say(server, buffer_bytes(&asked), &said, NULL);
	}
	if (result == 1) {
		assert_true(view_is(sasl_server_user(server), USER));
		if (*client == 0)
			*client = sasl_step(sasl, buffer_bytes(&said), &asked, NULL);
	}
	buffer_done(&asked);
	buffer_done(&said);
	sasl_free(sasl);
	sasl_server_free(server);
	return result;
}

static void who_belongs_here_comes_in(void **state)
{
	static const char *const mechanisms[] = { "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER" };
	int client;

	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_true(sasl_server_knows(mechanisms[i]));
		assert_int_equal(converse(mechanisms[i], USER, PASSWORD, TOKEN, &client), 1);
		assert_int_equal(client, 1);
	}
}

static void who_does_not_stays_out(void **state)
{
	int client;

	(void)state;
	assert_int_equal(converse("PLAIN", USER, "guess", NULL, &client), ERR_LOGIN);
	assert_int_equal(converse("PLAIN", "bob", PASSWORD, NULL, &client), ERR_LOGIN);
	assert_int_equal(converse("SCRAM-SHA-256", USER, "guess", NULL, &client), ERR_LOGIN);
	assert_int_equal(converse("SCRAM-SHA-512", "bob", PASSWORD, NULL, &client), ERR_LOGIN);
	assert_int_equal(converse("OAUTHBEARER", NULL, NULL, "other.token.here", &client), 0);
	assert_int_equal(client, ERR_LOGIN); /* our own client reads the refusal, and has had enough */
}

static void an_unknown_mechanism_is_none(void **state)
{
	struct sasl_server_options options = { .mechanism = "SCRAM-SHA-1" };
	struct scram_credential credential;
	struct sasl_server *server;

	(void)state;
	assert_false(sasl_server_knows("GSSAPI"));
	assert_int_equal(sasl_server_new(&options, &server), ERR_UNSUPPORTED);
	assert_false(
		scram_credential_of_password("PLAIN", VIEW_LITERAL("x"), VIEW_LITERAL("y"), 1, &credential));
	assert_false(scram_credential_of_salted("SCRAM-SHA-256", VIEW_LITERAL("short"), VIEW_LITERAL("y"), 1,
						&credential));
	sasl_server_free(NULL);
}

struct word {
	struct view in;
	int result;
};

static void words_that_plain_does_not_take(void **state)
{
	static const struct word words[] = {
		{ VIEW_LITERAL(""), ERR_MALFORMED },
		{ VIEW_LITERAL("\0"), ERR_MALFORMED },
		{ VIEW_LITERAL("\0\0"), ERR_MALFORMED },
		{ VIEW_LITERAL("\0" USER), ERR_MALFORMED },
		{ VIEW_LITERAL("\0" USER "\0"), ERR_MALFORMED },
		{ VIEW_LITERAL("\0\0" PASSWORD), ERR_MALFORMED },
		{ VIEW_LITERAL("\0" USER "\0" PASSWORD "\0"), ERR_MALFORMED },
		{ VIEW_LITERAL("\0\xff\xfe\0" PASSWORD), ERR_MALFORMED },
		{ VIEW_LITERAL("bob\0" USER "\0" PASSWORD), ERR_LOGIN }, /* nobody acts for another */
		{ VIEW_LITERAL(USER "\0" USER "\0" PASSWORD), 1 },
	};
	struct fault fault;
	char *large = calloc(1, 10000);

	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		assert_int_equal(first("PLAIN", words[i].in, &fault), words[i].result);
	assert_non_null(large);
	memset(large + 1, 'x', 9999);
	large[2000] = 0; /* a user of two thousand, and then a password of eight */
	assert_int_equal(first("PLAIN", view_of(large, 4000), &fault), ERR_MALFORMED);
	large[2000] = 'x';
	large[5] = 0;
	assert_int_equal(first("PLAIN", view_of(large, 10000), &fault), ERR_MALFORMED);
	free(large);
}

static void words_that_scram_does_not_take(void **state)
{
	static const struct word words[] = {
		{ VIEW_LITERAL(""), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,n=bob"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,n=bob,r="), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,r=abc,n=bob"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,n=,r=abc"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,n=b=2Xb,r=abc"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,n=b=,r=abc"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,n=b\xff,r=abc"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,m=x,n=al=2Ci=3Dce,r=abc"), ERR_MALFORMED }, /* a mandatory extension */
		{ VIEW_LITERAL("p=tls-unique,,n=al=2Ci=3Dce,r=abc"), ERR_MALFORMED }, /* channel binding */
		{ VIEW_LITERAL("n,,n=bob,r=abc"), ERR_LOGIN },
		{ VIEW_LITERAL("n,a=bob,n=al=2Ci=3Dce,r=abc"), ERR_LOGIN },
		{ VIEW_LITERAL("n,x=al=2Ci=3Dce,n=al=2Ci=3Dce,r=abc"), ERR_LOGIN },
		{ VIEW_LITERAL("n,a=al=2Ci=3Dce,n=al=2Ci=3Dce,r=abc"), 0 },
		{ VIEW_LITERAL("y,,n=al=2Ci=3Dce,r=abc,x=y"), 0 },
	};
	struct fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		assert_int_equal(first("SCRAM-SHA-256", words[i].in, &fault), words[i].result);
}

/* The second message of SCRAM, with the server's own nonce where it says $. */
static int second(const char *words, struct fault *fault)
{
	struct sasl_server *server = serve("SCRAM-SHA-256");
	struct buffer said;
	char nonce[200];
	struct buffer text;
	int result;

	buffer_init(&said, 10000);
	assert_int_equal(say(server, VIEW_LITERAL("n,,n=al=2Ci=3Dce,r=abc"), &said, fault), 0);
	assert_int_equal(sscanf(buffer_string(&said), "r=%199[^,]", nonce), 1);
	assert_int_equal(strncmp(nonce, "abc", 3), 0);
	assert_true(strlen(nonce) > 20);
	buffer_init(&text, 1000);
	for (; *words; words++)
		buffer_put(&text, *words == '$' ? nonce : words, *words == '$' ? strlen(nonce) : 1);
	result = say(server, buffer_bytes(&text), NULL, fault);
	buffer_done(&text);
	buffer_done(&said);
	sasl_server_free(server);
	return result;
}

#define PROOF "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static void proofs_that_are_none(void **state)
{
	struct fault fault;

	(void)state;
	assert_int_equal(second("c=biws,r=$,p=" PROOF, &fault), ERR_LOGIN);
	assert_int_equal(second("c=biws,r=$,x=y,p=" PROOF, &fault), ERR_LOGIN);
	assert_int_equal(second("c=biws,r=abc,x=$,p=" PROOF, &fault), ERR_MALFORMED);
	assert_int_equal(second("c=eSws,r=$,p=" PROOF, &fault), ERR_MALFORMED); /* y,, was not said */
	assert_int_equal(second("r=$,p=" PROOF, &fault), ERR_MALFORMED);
	assert_int_equal(second("c=biws,r=$", &fault), ERR_MALFORMED);
	assert_int_equal(second("c=biws,r=$,p=", &fault), ERR_MALFORMED);
	assert_int_equal(second("c=biws,r=$,p=AAAA", &fault), ERR_MALFORMED);
	assert_int_equal(second("c=biws,r=$,p=!" PROOF, &fault), ERR_MALFORMED);
	assert_int_equal(second("p=$,p=" PROOF, &fault), ERR_MALFORMED);
	assert_int_equal(second("", &fault), ERR_MALFORMED);
}

static void words_that_bearers_do_not_say(void **state)
{
	static const struct word words[] = {
		{ VIEW_LITERAL(""), ERR_MALFORMED },
		{ VIEW_LITERAL("\1"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,\1\1"), ERR_MALFORMED },
		{ VIEW_LITERAL("y,,\1auth=Bearer " TOKEN "\1\1"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,\1auth=Bearer " TOKEN "\1\1"), ERR_MALFORMED },
		{ VIEW_LITERAL(",,\1auth=Bearer " TOKEN "\1\1"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,x\1auth=Bearer " TOKEN "\1\1"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,b=x,\1auth=Bearer " TOKEN "\1\1"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,a=b=,\1auth=Bearer " TOKEN "\1\1"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,\1auth=Bearer " TOKEN "\1"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,\1auth=Bearer " TOKEN), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,\1auth=Bearer " TOKEN "\1\1x"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,\1auth=Bearer\1\1"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,\1auth=Bearer  \1\1"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,\1auth=Basic " TOKEN "\1\1"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,\1=x\1auth=Bearer " TOKEN "\1\1"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,\1x\1auth=Bearer " TOKEN "\1\1"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,\1x1=y\1auth=Bearer " TOKEN "\1\1"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,\1x=\0\1auth=Bearer " TOKEN "\1\1"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,\1x=\x7f\1auth=Bearer " TOKEN "\1\1"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,\1auth=Bearer " TOKEN "\1auth=Bearer " TOKEN "\1\1"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,a=bob,\1auth=Bearer " TOKEN "\1\1"), ERR_LOGIN },
		{ VIEW_LITERAL("n,a=al=2Ci=3Dce,\1auth=Bearer " TOKEN "\1\1"), 1 },
		{ VIEW_LITERAL("n,,\1x=a\tb\r\n\1auth=BEARER  " TOKEN "\1y=z\1\1"), 1 },
	};
	struct fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		assert_int_equal(first("OAUTHBEARER", words[i].in, &fault), words[i].result);
}

static void a_refused_token_is_told_and_then_it_is_over(void **state)
{
	static const struct word answers[] = {
		{ VIEW_LITERAL("\1"), ERR_LOGIN },
		{ VIEW_LITERAL(""), ERR_MALFORMED },
		{ VIEW_LITERAL("\1\1"), ERR_MALFORMED },
		{ VIEW_LITERAL("n,,\1auth=Bearer " TOKEN "\1\1"), ERR_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct sasl_server *server = serve("OAUTHBEARER");
		struct fault fault = { 0 };
		struct buffer said;

		buffer_init(&said, 1000);
		assert_int_equal(say(server, VIEW_LITERAL("n,,\1auth=Bearer x.y.z\1\1"), &said, &fault), 0);
		assert_string_equal(buffer_string(&said), REFUSAL);
		assert_int_equal(sasl_server_user(server).size, 0);
		assert_int_equal(say(server, answers[i].in, NULL, &fault), answers[i].result);
		if (answers[i].result == ERR_LOGIN)
			assert_string_equal(fault.text, REFUSAL);
		assert_int_equal(say(server, VIEW_LITERAL("\1"), NULL, &fault), ERR_MALFORMED);
		buffer_done(&said);
		sasl_server_free(server);
	}
}

/* Every prefix of a good message, and every byte of it turned. */
static void cut_and_bent_messages(void **state)
{
	static const struct {
		const char *mechanism;
		struct view good;
	} all[] = {
		{ "PLAIN", VIEW_LITERAL(USER "\0" USER "\0" PASSWORD) },
		{ "SCRAM-SHA-512", VIEW_LITERAL("n,a=al=2Ci=3Dce,n=al=2Ci=3Dce,r=abc,x=y") },
		{ "OAUTHBEARER", VIEW_LITERAL("n,a=al=2Ci=3Dce,\1auth=Bearer " TOKEN "\1x=y\1\1") },
	};
	struct fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		uint8_t bent[200];

		for (size_t size = 0; size < all[i].good.size; size++)
			assert_true(first(all[i].mechanism, view_of(all[i].good.at, size), &fault) <= 0);
		for (size_t at = 0; at < all[i].good.size; at++) {
			memcpy(bent, all[i].good.at, all[i].good.size);
			bent[at] ^= 0x5a;
			first(all[i].mechanism, view_of(bent, all[i].good.size), &fault);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_belongs_here_comes_in),
		cmocka_unit_test(who_does_not_stays_out),
		cmocka_unit_test(an_unknown_mechanism_is_none),
		cmocka_unit_test(words_that_plain_does_not_take),
		cmocka_unit_test(words_that_scram_does_not_take),
		cmocka_unit_test(proofs_that_are_none),
		cmocka_unit_test(words_that_bearers_do_not_say),
		cmocka_unit_test(a_refused_token_is_told_and_then_it_is_over),
		cmocka_unit_test(cut_and_bent_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
