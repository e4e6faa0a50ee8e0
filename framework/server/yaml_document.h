/* SPDX-License-Identifier: Apache-2.0 */
/* Text → one YAML document, bounded in size and depth. */
#ifndef PL_SERVER_YAML_DOCUMENT_H
#define PL_SERVER_YAML_DOCUMENT_H

#include <paceline/attributes.h>
#include <paceline/error.h>

#include <yaml.h>

/* Owner: the caller, who frees *ret_text with pl_free(). Errors: -ENOENT and the like (66), -EFBIG
 * (78). */
PL_MUST_CHECK int pl_yaml_read_file(const char *path, char **ret_text, size_t *ret_length,
                                    struct pl_error *error);

/* Owner: the caller, who deletes the document. Errors: -EINVAL with source:line:column. */
PL_MUST_CHECK int pl_yaml_open(const char *text, size_t length, const char *source,
                               yaml_document_t *ret_document, struct pl_error *error);

#endif
