/* test_act_sign.c - an act under its owner's key: any change, any copy, any other key asks for nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/text.h"
#include "exit/act_sign.h"
#include "exit/state_make.h"

#define NOW_MS 1795695377852

struct made {
	char path[40];
	struct note_key *key;
	json_t *keys, *act;
};

static struct note_key *open_key(char *path, size_t size)
{
	struct note_key *key;
	int number;

	snprintf(path, size, "/tmp/act_sign.XXXXXX");
	number = mkstemp(path);
	assert_true(number >= 0);
	close(number);
	unlink(path);
	assert_int_equal(note_key_open(path, true, &key, NULL), 0);
	return key;
}

static json_t *public_of(const struct note_key *key)
{
	uint8_t bytes[NOTE_KEY_SIZE];
	struct buffer hex;
	json_t *text;

	note_key_public(key, bytes);
	buffer_init(&hex, 100);
	text_hex(&hex, view_of(bytes, sizeof bytes));
	text = json_string(buffer_string(&hex));
	buffer_done(&hex);
	return text;
}

static json_t *body(void)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:{s:s}}", "family", "orders", "act", "seal", "by", "lead@b",
			 "reason", "done", "arguments", "second", "duty@b");
}

static int make(void **state)
{
	static const uint8_t nonce[ACT_NONCE_SIZE] = { 1, 2, 3 };
	struct made *made = calloc(1, sizeof *made);

	made->key = open_key(made->path, sizeof made->path);
	made->keys = json_pack("{s:o}", "lead@b", public_of(made->key));
	made->act = body();
	assert_int_equal(act_sign(made->act, "exit", made->key, nonce, NOW_MS), 0);
	json_object_set_new(made->act, "wall", json_integer(NOW_MS + 1000));
	*state = made;
	return 0;
}

static int unmake(void **state)
{
	struct made *made = *state;

	unlink(made->path);
	note_key_free(made->key);
	json_decref(made->keys);
	json_decref(made->act);
	free(made);
	return 0;
}

static void a_signed_act_counts(void **state)
{
	struct made *made = *state;

	assert_int_equal(act_signature_check(made->act, "exit", made->keys, true, NULL), 0);
	assert_int_equal(act_signature_check(made->act, "exit", made->keys, false, NULL), 0);
}

static void any_change_shows(void **state)
{
	static const char *const texts[] = { "family", "act", "by", "reason", "nonce", "signature" };
	struct made *made = *state;
	json_t *second = public_of(made->key);

	json_object_set_new(made->keys, "other@b", second);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		json_t *bent = json_deep_copy(made->act);

		json_object_set_new(bent, texts[i], json_string("other@b"));
		assert_int_equal(act_signature_check(bent, "exit", made->keys, false, NULL), ERR_DENIED);
		json_object_del(bent, texts[i]);
		if (strcmp(texts[i], "signature") != 0)
			assert_int_equal(act_signature_check(bent, "exit", made->keys, false, NULL),
					 ERR_DENIED);
		json_decref(bent);
	}
	json_object_set_new(json_object_get(made->act, "arguments"), "second", json_string("other@b"));
	assert_int_equal(act_signature_check(made->act, "exit", made->keys, false, NULL), ERR_DENIED);
}

static void another_exit_key_or_none(void **state)
{
	struct made *made = *state;
	json_t *plain = body(), *keys;
	struct note_key *other;
	char path[40];

	assert_int_equal(act_signature_check(made->act, "other exit", made->keys, false, NULL), ERR_DENIED);
	assert_int_equal(act_signature_check(made->act, "exit", NULL, false, NULL), ERR_DENIED);
	other = open_key(path, sizeof path);
	keys = json_pack("{s:o}", "lead@b", public_of(other));
	assert_int_equal(act_signature_check(made->act, "exit", keys, false, NULL), ERR_DENIED);
	assert_int_equal(act_signature_check(plain, "exit", made->keys, true, NULL), ERR_DENIED);
	assert_int_equal(act_signature_check(plain, "exit", made->keys, false, NULL), 0);
	unlink(path);
	note_key_free(other);
	json_decref(keys);
	json_decref(plain);
}

static void an_old_one_is_none(void **state)
{
	struct made *made = *state;

	for (int sign = -1; sign <= 1; sign += 2) {
		json_object_set_new(made->act, "wall", json_integer(NOW_MS + sign * ACT_SIGN_AGE_MS_MAX));
		assert_int_equal(act_signature_check(made->act, "exit", made->keys, true, NULL), 0);
		json_object_set_new(made->act, "wall",
				    json_integer(NOW_MS + sign * (ACT_SIGN_AGE_MS_MAX + 1)));
		assert_int_equal(act_signature_check(made->act, "exit", made->keys, true, NULL), ERR_DENIED);
	}
}

static json_t *apply(struct made_state *journal, const json_t *act, int64_t wall_ms)
{
	char key[24];

	journal->wall_ms = wall_ms;
	if (state_put_json(journal, FRAME_ACT, json_deep_copy(act)) < 0)
		fail_msg("%s", journal->fault.text);
	snprintf(key, sizeof key, "%llu", (unsigned long long)journal->state.sequence);
	return json_object_get(json_object_get(journal->state.root, "acts"), key);
}

/* Copied out of a journal and asked for again: at once, and after the journal has forgotten the nonce. */
static void a_copy_asks_for_nothing(void **state)
{
	struct made *made = *state;
	struct made_state journal;
	json_t *lying = json_deep_copy(made->act), *signed_ = json_deep_copy(made->act);

	json_object_del(signed_, "wall");
	json_object_set_new(lying, "replayed", json_false());
	state_begin(&journal);
	assert_int_equal(
		act_signature_check(apply(&journal, signed_, NOW_MS + 5), "exit", made->keys, true, NULL), 0);
	assert_int_equal(
		act_signature_check(apply(&journal, signed_, NOW_MS + 9), "exit", made->keys, true, NULL),
		ERR_DENIED);
	assert_int_equal(
		act_signature_check(apply(&journal, lying, NOW_MS + 9), "exit", made->keys, true, NULL),
		ERR_DENIED);
	for (int64_t later_ms = ACT_SIGN_AGE_MS_MAX; later_ms < 10LL * ACT_SIGN_AGE_MS_MAX;
	     later_ms += ACT_SIGN_AGE_MS_MAX / 4)
		assert_int_equal(act_signature_check(apply(&journal, signed_, NOW_MS + later_ms), "exit",
						     made->keys, true, NULL),
				 ERR_DENIED);
	assert_true(json_object_size(json_object_get(journal.state.root, "nonces")) <= 1);
	state_done(&journal.state);
	json_decref(lying);
	json_decref(signed_);
}

/* The second owner signs the same act, and neither signature stands for the other. */
static void the_second_owner_signs_too(void **state)
{
	static const char *const bent[] = { "reason", "by", "act", "family", "nonce" };
	struct made *made = *state;
	char path[40];
	struct note_key *duty = open_key(path, sizeof path);
	json_t *plain = body(), *changed;

	/* Without: named, and that is all. */
	assert_int_equal(act_second_signature_check(made->act, "exit", made->keys, false, NULL), 0);
	assert_int_equal(act_second_signature_check(made->act, "exit", made->keys, true, NULL), ERR_DENIED);
	assert_int_equal(act_sign_second(plain, "exit", duty), ERR_MALFORMED); /* nothing to stand beside */
	assert_int_equal(act_sign_second(made->act, "exit", duty), 0);
	assert_int_equal(act_second_signature_check(made->act, "exit", made->keys, false, NULL), ERR_DENIED);
	json_object_set_new(made->keys, "duty@b", public_of(duty));
	assert_int_equal(act_signature_check(made->act, "exit", made->keys, true, NULL), 0);
	assert_int_equal(act_second_signature_check(made->act, "exit", made->keys, true, NULL), 0);
	assert_int_equal(act_second_signature_check(made->act, "other", made->keys, true, NULL), ERR_DENIED);
	assert_int_equal(act_second_signature_check(made->act, NULL, made->keys, true, NULL), ERR_DENIED);
	for (size_t i = 0; i < sizeof bent / sizeof *bent; i++) {
		changed = json_deep_copy(made->act);
		json_object_set_new(changed, bent[i], json_string("other"));
		assert_int_equal(act_second_signature_check(changed, "exit", made->keys, false, NULL),
				 ERR_DENIED);
		json_decref(changed);
	}
	/* The first one's signature in the place of the second, by whosever key. */
	changed = json_deep_copy(made->act);
	json_object_set(changed, "second_signature", json_object_get(changed, "signature"));
	assert_int_equal(act_second_signature_check(changed, "exit", made->keys, false, NULL), ERR_DENIED);
	json_object_set(made->keys, "duty@b", json_object_get(made->keys, "lead@b"));
	assert_int_equal(act_second_signature_check(changed, "exit", made->keys, false, NULL), ERR_DENIED);
	json_decref(changed);
	json_decref(plain);
	unlink(path);
	note_key_free(duty);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)
	const struct CMUnitTest tests[] = {
		TEST(a_signed_act_counts), TEST(any_change_shows),        TEST(another_exit_key_or_none),
		TEST(an_old_one_is_none),  TEST(a_copy_asks_for_nothing), TEST(the_second_owner_signs_too),
	};

	return cmocka_run_group_tests_name("act_sign", tests, NULL, NULL);
}
