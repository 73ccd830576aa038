/*
 * list.h - a ring of links that live inside the things they link.
 *
 * An empty list is a link that points to itself; so is a link that is in no list.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#define container_of(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))

struct list {
	struct list *prev, *next;
};

#define LIST_EACH(head, link) for (struct list *link = (head)->next; link != (head); link = link->next)

/* The body may remove `link` from the list and free what holds it. */
#define LIST_EACH_SAFE(head, link) \
	for (struct list *link = (head)->next, *link##_next = link->next; link != (head); \
	     link = link##_next, link##_next = link->next)

static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* Links `l` in as the last of `head`. */
static inline void list_append(struct list *head, struct list *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

/* Takes `l` out of whatever list it is in; it is then in none.  Silent when it is in none already. */
static inline void list_remove(struct list *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}

#endif
