/* SPDX-License-Identifier: Apache-2.0 */
/* The server under test: its addresses, and the files it is asked for. */
#ifndef CONFORM_TARGET_H
#define CONFORM_TARGET_H

#include "case_file.h"

#include <sys/socket.h>

/* What --make-root writes, and what the answers are known by. */
#define PLAIN_TEXT  "paceline-conform: plain text\n"
#define INDEX_TEXT  "<!doctype html><title>paceline-conform</title>\n"
#define HIDDEN_TEXT "paceline-conform: a hidden request was answered\n"
#define FENCE_TEXT  "paceline-conform: fence\n"

struct address {
    struct sockaddr_storage storage;
    socklen_t length; /* 0: not given */
};

struct target {
    struct address addresses[3]; /* by enum transport */
    char host[300];              /* HOST:PORT as it was given, for the field Host */
};

/* Resolves HOST:PORT; false when it is none or nobody knows the host. */
bool target_set_host(struct target *target, enum transport transport, const char *text);
bool target_set_unix(struct target *target, const char *path);

/* Writes the files; 0 or a negative errno, and the file in `path`. */
int target_make_root(const char *directory, char *path, size_t size);

/* Compares the files in `directory` with those that target_make_root() writes; as above. */
int target_check_root(const char *directory, char *path, size_t size);

#endif
