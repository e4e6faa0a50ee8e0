/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings as tables: a row per key. From these tables come the YAML reader, its checks, the
 * `did you mean` of its errors, `--set`, `--print-config` and docs/configuration.md.
 */
#ifndef PACELINE_SETTINGS_H
#define PACELINE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pl_setting_type {
    PL_SETTING_BOOL,     /* bool */
    PL_SETTING_COUNT,    /* uint32_t */
    PL_SETTING_BYTES,    /* uint64_t; 64KiB, 1MiB, 500B */
    PL_SETTING_DURATION, /* int64_t microseconds; 150us, 20ms, 10s, 5min, 1h */
    PL_SETTING_MODE,     /* uint32_t; permission bits, 0660 */
    PL_SETTING_TEXT,     /* char *, owned; NULL when absent */
    PL_SETTING_PATH,     /* char *, owned; relative to the configuration file's folder */
    PL_SETTING_WORD,     /* int: an index into `words` */
    PL_SETTING_GROUP,    /* a struct in place, described by `rows` */
    PL_SETTING_LIST,     /* struct pl_setting_list of groups described by `rows` */
    PL_SETTING_TEXTS,    /* struct pl_setting_list of char *, owned */
    PL_SETTING_MODULE,   /* void *, owned: a protocol's own struct; see the server's table */
    PL_SETTING_INCLUDE,  /* struct pl_setting_list of char *, owned: the files that were read */
};

struct pl_setting_list {
    void *items; /* owned */
    uint32_t count;
};

/* Several spellings of one word: "reactor", or "leader_followers|leader_follower"; the one that is
 * shown comes first. Ended by NULL. */
typedef const char *const pl_setting_words[];

/* Where an item of a list stands; line 0: in no file. */
struct pl_setting_place {
    const char *file; /* borrowed from the settings */
    uint32_t line, column;
};

struct pl_setting {
    const char *name;
    enum pl_setting_type type;
    size_t offset;            /* in the struct that the table describes */
    const char *by_default;   /* as it would stand in YAML; NULL: none */
    int64_t min, max;         /* in the type's own unit; both 0: no bound but the type's */
    const char *const *words; /* WORD: the choices. COUNT: words[0], if any, reads as UINT32_MAX */
    const struct pl_setting *rows; /* GROUP, LIST */
    size_t inherits_from; /* GROUP: where in the outermost struct its unset keys come from, + 1 */
    size_t seen_offset;   /* GROUP: of a bool that says whether the key was there; 0: none */
    size_t place_offset;  /* LIST: in an item, of a struct pl_setting_place; 0: none */
    size_t item_bytes;    /* LIST: of one item; TEXTS: sizeof(char *) */
    /* A reload applies a change of it while the server runs; else it waits for the next start.
     * LIST: items may come and go, its rows say themselves what may change of one. */
    bool is_live;
    const char *help; /* one sentence */
};

#endif
