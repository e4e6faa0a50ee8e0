/* SPDX-License-Identifier: Apache-2.0 */
/* Two settings of one schema: what differs, and what of the newer may apply while the server runs.
 */
#ifndef PL_SERVER_SETTINGS_DIFF_H
#define PL_SERVER_SETTINGS_DIFF_H

#include "settings.h"

#define PL_CHANGE_TEXT_BYTES 256

struct pl_settings_change {
    char key[PL_CHANGE_TEXT_BYTES]; /* as --set takes it: services.web.http.root */
    /* As --print-config prints it, cut where it is long; "absent" and "present" for items of a list
     * that came or went. */
    char before[PL_CHANGE_TEXT_BYTES];
    char after[PL_CHANGE_TEXT_BYTES];
    bool is_live; /* applies while the server runs */
};

/* In the order of the tables; the settings' own bound on values bounds them. */
struct pl_settings_diff {
    struct pl_settings_change *changes; /* owned */
    uint32_t count;
    uint32_t room;
};

/* Services and upstreams are matched by their names, items without one by their number. Owner: the
 * caller, who frees *ret_diff also after an error. Errors: -ENOMEM. Thread: any. */
PL_MUST_CHECK int pl_settings_diff(const struct pl_settings_schema *schema,
                                   const struct pl_settings *before,
                                   const struct pl_settings *after,
                                   struct pl_settings_diff *ret_diff);
void pl_settings_diff_free(struct pl_settings_diff *diff);

/* True when two structs of the table hold the same values; `prefix` of keys is of no matter. */
PL_MUST_CHECK bool pl_settings_is_same(const struct pl_setting *rows,
                                       const struct pl_modules *modules, const void *a,
                                       const void *b);

/* The item of a list whose first row, `name`, holds that text; NULL: none. */
void *pl_settings_find_named(const struct pl_setting *row, const struct pl_setting_list *list,
                             const char *name);
bool pl_settings_is_named(const struct pl_setting *row);

/*
 * Gives `after` the values of `before` wherever a row applies only at the start: it then says what
 * holds. In settings_keep.c.
 *
 * Owner:  `after` owns copies.
 * Errors: -ENOMEM; `after` may be half done and is to be freed.
 * Thread: any.
 */
PL_MUST_CHECK int pl_settings_keep(const struct pl_settings_schema *schema,
                                   const struct pl_settings *before, struct pl_settings *after);

#endif
