/*
 * unsecured.c - what this version has none of, in Kafka's words: access rules, quotas, users.
 *
 * A broker without an authorizer answers SECURITY_DISABLED, so that nobody takes it for one that allows everything on
 * purpose; one without quotas and users has empty lists.  What would set them is not advertised.
 */
#include "broker/api.h"

void handle_describe_acls(struct request *request)
{
	struct describe_acls_response *response = request_response(request);

	if (response) {
		response->error_code = KAFKA_SECURITY_DISABLED;
		response->error_message = VIEW_LITERAL("No Authorizer is configured.");
	}
	request_answer(request, response);
}

void handle_describe_client_quotas(struct request *request)
{
	struct describe_client_quotas_response *response = request_response(request);

	if (response)
		response->entries.at = REQUEST_ARRAY(request, describe_client_quotas_response_entry_shape,
						     1); /* empty, not null */
	request_answer(request, response && response->entries.at ? response : NULL);
}

void handle_describe_user_scram_credentials(struct request *request)
{
	const struct describe_user_scram_credentials_request *in = request->message;
	struct describe_user_scram_credentials_response *response = request_response(request);
	/* Null asks for all, of whom there are none. */
	int32_t count = in->users.count < 0 ? 0 : in->users.count;
	bool ok =
		response && (response->results.at = REQUEST_ARRAY(
				     request, describe_user_scram_credentials_response_result_shape, count));

	for (int32_t i = 0; ok && i < count; i++) {
		struct describe_user_scram_credentials_response_result *one =
			&response->results.at[response->results.count++];

		one->user = in->users.at[i].name;
		one->error_code = KAFKA_RESOURCE_NOT_FOUND;
		one->error_message =
			VIEW_LITERAL("Attempt to describe a user credential that does not exist");
	}
	request_answer(request, ok ? response : NULL);
}
