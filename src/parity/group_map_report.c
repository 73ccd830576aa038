/* group_map_report.c - the words of a map of positions. */
#include "parity/group_map.h"

const char *place_proof_word(enum place_proof proof)
{
	switch (proof) {
	case PROOF_NONE: break;
	case PROOF_NEXT: return "next";
	case PROOF_COVERS: return "covers";
	case PROOF_END: return "end";
	case PROOF_EMPTY: return "empty";
	}
	return NULL;
}

const char *place_applied_word(enum place_applied applied)
{
	switch (applied) {
	case APPLIED_NOT_ASKED: break;
	case APPLIED_DONE: return "done";
	case APPLIED_ALREADY: return "already";
	case APPLIED_REFUSED: return "refused";
	case APPLIED_FAILED: return "failed";
	}
	return NULL;
}
