/* dns.h - names to addresses, on the thread pool: all of them, IPv6 and IPv4 mixed as the system prefers. */
#ifndef LOOP_DNS_H
#define LOOP_DNS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "loop/loop.h"

#define DNS_ADDRESSES_MAX 64
#define DNS_TEXT_SIZE     64

struct dns_address {
	struct sockaddr_storage at;
	socklen_t size;
	char text[DNS_TEXT_SIZE]; /* "10.0.0.7", "fe80::1" */
};

struct dns_query;

/* `addresses` hold until it returns; count is 0 exactly when `fault` is set (ERR_NETWORK). */
typedef void dns_done(void *owner, const struct dns_address *addresses, int count, const struct fault *fault);

/* Asks; `done` comes once, never before this returns. */
int dns_resolve(struct loop *loop, const char *host, uint16_t port, dns_done *done, void *owner,
		struct dns_query **out);

/* Ends it without calling `done`.  NULL is silent; not after `done`. */
void dns_cancel(struct dns_query *query);

/* `text` is an IPv4 or IPv6 address, not a name. */
bool dns_is_address(const char *text);

#endif
