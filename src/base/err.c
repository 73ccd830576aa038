/* err.c - error phrases and the sentences of faults. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"

const char *err_text(int err)
{
	switch ((enum err)err) {
	case ERR_MEMORY: return "out of memory";
	case ERR_LIMIT: return "a limit was reached";
	case ERR_MALFORMED: return "malformed bytes";
	case ERR_UNSUPPORTED: return "not supported";
	case ERR_CHECKSUM: return "checksum does not match";
	case ERR_IO: return "input or output failed";
	case ERR_FULL: return "the disk is full";
	case ERR_NETWORK: return "the connection failed";
	case ERR_TIMEOUT: return "timed out";
	case ERR_CANCELLED: return "cancelled";
	case ERR_TLS: return "TLS failed";
	case ERR_LOGIN: return "login refused";
	case ERR_DENIED: return "not authorised";
	case ERR_USAGE: return "wrong arguments";
	case ERR_CONFIG: return "wrong configuration";
	case ERR_NOT_FOUND: return "not found";
	case ERR_BROKER: return "the broker answered with an error";
	case ERR_CONFLICT: return "conflicting change";
	case ERR_STALE: return "no longer current";
	case ERR_INTERNAL: return "a bug in Interlock";
	}
	return err >= 0 ? "no error" : "unknown error";
}

int fault_set(struct fault *fault, int err, const char *format, ...)
{
	va_list arguments;

	if (!fault)
		return err;
	fault->err = err;
	va_start(arguments, format);
	vsnprintf(fault->text, sizeof fault->text, format, arguments);
	va_end(arguments);
	return err;
}

int fault_at(struct fault *fault, const char *format, ...)
{
	char text[sizeof fault->text];
	va_list arguments;
	size_t size;
	int written;

	if (!fault)
		return ERR_INTERNAL;
	va_start(arguments, format);
	written = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	size = written < 0 ? 0 : (size_t)written;
	if (size < sizeof text)
		snprintf(text + size, sizeof text - size, ": %s", fault->text);
	memcpy(fault->text, text, sizeof text);
	return fault->err;
}
