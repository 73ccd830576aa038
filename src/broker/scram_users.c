/* scram_users.c - who may log in by SCRAM: kept, found, told and changed. */
#include <stdlib.h>

#include "base/random.h"
#include "base/text.h"
#include "broker/access.h"
#include "broker/api.h"
#include "broker/scram_users.h"
#include "broker/settings.h"
#include "loop/sasl_server.h"

#define LAYOUT           1
#define ITERATIONS_LEAST 4096
#define ITERATIONS_MOST  16384
#define USER_SIZE_MAX    1024
#define VALUE_SIZE_MAX   1024

static const char *const mechanisms[] = { "SCRAM-SHA-256", "SCRAM-SHA-512" };

/* Kafka's number of a mechanism. */
static const char *mechanism_of(int8_t number)
{
	return number == 1 || number == 2 ? mechanisms[number - 1] : NULL;
}

static bool read_credential(struct view value, struct scram_credential *out)
{
	struct cursor c = cursor_over(value);
	struct scram_credential one = { 0 };
	const uint8_t *salt, *stored, *server;
	int8_t layout = cursor_i8(&c);

	one.iterations = cursor_i32(&c);
	one.salt_size = cursor_u16(&c);
	if (layout != LAYOUT || one.salt_size > sizeof one.salt)
		return false;
	salt = cursor_take(&c, one.salt_size);
	one.key_size = cursor_left(&c) / 2;
	if (c.fault || one.key_size > SCRAM_KEY_SIZE_MAX)
		return false;
	stored = cursor_take(&c, one.key_size);
	server = cursor_take(&c, one.key_size);
	if (c.fault || cursor_left(&c) > 0)
		return false;
	memcpy(one.salt, salt, one.salt_size);
	memcpy(one.stored_key, stored, one.key_size);
	memcpy(one.server_key, server, one.key_size);
	*out = one;
	return true;
}

static void write_credential(const struct scram_credential *one, struct buffer *out)
{
	buffer_i8(out, LAYOUT);
	buffer_i32(out, one->iterations);
	buffer_i16(out, (int16_t)one->salt_size);
	buffer_put(out, one->salt, one->salt_size);
	buffer_put(out, one->stored_key, one->key_size);
	buffer_put(out, one->server_key, one->key_size);
}

bool scram_user_find(struct broker *broker, const char *mechanism, struct view user,
		     struct scram_credential *out)
{
	struct view value = store_setting(broker->store, view_text(mechanism), user);

	return value.at && read_credential(value, out);
}

/* ---- the first user --------------------------------------------------------------------------------------------------------- */

struct wish {
	struct view name, password;
	int iterations;
};

static const char *read_wish(struct view inside, struct wish *out)
{
	*out = (struct wish){ .iterations = ITERATIONS_LEAST };
	while (inside.size > 0) {
		const uint8_t *comma = memchr(inside.at, ',', inside.size), *equals;
		size_t size = comma ? (size_t)(comma - inside.at) : inside.size;
		struct view part = view_of(inside.at, size), key, value;

		inside = view_of(inside.at + size + (comma ? 1 : 0), inside.size - size - (comma ? 1 : 0));
		equals = part.size ? memchr(part.at, '=', part.size) : NULL;
		if (!equals)
			return "each part is KEY=VALUE";
		key = text_trim(view_of(part.at, (size_t)(equals - part.at)));
		value = view_of(equals + 1, part.size - (size_t)(equals - part.at) - 1);
		if (view_is(key, "name"))
			out->name = text_trim(value);
		else if (view_is(key, "password"))
			out->password = value;
		else if (view_is(key, "iterations"))
			out->iterations = atoi((const char *)value.at); /* ends at a comma or a bracket */
		else
			return "its keys are name, password and iterations";
	}
	if (out->name.size == 0 || out->name.size > USER_SIZE_MAX || out->password.size == 0)
		return "name and password must be there";
	if (out->iterations < ITERATIONS_LEAST || out->iterations > ITERATIONS_MOST)
		return "iterations are from 4096 to 16384";
	return NULL;
}

int scram_user_add(struct broker *broker, const struct broker_options *options, struct view text,
		   struct fault *fault)
{
	const uint8_t *equals = text.size ? memchr(text.at, '=', text.size) : NULL;
	struct view name = equals ? view_of(text.at, (size_t)(equals - text.at)) : VIEW_NULL,
		    inside = VIEW_NULL;
	const char *mechanism = NULL, *wrong = "it is SCRAM-SHA-256=[name=NAME,password=PASSWORD]";
	struct scram_credential credential;
	struct buffer value;
	struct wish wish;
	uint8_t salt[24];
	int err;

	for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++)
		if (view_is(name, mechanisms[i]))
			mechanism = mechanisms[i];
	if (mechanism)
		inside = view_of(equals + 1, text.size - name.size - 1);
	if (mechanism && inside.size > 2 && inside.at[0] == '[' && inside.at[inside.size - 1] == ']')
		wrong = read_wish(view_of(inside.at + 1, inside.size - 2), &wish);
	if (wrong)
		return fault_set(fault, ERR_USAGE, "--add-scram: %s", wrong);
	random_secret(salt, sizeof salt);
	if (!scram_credential_of_password(mechanism, wish.password, view_of(salt, sizeof salt),
					  wish.iterations, &credential))
		return fault_set(fault, ERR_MEMORY, "--add-scram: the keys cannot be made");
	buffer_init(&value, VALUE_SIZE_MAX);
	write_credential(&credential, &value);
	err = value.err ? value.err
			: setting_put_now(broker, options, mechanism, wish.name, buffer_bytes(&value));
	buffer_done(&value);
	return err < 0 ? fault_set(fault, err, "--add-scram: the store cannot keep the user: %s",
				   err_text(err))
		       : 0;
}

/* ---- DescribeUserScramCredentials ------------------------------------------------------------------------------------------- */

typedef struct describe_user_scram_credentials_response_result described_t;

static bool tell_user(struct request *request, struct describe_user_scram_credentials_response *response,
		      struct view name)
{
	described_t *one = &response->results.at[response->results.count++];

	one->user = arena_copy(&request->arena, name);
	one->credential_infos.at =
		REQUEST_ARRAY(request, describe_user_scram_credentials_response_credential_info_shape, 2);
	if (!one->user.at || !one->credential_infos.at)
		return false;
	for (int8_t number = 1; number <= 2; number++) {
		struct scram_credential credential;

		if (!scram_user_find(request->broker, mechanism_of(number), name, &credential))
			continue;
		one->credential_infos.at[one->credential_infos.count].mechanism = number;
		one->credential_infos.at[one->credential_infos.count++].iterations = credential.iterations;
	}
	if (one->credential_infos.count == 0) {
		one->error_code = KAFKA_RESOURCE_NOT_FOUND;
		one->error_message =
			VIEW_LITERAL("Attempt to describe a user credential that does not exist");
	}
	return true;
}

struct telling {
	struct request *request;
	struct describe_user_scram_credentials_response *response;
	int count;
	bool counting, second, ok;
};

static void each_user(void *context, struct view name, struct view value)
{
	struct telling *telling = context;

	/* Who has both was told under the first. */
	if (telling->second &&
	    store_setting(telling->request->broker->store, view_text(mechanisms[0]), name).at)
		return;
	if (telling->counting)
		telling->count++;
	else if (telling->ok)
		telling->ok = tell_user(telling->request, telling->response, name);
}

static bool tell_all(struct request *request, struct describe_user_scram_credentials_response *response)
{
	struct telling telling = { request, response, 0, true, false, true };

	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0; i < 2; i++) {
			telling.second = i == 1;
			store_setting_each(request->broker->store, view_text(mechanisms[i]), each_user,
					   &telling);
		}
		if (pass == 0)
			response->results.at =
				REQUEST_ARRAY(request, describe_user_scram_credentials_response_result_shape,
					      telling.count);
		if (!response->results.at)
			return false;
		telling.counting = false;
	}
	return telling.ok;
}

void handle_describe_user_scram_credentials(struct request *request)
{
	const struct describe_user_scram_credentials_request *in = request->message;
	struct describe_user_scram_credentials_response *response = request_response(request);
	bool ok = response != NULL;

	if (ok)
		response->error_code = access_cluster(request, ACL_OPERATION_DESCRIBE);
	if (ok && response->error_code) {
		response->error_message = VIEW_LITERAL("Cluster authorization failed.");
	} else if (ok && in->users.count <= 0) {
		ok = tell_all(request, response);
	} else if (ok) {
		response->results.at = REQUEST_ARRAY(
			request, describe_user_scram_credentials_response_result_shape, in->users.count);
		ok = response->results.at != NULL;
		for (int32_t i = 0; ok && i < in->users.count; i++) {
			described_t *one = &response->results.at[i];
			bool twice = false;

			for (int32_t j = 0; j < in->users.count && in->users.count < 1000; j++)
				twice = twice ||
					(j != i && view_equal(in->users.at[j].name, in->users.at[i].name));
			ok = tell_user(request, response, in->users.at[i].name);
			if (ok && twice) {
				one->error_code = KAFKA_DUPLICATE_RESOURCE;
				one->error_message = VIEW_LITERAL("Cannot describe SCRAM credentials for the "
								  "same user twice in a single request");
				one->credential_infos.count = 0;
			}
		}
	}
	request_answer(request, ok ? response : NULL);
}

/* ---- AlterUserScramCredentials ---------------------------------------------------------------------------------------------- */

typedef struct alter_user_scram_credentials_response_result altered_t;
#define USERS_EACH_REQUEST_MAX 1000

static altered_t *result_of(struct alter_user_scram_credentials_response *response, struct view name)
{
	for (int32_t i = 0; i < response->results.count; i++)
		if (view_equal(response->results.at[i].user, name))
			return &response->results.at[i];
	response->results.at[response->results.count].user = name;
	return &response->results.at[response->results.count++];
}

static void refuse(altered_t *one, int16_t error, const char *message)
{
	if (one->error_code)
		return;
	one->error_code = error;
	one->error_message = view_text(message);
}

static int times_named(const struct alter_user_scram_credentials_request *in, struct view name,
		       int8_t mechanism)
{
	int times = 0;

	for (int32_t i = 0; i < in->deletions.count; i++)
		times += in->deletions.at[i].mechanism == mechanism &&
			 view_equal(in->deletions.at[i].name, name);
	for (int32_t i = 0; i < in->upsertions.count; i++)
		times += in->upsertions.at[i].mechanism == mechanism &&
			 view_equal(in->upsertions.at[i].name, name);
	return times;
}

static void check(const struct alter_user_scram_credentials_request *in, altered_t *one, int8_t mechanism)
{
	if (one->user.size == 0 || one->user.size > USER_SIZE_MAX)
		refuse(one, KAFKA_UNACCEPTABLE_CREDENTIAL, "Username must not be empty");
	else if (!mechanism_of(mechanism))
		refuse(one, KAFKA_UNSUPPORTED_SASL_MECHANISM, "Unknown SCRAM mechanism");
	else if (times_named(in, one->user, mechanism) > 1)
		refuse(one, KAFKA_DUPLICATE_RESOURCE,
		       "A user credential cannot be altered twice in the same request");
}

static void refuse_all(const struct alter_user_scram_credentials_request *in,
		       struct alter_user_scram_credentials_response *response)
{
	for (int32_t i = 0; i < in->deletions.count; i++)
		refuse(result_of(response, in->deletions.at[i].name), KAFKA_CLUSTER_AUTHORIZATION_FAILED,
		       "Cluster authorization failed.");
	for (int32_t i = 0; i < in->upsertions.count; i++)
		refuse(result_of(response, in->upsertions.at[i].name), KAFKA_CLUSTER_AUTHORIZATION_FAILED,
		       "Cluster authorization failed.");
}

/* Decides of every user before anything is changed. */
static void check_all(struct request *request, const struct alter_user_scram_credentials_request *in,
		      struct alter_user_scram_credentials_response *response)
{
	for (int32_t i = 0; i < in->deletions.count; i++) {
		altered_t *one = result_of(response, in->deletions.at[i].name);
		const char *mechanism = mechanism_of(in->deletions.at[i].mechanism);

		check(in, one, in->deletions.at[i].mechanism);
		if (mechanism && !store_setting(request->broker->store, view_text(mechanism), one->user).at)
			refuse(one, KAFKA_RESOURCE_NOT_FOUND,
			       "Attempt to delete a user credential that does not exist");
	}
	for (int32_t i = 0; i < in->upsertions.count; i++) {
		altered_t *one = result_of(response, in->upsertions.at[i].name);
		struct scram_credential credential;
		const char *mechanism = mechanism_of(in->upsertions.at[i].mechanism);

		check(in, one, in->upsertions.at[i].mechanism);
		if (in->upsertions.at[i].iterations < ITERATIONS_LEAST)
			refuse(one, KAFKA_UNACCEPTABLE_CREDENTIAL, "Too few iterations");
		else if (in->upsertions.at[i].iterations > ITERATIONS_MOST)
			refuse(one, KAFKA_UNACCEPTABLE_CREDENTIAL, "Too many iterations");
		else if (mechanism &&
			 !scram_credential_of_salted(mechanism, in->upsertions.at[i].salted_password,
						     in->upsertions.at[i].salt,
						     in->upsertions.at[i].iterations, &credential))
			refuse(one, KAFKA_UNACCEPTABLE_CREDENTIAL,
			       "The salted password does not have the size of the hash, or the salt is too "
			       "long");
	}
}

static void altered(struct settings *settings, int failed)
{
	struct alter_user_scram_credentials_response *response = settings->response;

	/* The store could not keep something: which, is not known, and asking again is harmless. */
	for (int32_t i = 0; failed && i < response->results.count; i++)
		refuse(&response->results.at[i], KAFKA_UNKNOWN_SERVER_ERROR,
		       "the store could not keep the change");
	request_answer(settings->request, response);
}

static void alter_all(const struct alter_user_scram_credentials_request *in,
		      struct alter_user_scram_credentials_response *response, struct settings *settings)
{
	for (int32_t i = 0; i < in->deletions.count; i++)
		if (!result_of(response, in->deletions.at[i].name)->error_code)
			settings_put(settings, mechanism_of(in->deletions.at[i].mechanism),
				     in->deletions.at[i].name, VIEW_NULL);
	for (int32_t i = 0; i < in->upsertions.count; i++) {
		const char *mechanism = mechanism_of(in->upsertions.at[i].mechanism);
		struct scram_credential credential;
		struct buffer value;

		if (result_of(response, in->upsertions.at[i].name)->error_code ||
		    !scram_credential_of_salted(mechanism, in->upsertions.at[i].salted_password,
						in->upsertions.at[i].salt, in->upsertions.at[i].iterations,
						&credential))
			continue;
		buffer_init(&value, VALUE_SIZE_MAX);
		write_credential(&credential, &value);
		settings_put(settings, mechanism, in->upsertions.at[i].name, buffer_bytes(&value));
		buffer_done(&value);
	}
}

void handle_alter_user_scram_credentials(struct request *request)
{
	const struct alter_user_scram_credentials_request *in = request->message;
	struct alter_user_scram_credentials_response *response = request_response(request);
	struct settings *settings = response ? settings_begin(request, response, altered) : NULL;
	int64_t count = (int64_t)in->deletions.count + in->upsertions.count;

	/* All are compared with all. */
	if (count > USERS_EACH_REQUEST_MAX) {
		request_fail(request, "more than 1,000 users in one request");
		return;
	}
	if (settings)
		response->results.at =
			REQUEST_ARRAY(request, alter_user_scram_credentials_response_result_shape, count);
	if (!settings || !response->results.at) {
		request_answer(request, NULL);
		return;
	}
	if (access_cluster(request, ACL_OPERATION_ALTER))
		refuse_all(in, response);
	else
		check_all(request, in, response);
	alter_all(in, response, settings);
	settings_end(settings);
}
