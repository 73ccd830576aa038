/* address.c - host:port, as operators write it. */
#include "base/text.h"
#include "client/config.h"

/* The part behind "PLAINTEXT://", which the Java clients allow. */
static struct view without_scheme(struct view text)
{
	for (size_t i = 0; i + 3 <= text.size; i++)
		if (memcmp(text.at + i, "://", 3) == 0)
			return view_of(text.at + i + 3, text.size - i - 3);
	return text;
}

static int port_parse(struct view digits, uint16_t *out)
{
	unsigned port = 0;

	if (digits.size == 0 || digits.size > 5)
		return ERR_CONFIG;
	for (size_t i = 0; i < digits.size; i++) {
		if (digits.at[i] < '0' || digits.at[i] > '9')
			return ERR_CONFIG;
		port = port * 10 + (unsigned)(digits.at[i] - '0');
	}
	if (port == 0 || port > 65535)
		return ERR_CONFIG;
	*out = (uint16_t)port;
	return 0;
}

/* Cuts host and port apart.  False when it has not the form of either. */
static bool cut(struct view text, struct view *host, struct view *port)
{
	const uint8_t *colon;

	if (text.size > 0 && text.at[0] == '[') {
		const uint8_t *end = memchr(text.at, ']', text.size);

		if (!end)
			return false;
		*host = view_of(text.at + 1, (size_t)(end - text.at) - 1);
		*port = view_of(end + 1, text.size - (size_t)(end + 1 - text.at));
	} else {
		colon = memrchr(text.at, ':', text.size);
		*host = view_of(text.at, colon ? (size_t)(colon - text.at) : text.size);
		*port = colon ? view_of(colon, text.size - host->size) : VIEW_LITERAL("");
		if (memchr(host->at, ':', host->size))
			return false; /* an IPv6 address without brackets: where would the port begin? */
	}
	return true;
}

int address_parse(struct view text, struct arena *arena, struct address *out, struct fault *fault)
{
	struct view bare = without_scheme(text_trim(text)), host, port;
	struct buffer shown;
	struct address address = { 0 };
	int err = 0;

	buffer_init(&shown, 300);
	text_safe(&shown, text.size > 200 ? view_of(text.at, 200) : text);
	if (!cut(bare, &host, &port))
		err = fault_set(fault, ERR_CONFIG, "'%s': an IPv6 address needs brackets, as in [::1]:9092",
				buffer_string(&shown));
	else if (host.size == 0)
		err = fault_set(fault, ERR_CONFIG, "'%s' has no host; write host:port",
				buffer_string(&shown));
	else if (port.size == 0)
		err = fault_set(fault, ERR_CONFIG,
				"'%s' has no port; write host:port (brokers often listen on 9092)",
				buffer_string(&shown));
	else if (host.size > 255 || port_parse(view_of(port.at + 1, port.size - 1), &address.port) < 0)
		err = fault_set(fault, ERR_CONFIG,
				"'%s': what follows the host is not a port from 1 to 65535",
				buffer_string(&shown));
	buffer_done(&shown);
	if (err < 0)
		return err;
	address.host = (const char *)arena_copy(arena, host).at;
	if (!address.host)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	*out = address;
	return 0;
}
