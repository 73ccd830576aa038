/* view.c - comparing and copying views. */
#include <stdlib.h>

#include "base/view.h"

int view_compare(struct view a, struct view b)
{
	size_t least = a.size < b.size ? a.size : b.size;
	int order = least ? memcmp(a.at, b.at, least) : 0;

	if (order)
		return order;
	if (a.size != b.size)
		return a.size < b.size ? -1 : 1;
	return (a.at != NULL) - (b.at != NULL);
}

char *view_string(struct view v)
{
	char *text = v.at ? malloc(v.size + 1) : NULL;

	if (!text)
		return NULL;
	memcpy(text, v.at, v.size);
	text[v.size] = 0;
	return text;
}
