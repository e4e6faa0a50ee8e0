/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol of the control socket, built like protocols/line: whole lines come in, each is
 * answered at once by a line of JSON. Only who runs the process, and root, is answered.
 *
 *     line ─▶ pl_control_parse() ─▶ pl_control_answer() ─▶ JSON
 *
 * Commands look at a server and ask it to change; none waits for a handler of it, so the one thread
 * of the socket is never away for long.
 */
#include "control.h"

#include "alloc.h"
#include "clock.h"
#include "conn.h"
#include "control_answer.h"

#include <paceline/limits.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

/* Long enough for every refusal. */
#define REFUSAL_BYTES (PL_CONTROL_PROBLEM_BYTES * 6 + 64)

/* ---- replies --------------------------------------------------------------------------------- */

static int append_line(struct pl_conn *conn, struct pl_json *json)
{
    int err = pl_output_append(pl_conn_output(conn), json->text, json->used);

    return err < 0 ? err : pl_output_append(pl_conn_output(conn), "\n", 1);
}

static int refuse_line(struct pl_conn *conn, const char *problem)
{
    char text[REFUSAL_BYTES];
    struct pl_json json = { .text = text, .size = sizeof(text) };

    pl_control_refuse(&json, problem);
    return append_line(conn, &json);
}

/* The last line of a conversation that cannot go on. */
static enum pl_next refuse_conn(struct pl_conn *conn, const char *problem)
{
    if (refuse_line(conn, problem) == 0)
        pl_conn_linger(conn);
    return PL_CLOSE;
}

/* ---- commands -------------------------------------------------------------------------------- */

/* A client's earlier look at the figures, made when it asks for rates: most never do. */
static struct pl_rates *rates_of(struct pl_conn *conn)
{
    struct pl_rates *rates = pl_conn_state(conn);

    if (rates == NULL) {
        rates = pl_alloc(sizeof(*rates));
        pl_conn_set_state(conn, rates);
    }
    return rates;
}

static int answer_command(struct pl_conn *conn, const struct pl_control_command *command)
{
    struct pl_rates *rates = NULL;
    struct pl_json json = { .size = PL_CONTROL_REPLY_BYTES_MAX };
    int err = -ENOMEM;

    if (command->word == PL_CONTROL_RATES)
        rates = rates_of(conn);
    json.text = pl_alloc(json.size);
    if (json.text != NULL && (rates != NULL || command->word != PL_CONTROL_RATES)) {
        pl_control_answer(pl_conn_service_data(conn), command, rates, &json);
        err = append_line(conn, &json);
    }
    pl_free(json.text);
    return err == -ENOMEM ? refuse_line(conn, "no memory for a reply") : err;
}

static int handle_line(struct pl_conn *conn, char *line, size_t length)
{
    struct pl_control_command command;
    char problem[PL_CONTROL_PROBLEM_BYTES];

    if (length > 0 && line[length - 1] == '\r')
        length--;
    if (pl_control_parse(line, length, &command, problem) < 0)
        return refuse_line(conn, problem);
    return answer_command(conn, &command);
}

static enum pl_next await_input(struct pl_conn *conn)
{
    size_t length = pl_conn_input(conn).length;

    if (length > PL_CONTROL_LINE_BYTES_MAX)
        return refuse_conn(conn, "the line is longer than a command may be");
    if (pl_conn_peer_is_done(conn))
        return length > 0 ? refuse_conn(conn, "the line has no end") : PL_CLOSE;
    if (length > 0 && pl_conn_deadline(conn) != PL_DEADLINE_HEADER)
        pl_conn_start_deadline(conn, PL_DEADLINE_HEADER);
    return PL_RUN_RECEIVE;
}

static enum pl_next handle_lines(struct pl_conn *conn)
{
    for (;;) {
        struct pl_view input = pl_conn_input(conn);
        const char *end = input.length > 0 ? memchr(input.bytes, '\n', input.length) : NULL;
        size_t length = end == NULL ? 0 : (size_t)(end - input.bytes);

        if (end == NULL)
            return await_input(conn);
        if (length > PL_CONTROL_LINE_BYTES_MAX)
            return refuse_conn(conn, "the line is longer than a command may be");
        if (handle_line(conn, pl_conn_input_bytes(conn), length) < 0)
            return PL_CLOSE;
        pl_conn_consume(conn, length + 1);
        pl_conn_count_request(conn);
        pl_conn_start_deadline(conn, PL_DEADLINE_IDLE);
        if (!pl_conn_may_continue(conn))
            return pl_conn_output_is_full(conn) ? PL_RUN_SEND : PL_AGAIN;
    }
}

/* ---- the module ------------------------------------------------------------------------------ */

/* The file's mode keeps others out; this does so where it was widened, or a folder's was. */
static bool may_ask(const struct pl_conn *conn)
{
    struct ucred who;
    socklen_t length = sizeof(who);

    if (getsockopt(conn->slot.handle.fd, SOL_SOCKET, SO_PEERCRED, &who, &length) < 0)
        return false;
    return who.uid == geteuid() || who.uid == 0;
}

static enum pl_next process(struct pl_conn *conn)
{
    if (!may_ask(conn))
        return refuse_conn(conn, "only the user who runs the server, and root, may ask");
    if (pl_conn_is_draining(conn) && pl_conn_input(conn).length == 0)
        return PL_CLOSE;
    return handle_lines(conn);
}

static enum pl_frame frame(struct pl_conn *conn)
{
    struct pl_view input = pl_conn_input(conn);

    if (input.length > PL_CONTROL_LINE_BYTES_MAX ||
        (input.length > 0 && memchr(input.bytes, '\n', input.length) != NULL))
        return PL_FRAME_UNIT;
    return PL_FRAME_INCOMPLETE;
}

/* The first command must come soon: there are few places. */
static void opened(struct pl_conn *conn)
{
    pl_conn_start_deadline(conn, PL_DEADLINE_HEADER);
}

static enum pl_next timeout(struct pl_conn *conn)
{
    (void)conn;
    return PL_CLOSE;
}

static enum pl_next shutdown_conn(struct pl_conn *conn)
{
    return pl_conn_input(conn).length == 0 ? PL_CLOSE : PL_RUN_PROCESS;
}

static enum pl_next refuse(struct pl_conn *conn)
{
    return refuse_conn(conn, "busy");
}

static void closed(struct pl_conn *conn)
{
    pl_free(pl_conn_state(conn));
    pl_conn_set_state(conn, NULL);
}

static int service_open(const void *settings, const struct pl_binding *bindings,
                        size_t bindings_count, void **ret_data, struct pl_error *error)
{
    struct pl_control *control = pl_alloc(sizeof(*control));

    (void)settings;
    if (control == NULL)
        return pl_error_set(error, EX_OSERR, -ENOMEM, "control: no memory");
    for (size_t i = 0; i < bindings_count; i++)
        control->watched = ((const struct pl_control_handling *)bindings[i].elements)->watched;
    control->opened_ms = pl_clock_ms();
    *ret_data = control;
    return 0;
}

static void service_close(void *data)
{
    pl_free(data);
}

static const struct pl_setting settings_table[] = { { .name = NULL } };

const struct pl_protocol pl_control_protocol = { .name = "control",
                                                 .default_listen = "unix:/run/paceline.sock",
                                                 .client_speaks_first = true,
                                                 .settings = settings_table,
                                                 .service_open = service_open,
                                                 .service_close = service_close,
                                                 .opened = opened,
                                                 .frame = frame,
                                                 .process = process,
                                                 .timeout = timeout,
                                                 .shutdown = shutdown_conn,
                                                 .refuse = refuse,
                                                 .closed = closed };
