/* SPDX-License-Identifier: Apache-2.0 */
/* YAML → settings, strict: every complaint has file, line and column. */
#ifndef PL_SERVER_SETTINGS_YAML_H
#define PL_SERVER_SETTINGS_YAML_H

#include "settings.h"

/* Fills `settings` from a file, over its defaults. Errors: -ENOENT and the like (66), -EINVAL (78);
 * the struct may be half filled and is to be freed. Thread: setup. */
PL_MUST_CHECK int pl_settings_read(const struct pl_settings_schema *schema, const char *path,
                                   struct pl_settings *settings, struct pl_error *error);

/* Names the services that have no name after their protocol; the second of them http-2. -ENOMEM */
PL_MUST_CHECK int pl_settings_name_services(const struct pl_settings_schema *schema,
                                            struct pl_settings *settings);

/* Applies one KEY=VALUE: `dispatch.model=reactor`, `services.web.listen=[127.0.0.1:0]`; a list's
 * item is named by its number or its name. */
PL_MUST_CHECK int pl_settings_set(const struct pl_settings_schema *schema, const char *assignment,
                                  struct pl_settings *settings, struct pl_error *error);

#endif
