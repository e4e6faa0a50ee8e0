/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a protocol module implements. A module turns bytes into messages and replies into bytes;
 * it never touches a descriptor, a lock, a queue or a thread.
 *
 *     socket ─▶ receive ─▶ [frame] ─▶ process ─▶ send ─▶ socket
 *
 * Each function is called by the thread that holds the connection, never by two at once.
 */
#ifndef PACELINE_PROTOCOL_H
#define PACELINE_PROTOCOL_H

#include <paceline/conn.h>
#include <paceline/error.h>
#include <paceline/next.h>
#include <paceline/output.h>
#include <paceline/settings.h>

/* Does the input hold a unit for a worker: a whole message, or an error to answer? */
enum pl_frame { PL_FRAME_INCOMPLETE, PL_FRAME_UNIT };

/* One datagram and where its reply goes. */
struct pl_datagram {
    void *service_data;
    struct pl_view input;
    struct pl_output *reply; /* left empty and not has_reply: no reply */
    bool has_reply;
};

/* An application's handlers for one protocol; filled by the protocol's own macro. */
struct pl_binding {
    const struct pl_protocol *protocol;
    const char *service;  /* the name of one service, or NULL for all of the protocol */
    const void *elements; /* borrowed: routes of http, the handler of line */
    size_t element_bytes; /* sizeof as the application was compiled */
    size_t count;
};

struct pl_protocol {
    const char *name;           /* the word in the configuration */
    const char *default_listen; /* where a server without a configuration file listens */
    bool client_speaks_first;   /* nothing is sent before the first byte has come */

    const struct pl_setting *settings; /* the module's own table; ended by a NULL name */
    size_t settings_bytes;             /* of the struct that the table describes */

    /* Builds what all connections of a service share. `settings` lives as long as the service.
     * Thread: setup. */
    int (*service_open)(const void *settings, const struct pl_binding *bindings,
                        size_t bindings_count, void **ret_data, struct pl_error *error);
    void (*service_close)(void *data);

    /* A connection begins: start the first deadline. */
    void (*opened)(struct pl_conn *conn);
    /* Looks at new input: may read on into the module's own state, but neither consumes nor
     * answers. Also by threads that only do input and output. */
    enum pl_frame (*frame)(struct pl_conn *conn);
    /* Takes input and mail, appends output. */
    enum pl_next (*process)(struct pl_conn *conn);
    /* The deadline passed: answer and close, or close. */
    enum pl_next (*timeout)(struct pl_conn *conn);
    /* The server goes down: PL_CLOSE between requests, PL_RUN_PROCESS within one. */
    enum pl_next (*shutdown)(struct pl_conn *conn);
    /* The queue to the workers is full and the settings say `refuse`: answer in place of them. */
    enum pl_next (*refuse)(struct pl_conn *conn);
    /* The connection ends: free its state. */
    void (*closed)(struct pl_conn *conn);

    /* One datagram; NULL when the protocol has none. */
    void (*datagram)(struct pl_datagram *datagram);
};

#endif
