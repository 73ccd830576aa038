/* act_sign.c - canonical text: a title, a line feed, and the signed part of the act as canonical JSON (frame.h). */
#include "base/text.h"
#include "exit/act_sign.h"
#include "exit/body.h"
#include "exit/frame.h"

#define TITLE        "interlock act 1\n"
#define TITLE_SECOND "interlock act second owner 1\n"

static int write_signed(const char *title, const json_t *act, const char *exit, struct buffer *out)
{
	static const char *const keys[] = { "family", "act", "by", "reason", "arguments", "nonce", "time" };
	json_t *part = json_pack("{s:s}", "exit", exit);
	int err = part ? 0 : ERR_MEMORY;

	for (size_t i = 0; i < sizeof keys / sizeof *keys && !err; i++) {
		json_t *value = json_object_get(act, keys[i]);

		err = !value ? ERR_MALFORMED : json_object_set(part, keys[i], value) < 0 ? ERR_MEMORY : 0;
	}
	buffer_text(out, title);
	err = err ? err : frame_body_write(part, out);
	json_decref(part);
	return err;
}

static json_t *hex(const uint8_t *bytes, size_t size)
{
	struct buffer text;
	json_t *out;

	buffer_init(&text, 2 * size + 1);
	text_hex(&text, view_of(bytes, size));
	out = json_stringn((const char *)text.at, text.size);
	buffer_done(&text);
	return out;
}

/* Puts the signature of the act under `title` into `field`. */
static int sign_as(const char *title, const char *field, json_t *body, const char *exit,
		   const struct note_key *key)
{
	uint8_t signature[NOTE_SIGNATURE_SIZE];
	struct buffer bytes;
	int err;

	buffer_init(&bytes, FRAME_BODY_SIZE_MAX);
	err = write_signed(title, body, exit, &bytes);
	err = err ? err : note_key_sign(key, buffer_bytes(&bytes), signature);
	if (err == 0 && json_object_set_new(body, field, hex(signature, sizeof signature)) < 0)
		err = ERR_MEMORY;
	buffer_done(&bytes);
	return err;
}

int act_sign(json_t *body, const char *exit, const struct note_key *key, const uint8_t nonce[ACT_NONCE_SIZE],
	     int64_t wall_ms)
{
	if (json_object_set_new(body, "nonce", hex(nonce, ACT_NONCE_SIZE)) < 0 ||
	    json_object_set_new(body, "time", json_integer(wall_ms)) < 0)
		return ERR_MEMORY;
	return sign_as(TITLE, "signature", body, exit, key);
}

int act_sign_second(json_t *body, const char *exit, const struct note_key *key)
{
	return body_text(body, "signature") ? sign_as(TITLE_SECOND, "second_signature", body, exit, key)
					    : ERR_MALFORMED;
}

static bool read_hex(const char *text, uint8_t *out, size_t size)
{
	return text && text_unhex(view_text(text), out, size);
}

static bool holds(const char *title, const char *field, const json_t *act, const char *exit,
		  const char *key_text)
{
	uint8_t key[NOTE_KEY_SIZE], signature[NOTE_SIGNATURE_SIZE];
	struct buffer bytes;
	bool right;

	buffer_init(&bytes, FRAME_BODY_SIZE_MAX);
	right = read_hex(key_text, key, sizeof key) &&
		read_hex(body_text(act, field), signature, sizeof signature) &&
		write_signed(title, act, exit, &bytes) == 0 &&
		note_key_check(key, buffer_bytes(&bytes), signature);
	buffer_done(&bytes);
	return right;
}

int act_signature_check(const json_t *act, const char *exit, const json_t *keys, bool required,
			struct fault *fault)
{
	const char *by = body_text(act, "by"), *key = body_text(keys, by ? by : "");
	int64_t apart_ms = body_number(act, "wall") - body_number(act, "time");

	if (!json_object_get(act, "signature"))
		return required ? fault_set(fault, ERR_DENIED,
					    "the plan wants acts signed (signing.required), and this one "
					    "is not: give the key of %s with --key",
					    by ? by : "its owner")
				: 0;
	if (!key)
		return fault_set(fault, ERR_DENIED,
				 "the act is signed, and the plan in force names no key of %s (signing.keys)",
				 by ? by : "its owner");
	if (!exit || !holds(TITLE, "signature", act, exit, key))
		return fault_set(fault, ERR_DENIED,
				 "the signature of the act is not by the key that the plan names for %s", by);
	if (json_is_true(json_object_get(act, "replayed")))
		return fault_set(fault, ERR_DENIED,
				 "the act was signed for another one: its nonce was seen before");
	if (apart_ms > ACT_SIGN_AGE_MS_MAX || apart_ms < -ACT_SIGN_AGE_MS_MAX)
		return fault_set(fault, ERR_DENIED,
				 "the act was signed %lld s before it was asked for: sign it anew",
				 (long long)apart_ms / 1000);
	return 0;
}

int act_second_signature_check(const json_t *act, const char *exit, const json_t *keys, bool required,
			       struct fault *fault)
{
	const char *second = body_text(json_object_get(act, "arguments"), "second");
	const char *key = body_text(keys, second ? second : "");

	if (!json_object_get(act, "second_signature"))
		return required ? fault_set(fault, ERR_DENIED,
					    "the plan wants acts signed (signing.required), and the second "
					    "owner is "
					    "named and has not signed: give the key of %s with --second-key",
					    second ? second : "the second owner")
				: 0;
	if (!key)
		return fault_set(fault, ERR_DENIED,
				 "the second owner has signed, and the plan in force names no key of %s "
				 "(signing.keys)",
				 second ? second : "the second owner");
	if (!exit || !holds(TITLE_SECOND, "second_signature", act, exit, key))
		return fault_set(
			fault, ERR_DENIED,
			"the second signature of the act is not by the key that the plan names for %s",
			second);
	return 0;
}
