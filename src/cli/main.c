/* main.c - the door of the one binary. */
#include "cli/verb.h"

int main(int count, char **words)
{
	return program_run(count, words);
}
