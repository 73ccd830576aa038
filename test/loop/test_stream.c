/* test_stream.c - streams over plain sockets and over TLS, both ends in one loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "loop/accept.h"
#include "loop/tls.h"

static char folder[] = "/tmp/interlock-stream-XXXXXX";

/* Certificates by the openssl command: a CA, another one, and servers that are right or wrong in one way each. */
static const char make_certificates[] =
	"cd %s && exec >/dev/null 2>&1\n"
	"ca() { openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=$1 -keyout $1.key -out $1.pem; "
	"}\n"
	"leaf() { openssl req -newkey rsa:2048 -nodes -subj /CN=$1 -keyout $1.key -out $1.csr &&\n"
	"  printf \"subjectAltName=$2\\n\" > $1.ext && openssl x509 -req -in $1.csr -CA $3.pem -CAkey $3.key "
	"\\\n"
	"  -CAcreateserial -days $4 -out $1.crt -extfile $1.ext && cat $1.key $1.crt $3.pem > $1.both; }\n"
	"ca ca && ca other && leaf good DNS:localhost,IP:127.0.0.1 ca 30 && leaf elsewhere "
	"DNS:broker.example,IP:10.1.2.3 ca 30 &&\n"
	"leaf stranger DNS:localhost,IP:127.0.0.1 other 30 && leaf client DNS:client ca 30 &&\n"
	"openssl rsa -aes128 -passout pass:open-sesame -in client.key -out locked.key &&\n"
	"mkdir d && : > index.txt && echo 01 > serial && printf "
	"'[ca]\\ndefault_ca=d\\n[d]\\ndatabase=index.txt\\nserial=serial\\n"
	"new_certs_dir=d\\ndefault_md=sha256\\npolicy=p\\n[p]\\ncommonName=supplied\\n' > ca.conf &&\n"
	"openssl req -newkey rsa:2048 -nodes -subj /CN=expired -keyout expired.key -out expired.csr &&\n"
	"printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\\n' > expired.ext &&\n"
	"openssl ca -batch -config ca.conf -cert ca.pem -keyfile ca.key -startdate 20200101000000Z -enddate "
	"20210203040506Z \\\n"
	"  -in expired.csr -out expired.crt -extfile expired.ext -notext && cat expired.key expired.crt > "
	"expired.both\n";

static int make_folder(void **state)
{
	char command[4000];

	if (!mkdtemp(folder))
		return -1;
	snprintf(command, sizeof command, make_certificates, folder);
	return system(command) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[100];

	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command) == 0 ? 0 : -1;
}

static const char *in_folder(const char *name)
{
	static char paths[8][100];
	static int next;
	char *path = paths[next++ % 8];

	snprintf(path, 100, "%s/%s", folder, name);
	return path;
}

/* One side of a conversation: says `bytes`, and keeps a count and a sum of what it hears. */
struct side {
	struct play *play;
	struct stream *stream;
	size_t to_say, said;
	int lent, returned; /* with `lends` of the play: pieces that the stream held */
	size_t heard;
	uint32_t sum;
	bool opened, closed;
	struct fault fault;
};

struct play {
	struct loop *loop;
	struct acceptor acceptor;
	struct side here, there; /* the one that connects, the one that was connected to */
	struct tls *tls_here, *tls_there;
	size_t wanted; /* bytes to be heard in all */
	bool done;
	size_t chunk;    /* the most that is read at once */
	bool lends;      /* what is said is held by the stream, but for a word in between */
	bool echo_noise; /* the other side answers something that is not TLS */
};

static uint8_t byte_at(size_t index)
{
	return (uint8_t)(index * 31 + index / 251);
}

/* What was lent may come back a little after its bytes were heard. */
static void look_done(struct play *play)
{
	if (play->wanted > 0 && play->here.heard + play->there.heard == play->wanted &&
	    play->here.returned == play->here.lent && play->there.returned == play->there.lent)
		play->done = true;
}

struct loan {
	struct side *side;
	struct iovec pieces[100];
	uint8_t bytes[70000];
};

static void returned(void *context)
{
	struct loan *loan = context;

	loan->side->returned++;
	look_done(loan->side->play);
	free(loan);
}

/* In a hundred pieces. */
static void lend(struct side *side)
{
	struct loan *loan = malloc(sizeof *loan);

	loan->side = side;
	for (size_t i = 0; i < sizeof loan->bytes; i++)
		loan->bytes[i] = byte_at(side->said + i);
	for (size_t i = 0; i < 100; i++)
		loan->pieces[i] = (struct iovec){ loan->bytes + 700 * i, 700 };
	side->said += sizeof loan->bytes;
	side->lent++;
	assert_int_equal(stream_write_held(side->stream, loan->pieces, 100, returned, loan), 0);
}

/* A few bytes that are copied. */
static void say_word(struct side *side)
{
	uint8_t word[10];
	struct iovec piece = { word, sizeof word };

	for (size_t i = 0; i < sizeof word; i++)
		word[i] = byte_at(side->said + i);
	side->said += sizeof word;
	assert_int_equal(stream_write(side->stream, &piece, 1), 0);
}

static void say_more(struct side *side)
{
	while (side->play->lends && side->said < side->to_say && stream_queued(side->stream) == 0) {
		lend(side);
		say_word(side);
	}
	uint8_t bytes[70000];

	while (side->said < side->to_say && stream_queued(side->stream) == 0) {
		size_t size =
			side->to_say - side->said < sizeof bytes ? side->to_say - side->said : sizeof bytes;
		struct iovec pieces[2];

		for (size_t i = 0; i < size; i++)
			bytes[i] = byte_at(side->said + i);
		pieces[0] = (struct iovec){ bytes, size / 3 };
		pieces[1] = (struct iovec){ bytes + size / 3, size - size / 3 };
		assert_int_equal(stream_write(side->stream, pieces, 2), 0);
		side->said += size;
	}
}

static void side_open(void *owner)
{
	struct side *side = owner;

	side->opened = true;
	say_more(side);
	if (side->play->wanted == 0 && side->play->here.opened && side->play->there.opened)
		side->play->done = true;
}

static void side_readable(void *owner)
{
	struct side *side = owner;
	uint8_t *bytes = malloc(side->play->chunk);
	ssize_t got;

	while ((got = stream_read(side->stream, bytes, side->play->chunk)) > 0)
		for (ssize_t i = 0; i < got; i++)
			if (bytes[i] != byte_at(side->heard++))
				side->sum++;
	free(bytes);
	look_done(side->play);
}

static void side_drained(void *owner)
{
	say_more(owner);
}

static void side_closed(void *owner, const struct fault *fault)
{
	struct side *side = owner;

	assert_false(side->closed);
	side->closed = true;
	side->fault = *fault;
	stream_free(side->stream);
	side->stream = NULL;
	if (side == &side->play->here)
		side->play->done = true;
}

static const struct stream_events side_events = { side_open, side_readable, side_drained, side_closed };

static void play_accepted(void *owner, int fd)
{
	struct play *play = owner;

	if (play->echo_noise) {
		assert_int_equal(write(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28), 28);
		close(fd);
		return;
	}
	assert_int_equal(stream_accepted(play->loop, fd, play->tls_there, 1 << 20, 5000, &side_events,
					 &play->there, &play->there.stream),
			 0);
}

static void play_open(struct play *play)
{
	memset(play, 0, sizeof *play);
	play->chunk = 10000;
	play->here.play = play->there.play = play;
	assert_int_equal(loop_new(&clock_system, 1, &play->loop), 0);
	assert_int_equal(acceptor_open(&play->acceptor, play->loop, play_accepted, play), 0);
}

static void play_connect(struct play *play, const char *host, int64_t timeout_ms)
{
	struct stream_target target = {
		.host = host,
		.port = play->acceptor.port,
		.timeout_ms = timeout_ms,
		.tls = play->tls_here,
		.write_queue_size_max = 1 << 20,
	};

	assert_int_equal(stream_connect(play->loop, &target, &side_events, &play->here, &play->here.stream),
			 0);
}

static void play_wait(struct play *play)
{
	assert_int_equal(loop_until(play->loop, &play->done, clock_monotonic_ms(&clock_system) + 20000), 0);
	play->done = false;
}

static void play_close(struct play *play)
{
	stream_free(play->here.stream);
	stream_free(play->there.stream);
	acceptor_close(&play->acceptor);
	loop_free(play->loop);
	tls_free(play->tls_here);
	tls_free(play->tls_there);
}

static struct tls *server_tls(const char *certificate, bool wants_certificate)
{
	struct tls_options options = {
		.certificate_file = in_folder(certificate),
		.ca_file = in_folder("ca.pem"),
		.verify = wants_certificate,
		.server = true,
	};
	struct fault fault = { 0 };
	struct tls *tls;

	if (tls_new(&options, &tls, &fault) < 0)
		fail_msg("%s", fault.text);
	return tls;
}

static struct tls *client_tls(struct tls_options options)
{
	struct fault fault = { 0 };
	struct tls *tls;

	if (tls_new(&options, &tls, &fault) < 0)
		fail_msg("%s", fault.text);
	return tls;
}

static void carries_bytes_both_ways(void **state)
{
	static const size_t chunks[] = { 1000, 16384, 1 << 20 };

	for (int with_tls = 0; with_tls < 2; with_tls++)
		for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
			struct play play;

			play_open(&play);
			if (with_tls) {
				play.tls_there = server_tls("good.both", false);
				play.tls_here =
					client_tls((struct tls_options){ .ca_file = in_folder("ca.pem"),
									 .verify = true,
									 .verify_host = true });
			}
			play.chunk = chunks[i];
			play.here.to_say = 1500000;
			play.there.to_say = 2500000;
			play.wanted = 4000000;
			play_connect(&play, with_tls ? "localhost" : "127.0.0.1", 10000);
			play_wait(&play);
			assert_int_equal(play.here.heard, 2500000);
			assert_int_equal(play.there.heard, 1500000);
			assert_int_equal(play.here.sum + play.there.sum, 0);
			assert_non_null(strstr(stream_peer(play.here.stream), "127.0.0.1"));
			play_close(&play);
		}
}

static void holds_what_it_is_lent(void **state)
{
	for (int with_tls = 0; with_tls < 2; with_tls++) {
		struct play play;

		play_open(&play);
		if (with_tls) {
			play.tls_there = server_tls("good.both", false);
			play.tls_here = client_tls((struct tls_options){ .ca_file = in_folder("ca.pem") });
		}
		play.lends = true;
		play.here.to_say = play.there.to_say = 100 * 70010;
		play.wanted = 2 * 100 * 70010;
		play_connect(&play, "127.0.0.1", 10000);
		play_wait(&play);
		assert_int_equal(play.here.sum + play.there.sum, 0);
		assert_int_equal(play.here.lent, 100);
		assert_int_equal(play.here.returned, 100);
		assert_int_equal(play.there.returned, 100);
		play_close(&play);
	}
}

static void returns_what_could_not_be_sent(void **state)
{
	struct play play;

	play_open(&play);
	play.lends = true;
	play_connect(&play, "127.0.0.1", 10000);
	play_wait(&play);
	stream_pause(play.there.stream, true);
	for (int i = 0; i < 200; i++)
		lend(&play.here);
	assert_true(stream_queued(play.here.stream) > 0);
	assert_true(play.here.returned < 200);
	stream_free(play.here.stream);
	play.here.stream = NULL;
	assert_int_equal(play.here.returned, 200);
	play_close(&play);
}

static void bounds_its_queue(void **state)
{
	static uint8_t bytes[1 << 20];
	struct iovec piece = { bytes, sizeof bytes };
	struct play play;
	int err = 0, count = 0;

	play_open(&play);
	play_connect(&play, "127.0.0.1", 10000);
	assert_int_equal(stream_write(play.here.stream, &piece, 1), ERR_NETWORK);
	play_wait(&play);
	stream_pause(play.there.stream, true);
	while (err == 0 && count++ < 100)
		err = stream_write(play.here.stream, &piece, 1);
	assert_int_equal(err, ERR_LIMIT);
	assert_true(stream_queued(play.here.stream) <= 1 << 20);
	play_close(&play);
}

static void tells_when_the_peer_hangs_up(void **state)
{
	struct play play;

	play_open(&play);
	play_connect(&play, "127.0.0.1", 10000);
	play_wait(&play);
	stream_free(play.there.stream);
	play.there.stream = NULL;
	play_wait(&play);
	assert_true(play.here.closed);
	assert_int_equal(play.here.fault.err, ERR_NETWORK);
	assert_non_null(strstr(play.here.fault.text, "closed the connection"));
	play_close(&play);
}

/* What is wrong with a handshake, and the words that must be in the fault. */
static void tls_faults_say_what_is_wrong(void **state)
{
	enum { SERVER_PLAIN, SERVER_NOISE, SERVER_TLS, SERVER_WANTS };
	static const struct {
		const char *certificate; /* the server's */
		int server;
		const char *ca, *own; /* the client's */
		const char *host;
		bool verify_host;
		int err; /* 0: it works */
		const char *words;
	} cases[] = {
		{ "good.both", SERVER_TLS, "ca.pem", NULL, "127.0.0.1", true, 0, NULL },
		{ "good.both", SERVER_TLS, "other.pem", NULL, "localhost", true, ERR_TLS,
		  "not trusted here" },
		{ "stranger.both", SERVER_TLS, "ca.pem", NULL, "localhost", true, ERR_TLS,
		  "not trusted here" },
		{ "good.both", SERVER_TLS, NULL, NULL, "localhost", true, ERR_TLS, "not trusted here" },
		{ "expired.both", SERVER_TLS, "ca.pem", NULL, "localhost", true, ERR_TLS,
		  "'CN=expired' expired on 2021-02-03 04:05" },
		{ "elsewhere.both", SERVER_TLS, "ca.pem", NULL, "localhost", true, ERR_TLS,
		  "not for 'localhost' but for broker.example, 10.1.2.3" },
		{ "elsewhere.both", SERVER_TLS, "ca.pem", NULL, "127.0.0.1", true, ERR_TLS,
		  "not for '127.0.0.1'" },
		{ "elsewhere.both", SERVER_TLS, "ca.pem", NULL, "localhost", false, 0, NULL },
		{ "good.both", SERVER_WANTS, "ca.pem", "client.both", "localhost", true, 0, NULL },
		{ "good.both", SERVER_WANTS, "ca.pem", NULL, "localhost", true, ERR_TLS,
		  "wants a client certificate" },
		{ "good.both", SERVER_WANTS, "ca.pem", "stranger.both", "localhost", true, ERR_TLS,
		  "refused our certificate" },
		{ NULL, SERVER_NOISE, "ca.pem", NULL, "localhost", true, ERR_TLS, "does not speak TLS" },
		{ NULL, SERVER_PLAIN, "ca.pem", NULL, "localhost", true, ERR_TIMEOUT,
		  "TLS handshake within" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct play play;

		play_open(&play);
		if (cases[i].server >= SERVER_TLS)
			play.tls_there = server_tls(cases[i].certificate, cases[i].server == SERVER_WANTS);
		play.echo_noise = cases[i].server == SERVER_NOISE;
		play.tls_here = client_tls((struct tls_options){
			.ca_file = cases[i].ca ? in_folder(cases[i].ca) : NULL,
			.certificate_file = cases[i].own ? in_folder(cases[i].own) : NULL,
			.verify = true,
			.verify_host = cases[i].verify_host,
		});
		play.here.to_say = play.wanted =
			100; /* in TLS 1.3 a refused certificate shows only after the handshake */
		play_connect(&play, cases[i].host, cases[i].err == ERR_TIMEOUT ? 100 : 10000);
		play_wait(&play);
		if (cases[i].err == 0) {
			assert_int_equal(play.there.heard, 100);
		} else {
			assert_true(play.here.closed);
			if (play.here.fault.err != cases[i].err ||
			    !strstr(play.here.fault.text, cases[i].words))
				fail_msg("case %zu: %d '%s' does not say '%s'", i, play.here.fault.err,
					 play.here.fault.text, cases[i].words);
		}
		play_close(&play);
	}
}

static void tls_options_are_checked(void **state)
{
	const struct {
		struct tls_options options;
		const char *words;
	} cases[] = {
		{ { .verify = true, .ca_file = "/no/such.pem" }, "/no/such.pem" },
		{ { .verify = true, .ca_file = in_folder("ca.key") }, "no PEM certificate" },
		{ { .certificate_file = in_folder("client.crt") }, "no PEM private key" },
		{ { .certificate_file = in_folder("client.crt"), .key_file = in_folder("good.key") },
		  "does not belong" },
		{ { .certificate_file = in_folder("client.crt"), .key_file = in_folder("locked.key") },
		  "is encrypted" },
		{ { .certificate_file = in_folder("client.crt"),
		    .key_file = in_folder("locked.key"),
		    .key_password = "wrong-word" },
		  "cannot be decrypted" },
		{ { .cipher_suites = "TLS_NO_SUCH" }, "TLS_NO_SUCH" },
		{ { .protocols = "TLSv1.1" }, "older ones" },
	};
	struct tls *tls;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fault fault = { 0 };

		assert_int_equal(tls_new(&cases[i].options, &tls, &fault), ERR_CONFIG);
		if (!strstr(fault.text, cases[i].words))
			fail_msg("case %zu: '%s' does not say '%s'", i, fault.text, cases[i].words);
		assert_null(strstr(fault.text, "wrong-word"));
	}
	tls_free(client_tls((struct tls_options){ .certificate_file = in_folder("client.crt"),
						  .key_file = in_folder("locked.key"),
						  .key_password = "open-sesame" }));
	tls_free(client_tls((struct tls_options){
		.cipher_suites = "TLS_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_bytes_both_ways),
		cmocka_unit_test(holds_what_it_is_lent),
		cmocka_unit_test(returns_what_could_not_be_sent),
		cmocka_unit_test(bounds_its_queue),
		cmocka_unit_test(tells_when_the_peer_hangs_up),
		cmocka_unit_test(tls_faults_say_what_is_wrong),
		cmocka_unit_test(tls_options_are_checked),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
