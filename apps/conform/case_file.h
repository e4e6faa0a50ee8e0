/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases as data: what is sent, and what must come back. docs/conformance.md describes the format.
 */
#ifndef CONFORM_CASE_FILE_H
#define CONFORM_CASE_FILE_H

#include "http_reader.h"

#include <stdbool.h>
#include <stddef.h>

enum suite { SUITE_HTTP, SUITE_LINE };

enum level {
    LEVEL_MUST,   /* the specification demands it */
    LEVEL_SHOULD, /* it recommends it */
    LEVEL_CHOICE, /* it leaves it open, and the stricter reading is asked for */
};
#define LEVELS_COUNT 3

enum transport { TRANSPORT_TCP, TRANSPORT_UDP, TRANSPORT_UNIX };

enum step_kind {
    STEP_SEND,
    STEP_PATTERN,    /* numbered lines, so that a lost or moved byte is seen */
    STEP_FENCE,      /* HTTP: a last request that asks for close */
    STEP_PAUSE,      /* milliseconds */
    STEP_HALF_CLOSE, /* no more will be sent */
    STEP_RESET,      /* leave with RST */
    STEP_LEAVE,      /* leave with FIN, and listen no more */
    STEP_READ_LATE,  /* read nothing until this many milliseconds after the last byte was taken */
    STEP_AWAIT_ECHO, /* until all that was sent is back */
    STEP_AWAIT_RESPONSES, /* until so many final responses are there */
    STEP_AWAIT_INTERIM,   /* until an interim or a final response is there */
    STEP_AWAIT_ALL,       /* until every client of the case is here */
};

struct step {
    enum step_kind kind;
    char *text; /* owned; escapes decoded, variables not yet replaced */
    size_t text_length;
    unsigned long count;       /* repetitions, bytes, milliseconds or responses */
    unsigned long piece_bytes; /* STEP_SEND: bytes per segment; 0: as they fit */
};

enum predicate_kind {
    PREDICATE_STATUS,
    PREDICATE_STATUSES,
    PREDICATE_RESPONSES,
    PREDICATE_INTERIM,
    PREDICATE_FENCE,
    PREDICATE_NO_FENCE,
    PREDICATE_BODY,
    PREDICATE_NO_BODY,
    PREDICATE_FIELD,
    PREDICATE_NO_FIELD,
    PREDICATE_FRAMING,
    PREDICATE_VERSION,
    PREDICATE_CONTAINS,
    PREDICATE_ABSENT,
    PREDICATE_CLOSED,
    PREDICATE_END,
    PREDICATE_ECHO,
    PREDICATE_ECHO_PREFIX,
    PREDICATE_HELD_BACK,
    PREDICATE_DATAGRAMS,
    PREDICATE_ALIVE,
};

/* `expect A | B` is two of these; one is enough. */
struct predicate {
    enum predicate_kind kind;
    unsigned long number; /* which response, from 1; or the least count */
    unsigned long number_max;
    char *source;        /* owned; as it stands in the file, for messages */
    char *text;          /* owned; what follows the number */
    size_t text_length;  /* of BODY, CONTAINS, ABSENT with escapes decoded */
    bool is_alternative; /* another one behind it may hold instead */
};

struct conform_case {
    char *id;    /* owned, like the other texts; NULL when not given */
    char *group; /* the name of the file */
    char *rule;
    char *why;
    char *known; /* servers that fail this case, each as NAME: WHY, one per line */
    enum suite suite;
    enum level level;
    enum transport transport;
    unsigned long clients_count;
    unsigned long timeout_ms; /* 0: that of the command line */
    bool is_split_each;       /* one client per place where the bytes can be split */
    bool is_alone;            /* runs while no other case does */
    bool is_head[HTTP_MESSAGES_MAX];
    struct step *steps;
    size_t steps_count;
    struct predicate *predicates;
    size_t predicates_count;
    size_t line; /* in its file, for messages */
};

struct case_list {
    struct conform_case *cases; /* owned */
    size_t count;
};

/* What is wrong in a case file, as `file:line: what, what was expected`. */
struct case_error {
    char text[400];
};

/*
 * Adds the cases in `bytes` to the list. `name` is the file's name for messages, `group` that of
 * the group.
 *
 * Errors: -EINVAL and the sentence in `error`; the list then holds what was read before.
 */
int case_list_read(struct case_list *list, enum suite suite, const char *group, const char *name,
                   const char *bytes, size_t length, struct case_error *error);

/* Reads all files that end in .case below `directory`/http or `directory`/line. */
int case_list_read_directory(struct case_list *list, enum suite suite, const char *directory,
                             struct case_error *error);

/* Reads the files that were built in. */
int case_list_read_built_in(struct case_list *list, enum suite suite, struct case_error *error);

void case_list_deinit(struct case_list *list);

/* Which final responses answer HEAD when `in_front` others come before those of the case. */
void case_fill_heads(const struct conform_case *one, size_t in_front,
                     bool ret_is_head[HTTP_MESSAGES_MAX]);

const char *level_name(enum level level);

/* What was built in; the table ends with a suite of NULL. Made by embed_cases.sh. */
struct built_in_file {
    const char *suite;
    const char *group;
    const char *text;
};
extern const struct built_in_file built_in_files[];

#endif
