/*
 * unsecured.c - what this version has none of, in Kafka's words: access rules.
 *
 * A broker without an authorizer answers SECURITY_DISABLED, so that nobody takes it for one that allows everything on
 * purpose.  What would set them is not advertised.
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
