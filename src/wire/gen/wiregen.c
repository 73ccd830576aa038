/* wiregen.c - makes C from the notation of the messages: `wiregen header|tables|json FILE...`, to standard output. */
#include <stdio.h>
#include <string.h>

#include "notation.h"

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*print)(void);
	} outputs[] = { { "header", print_header }, { "tables", print_tables }, { "json", print_json } };

	for (size_t i = 0; argc > 2 && i < sizeof outputs / sizeof outputs[0]; i++) {
		if (strcmp(argv[1], outputs[i].name))
			continue;
		for (int file = 2; file < argc; file++)
			notation_read(argv[file]);
		notation_check();
		outputs[i].print();
		return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
	}
	fprintf(stderr, "usage: wiregen header|tables|json FILE...\n");
	return 2;
}
