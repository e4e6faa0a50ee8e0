/* SPDX-License-Identifier: Apache-2.0 */
#include "yaml_document.h"

#include "alloc.h"

#include <paceline/limits.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* Opened without waiting: a FIFO would hold the start until somebody writes. */
static FILE *open_regular(const char *path, struct pl_error *error)
{
    char reason[128];
    struct stat status;
    FILE *file = NULL;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0) {
        (void)pl_error_set(error, EX_NOINPUT, 0, "%s: cannot be read: %s", path,
                           strerror_r(errno, reason, sizeof(reason)));
        return NULL;
    }
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        (void)pl_error_set(error, EX_NOINPUT, 0, "%s: not a file", path);
    else
        file = fdopen(fd, "r");
    if (file == NULL)
        (void)close(fd);
    return file;
}

int pl_yaml_read_file(const char *path, char **ret_text, size_t *ret_length, struct pl_error *error)
{
    FILE *file = open_regular(path, error);
    char *text;
    int err = 0;

    if (file == NULL)
        return -ENOENT;
    text = pl_alloc(PL_YAML_BYTES_MAX + 1);
    if (text == NULL) {
        (void)fclose(file);
        return pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for the settings");
    }
    *ret_length = fread(text, 1, PL_YAML_BYTES_MAX + 1, file);
    if (*ret_length > PL_YAML_BYTES_MAX)
        err = pl_error_set(error, EX_CONFIG, -EFBIG, "%s: larger than %d bytes", path,
                           PL_YAML_BYTES_MAX);
    (void)fclose(file);
    if (err < 0)
        pl_free(text);
    else
        *ret_text = text;
    return err;
}

static int refuse_syntax(const yaml_parser_t *parser, const char *source, struct pl_error *error)
{
    return pl_error_set(error, EX_CONFIG, -EINVAL, "%s:%zu:%zu: not YAML: %s%s%s", source,
                        parser->problem_mark.line + 1, parser->problem_mark.column + 1,
                        parser->problem != NULL ? parser->problem : "no memory",
                        parser->context != NULL ? ", " : "",
                        parser->context != NULL ? parser->context : "");
}

static int load(yaml_parser_t *parser, yaml_document_t *document, const char *source,
                struct pl_error *error)
{
    yaml_document_t second;
    yaml_node_t *root;
    bool is_single;

    if (!yaml_parser_load(parser, document))
        return refuse_syntax(parser, source, error);
    if (!yaml_parser_load(parser, &second)) {
        yaml_document_delete(document);
        return refuse_syntax(parser, source, error);
    }
    root = yaml_document_get_root_node(&second);
    is_single = root == NULL;
    if (!is_single)
        pl_error_set(error, EX_CONFIG, 0, "%s:%zu:1: a second document; expected one", source,
                     root->start_mark.line + 1);
    yaml_document_delete(&second);
    if (!is_single)
        yaml_document_delete(document);
    return is_single ? 0 : -EINVAL;
}

/* Before the document is built: the work of libyaml grows with the square of the depth. What is
 * no YAML is left to load(), which says so. */
static int check_depth(const char *text, size_t length, const char *source, struct pl_error *error)
{
    yaml_parser_t parser;
    yaml_event_t event;
    int depth = 0, err = 0;
    bool is_over = false;

    if (!yaml_parser_initialize(&parser))
        return pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for the settings");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    while (!is_over && err == 0 && yaml_parser_parse(&parser, &event)) {
        if (event.type == YAML_SEQUENCE_START_EVENT || event.type == YAML_MAPPING_START_EVENT)
            depth++;
        if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT)
            depth--;
        if (depth > PL_YAML_DEPTH_MAX)
            err = pl_error_set(
                error, EX_CONFIG, -EINVAL, "%s:%zu:%zu: nested deeper than %d levels", source,
                event.start_mark.line + 1, event.start_mark.column + 1, PL_YAML_DEPTH_MAX);
        is_over = event.type == YAML_STREAM_END_EVENT || event.type == YAML_NO_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return err;
}

int pl_yaml_open(const char *text, size_t length, const char *source, yaml_document_t *ret_document,
                 struct pl_error *error)
{
    yaml_parser_t parser;
    int err = check_depth(text, length, source, error);

    if (err < 0)
        return err;
    if (!yaml_parser_initialize(&parser))
        return pl_error_set(error, EX_OSERR, -ENOMEM, "no memory for the settings");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    err = load(&parser, ret_document, source, error);
    yaml_parser_delete(&parser);
    return err;
}
