/*
 * unsecured.c - what this version has none of, in Kafka's words: access rules and quotas.
 *
 * A broker without an authorizer answers SECURITY_DISABLED, so that nobody takes it for one that allows everything on
 * purpose; one without quotas has an empty list.  What would set them is not advertised.
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
