/* dns.c - getaddrinfo on the thread pool. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "loop/dns.h"

struct dns_query {
	uv_getaddrinfo_t uv;
	dns_done *done; /* NULL once cancelled */
	void *owner;
	char host[256];
};

static int collect(const struct addrinfo *info, struct dns_address *out)
{
	int count = 0;

	for (; info && count < DNS_ADDRESSES_MAX; info = info->ai_next) {
		struct dns_address *address = &out[count];

		if (info->ai_family != AF_INET && info->ai_family != AF_INET6)
			continue;
		memset(address, 0, sizeof *address);
		memcpy(&address->at, info->ai_addr, info->ai_addrlen);
		address->size = info->ai_addrlen;
		if (getnameinfo(info->ai_addr, info->ai_addrlen, address->text, sizeof address->text, NULL, 0,
				NI_NUMERICHOST) != 0)
			snprintf(address->text, sizeof address->text, "?");
		count++;
	}
	return count;
}

static void resolved(uv_getaddrinfo_t *uv, int status, struct addrinfo *info)
{
	struct dns_query *query = uv->data;
	struct dns_address *addresses = NULL;
	struct fault fault = { 0 };
	int count = 0;

	if (!query->done)
		goto out;
	addresses = calloc(DNS_ADDRESSES_MAX, sizeof *addresses);
	if (addresses && status == 0)
		count = collect(info, addresses);
	if (count > 0)
		query->done(query->owner, addresses, count, NULL);
	else {
		fault_set(&fault, ERR_NETWORK, "the name '%s' has no address: %s", query->host,
			  status < 0 ? uv_strerror(status) : "the answer was empty");
		query->done(query->owner, NULL, 0, &fault);
	}
	free(addresses);
out:
	uv_freeaddrinfo(info);
	free(query);
}

int dns_resolve(struct loop *loop, const char *host, uint16_t port, dns_done *done, void *owner,
		struct dns_query **out)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_NUMERICSERV };
	struct dns_query *query;
	char service[8];

	if (strlen(host) >= sizeof query->host)
		return ERR_LIMIT;
	query = calloc(1, sizeof *query);
	if (!query)
		return ERR_MEMORY;
	query->uv.data = query;
	query->done = done;
	query->owner = owner;
	snprintf(query->host, sizeof query->host, "%s", host);
	snprintf(service, sizeof service, "%u", port);
	if (uv_getaddrinfo(loop_uv(loop), &query->uv, resolved, host, service, &hints) < 0) {
		free(query);
		return ERR_NETWORK;
	}
	*out = query;
	return 0;
}

void dns_cancel(struct dns_query *query)
{
	if (!query)
		return;
	query->done = NULL;
	uv_cancel((uv_req_t *)&query->uv); /* else its thread ends by itself, and resolved() frees it */
}

bool dns_is_address(const char *text)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}
