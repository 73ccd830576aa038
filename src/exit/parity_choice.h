/* parity_choice.h - a family's claim, identity and topics as options of the comparer, and of its map of positions. */
#ifndef EXIT_PARITY_CHOICE_H
#define EXIT_PARITY_CHOICE_H

#include "exit/gather.h"
#include "parity/group_map.h"

/* `mirrored`: the target is the reference.  Texts and lists come from the arena.  0 or ERR_MEMORY. */
int parity_choice(const struct plan_family *family, const struct gather_topic *topics, int topic_count,
		  bool mirrored, struct arena *arena, struct parity_options *out);

/* The same for where groups go on; which groups is the caller's to say. */
int positions_choice(const struct plan_family *family, const struct gather_topic *topics, int topic_count,
		     bool mirrored, struct arena *arena, struct group_map_options *out);

#endif
