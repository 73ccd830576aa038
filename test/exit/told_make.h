/*
 * told_make.h - an operator for tests: a folder of scripts, a plan that names them, and a small web server that answers
 * as it is told and remembers what it was asked.
 */
#ifndef TEST_EXIT_TOLD_MAKE_H
#define TEST_EXIT_TOLD_MAKE_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exit/ask.h"

/* Answers requests in the order of `answers`, the last one again and again.  A NULL answer is silence. */
struct web {
	pthread_t thread;
	int fd, held[16], held_count;
	uint16_t port;
	const char *const *answers;
	char heard[16384]; /* requests, one behind the other; read it after web_close() */
};

static inline bool web_whole(const char *request)
{
	const char *body = strstr(request, "\r\n\r\n"), *length = strcasestr(request, "content-length:");

	return body && (!length || strlen(body + 4) >= (size_t)atoi(length + 15));
}

static void *web_serve(void *context)
{
	struct web *web = context;
	int at = 0, fd;

	while ((fd = accept4(web->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		const char *answer = web->answers[at];
		char request[4096] = "";
		size_t size = 0;
		ssize_t got = 1;

		while (!web_whole(request) && size + 1 < sizeof request && got > 0) {
			got = read(fd, request + size, sizeof request - 1 - size);
			size += got > 0 ? (size_t)got : 0;
			request[size] = 0;
		}
		if (size == 0) {
			close(fd);
			continue;
		}
		strncat(web->heard, request, sizeof web->heard - strlen(web->heard) - 1);
		at += web->answers[at + 1] != NULL;
		if (answer && *answer) {
			if (write(fd, answer, strlen(answer)) < 0)
				web->heard[0] = '!';
			close(fd);
		} else if (web->held_count < 16) {
			web->held[web->held_count++] = fd;
		}
	}
	return NULL;
}

/* `answers` ends with NULL; "" is silence. */
static inline void web_open(struct web *web, const char *const *answers)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;

	memset(web, 0, sizeof *web);
	web->answers = answers;
	web->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(web->fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(web->fd, 64), 0);
	getsockname(web->fd, (struct sockaddr *)&at, &size);
	web->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&web->thread, NULL, web_serve, web), 0);
}

static inline void web_close(struct web *web)
{
	shutdown(web->fd, SHUT_RDWR);
	pthread_join(web->thread, NULL);
	close(web->fd);
	for (int i = 0; i < web->held_count; i++)
		close(web->held[i]);
}

#define WEB_OK(body)     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" body
#define WEB_STATUS(line) "HTTP/1.1 " line "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

struct operator
{
	char folder[64];
	struct loop *loop;
	struct plan *plan;
	struct asking *asking;
};

static inline void operator_writes(const struct operator* o, const char *name, const char *text, mode_t mode)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof path, "%s%s", o->folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

/* A shell script in the folder. */
static inline void operator_script(const struct operator* o, const char *name, const char *body)
{
	char text[8192];

	snprintf(text, sizeof text, "#!/bin/sh\n%s\n", body);
	operator_writes(o, name, text, 0700);
}

static inline void operator_read(const struct operator* o, const char *name, char *out, size_t size)
{
	char path[256];
	FILE *file;
	size_t got;

	snprintf(path, sizeof path, "%s%s", o->folder, name);
	file = fopen(path, "r");
	assert_non_null(file);
	got = fread(out, 1, size - 1, file);
	out[got] = 0;
	fclose(file);
}

static inline void operator_open(struct operator* o)
{
	memset(o, 0, sizeof *o);
	strcpy(o->folder, "/tmp/interlock-told-XXXXXX");
	assert_non_null(mkdtemp(o->folder));
	strcat(o->folder, "/");
	assert_int_equal(loop_new(&clock_system, 1, &o->loop), 0);
}

/* A plan of one family `orders`; `head` goes among the keys of the plan, `family` among those of the family. */
static inline void operator_plans(struct operator* o, const char *head, const char *family)
{
	struct plan_faults faults;
	struct buffer said;
	char text[8192];

	snprintf(text, sizeof text,
		 "exit: shop\nsource: s:1\ntarget: t:1\n%sclasses: { c: { like: rehearsal, parity: { settle: "
		 "100ms } } }\nfamilies:\n"
		 "- name: orders\n  class: c\n  pattern: dual-write\n  topics: [ orders ]\n  groups: [ "
		 "billing ]\n"
		 "  owners: { decision: a@b }\n%s",
		 head, family);
	plan_faults_init(&faults, "plan");
	buffer_init(&said, 8192);
	if (plan_parse(view_text(text), o->folder, &faults, &o->plan) < 0) {
		plan_faults_print(&faults, &said);
		print_error("%s\n", buffer_string(&said));
		fail();
	}
	buffer_done(&said);
	plan_faults_done(&faults);
}

static inline void operator_asks(struct operator* o)
{
	struct fault fault = { 0 };

	if (asking_new(o->loop, o->plan, &o->plan->families[0], &o->asking, &fault) < 0)
		fail_msg("%s", fault.text);
}

static inline void operator_close(struct operator* o)
{
	char command[128];

	asking_free(o->asking);
	plan_free(o->plan);
	loop_free(o->loop);
	snprintf(command, sizeof command, "rm -rf %s", o->folder);
	assert_int_equal(system(command), 0);
}

#endif
