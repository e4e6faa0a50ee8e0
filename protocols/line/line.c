/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Newline-framed text, the module to read first: bytes come in, whole lines go to the handler, its
 * replies go out in the same order. Without a handler it echoes byte for byte, at once.
 *
 * The state of a connection is one word in the pointer that the framework keeps for the module:
 * an idle line connection owns nothing.
 */
#include <paceline/job.h>
#include <paceline/limits.h>
#include <paceline/line.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct line_settings {
    uint64_t bytes_max;
};

static const struct pl_setting settings_table[] = {
    { .name = "max_line",
      .type = PL_SETTING_BYTES,
      .offset = offsetof(struct line_settings, bytes_max),
      .by_default = "8KiB",
      .min = 1,
      .max = PL_BUFFER_BYTES_MAX / 2,
      .is_live = true,
      .help = "The longest line, without its end; a longer one is refused and the connection "
              "closed." },
    { .name = NULL },
};

struct line_service {
    size_t bytes_max;
    struct pl_line_handling handling; /* handler NULL: echo */
    struct pl_handler_note note;
};

struct pl_line {
    struct pl_conn *conn; /* NULL in a job */
    struct pl_output *output;
    struct pl_line_deferred deferred;
    bool is_deferred;
    bool is_closing;
    bool is_broken; /* a reply could not be kept whole */
};

enum mail_kind { MAIL_DEFERRED = PL_MAIL_JOB + 1 };

struct deferred_mail {
    struct pl_mail mail;
    size_t length;
    char bytes[];
};

struct job_state {
    const struct line_service *service; /* borrowed */
    bool is_closing;
    bool is_broken;
};

/* What the module keeps in the connection's state pointer. */
enum phase { READING, AWAITING_REPLY, AWAITING_LAST };

static const char awaiting_marks[2];

static enum phase phase_of(const struct pl_conn *conn)
{
    const void *state = pl_conn_state(conn);

    if (state == NULL)
        return READING;
    return state == &awaiting_marks[0] ? AWAITING_REPLY : AWAITING_LAST;
}

static void set_phase(struct pl_conn *conn, enum phase phase)
{
    const char *mark = phase == READING ? NULL : &awaiting_marks[phase == AWAITING_LAST];

    pl_conn_set_state(conn, (void *)(size_t)mark);
}

/* ---- the handler's side ---------------------------------------------------------------------- */

int pl_line_reply(struct pl_line *line, const void *bytes, size_t length)
{
    int err = pl_output_append(line->output, bytes, length);

    if (err < 0)
        line->is_broken = true;
    return err;
}

void pl_line_close(struct pl_line *line)
{
    line->is_closing = true;
}

struct pl_line_deferred pl_line_defer(struct pl_line *line)
{
    struct pl_line_deferred nobody = { .token = { .table = NULL } };

    if (line->conn == NULL)
        return nobody;
    line->is_deferred = true;
    line->deferred.token = pl_conn_open_door(line->conn);
    return line->deferred;
}

static void drop_deferred(struct pl_mail *mail, struct pl_conn *conn)
{
    (void)conn;
    free(mail);
}

int pl_line_deferred_reply(const struct pl_line_deferred *deferred, const void *bytes,
                           size_t length)
{
    struct deferred_mail *item;
    int err;

    if (deferred->token.table == NULL)
        return -ESTALE;
    item = malloc(sizeof(*item) + length);
    if (item == NULL)
        return -ENOMEM;
    memset(item, 0, sizeof(*item));
    item->mail.kind = MAIL_DEFERRED;
    item->mail.is_last = true;
    item->mail.drop = drop_deferred;
    item->length = length;
    if (length > 0)
        memcpy(item->bytes, bytes, length);
    err = pl_conn_post(&deferred->token, &item->mail);
    if (err < 0)
        free(item);
    return err;
}

/* ---- process --------------------------------------------------------------------------------- */

static enum pl_next end_of_input(struct pl_conn *conn)
{
    return pl_conn_peer_is_done(conn) ? PL_CLOSE : PL_RUN_RECEIVE;
}

static enum pl_next echo(struct pl_conn *conn)
{
    struct pl_view input = pl_conn_input(conn);

    if (input.length > 0) {
        if (pl_output_append(pl_conn_output(conn), input.bytes, input.length) < 0)
            return PL_CLOSE;
        pl_conn_consume(conn, input.length);
        pl_conn_count_request(conn);
        pl_conn_start_deadline(conn, PL_DEADLINE_IDLE);
    }
    return end_of_input(conn);
}

static enum pl_next refuse_long_line(struct pl_conn *conn)
{
    static const char text[] = "error: line too long\n";

    if (pl_output_append(pl_conn_output(conn), text, sizeof(text) - 1) == 0)
        pl_conn_linger(conn);
    return PL_CLOSE;
}

/* The first line of the input; false while its end is missing. At the end of input what is left
 * counts as a line. */
static bool find_line(struct pl_conn *conn, struct pl_view *ret_text, size_t *ret_unit_bytes)
{
    struct pl_view input = pl_conn_input(conn);
    const char *end = input.length > 0 ? memchr(input.bytes, '\n', input.length) : NULL;

    if (end == NULL && (!pl_conn_peer_is_done(conn) || input.length == 0))
        return false;
    *ret_text = input;
    *ret_unit_bytes = input.length;
    if (end != NULL) {
        ret_text->length = (size_t)(end - input.bytes);
        *ret_unit_bytes = ret_text->length + 1;
    }
    if (ret_text->length > 0 && ret_text->bytes[ret_text->length - 1] == '\r' && end != NULL)
        ret_text->length--;
    return true;
}

static void run_job(struct pl_job *job)
{
    struct job_state *state = pl_job_state(job);
    struct pl_view text = pl_job_input(job);
    struct pl_line line = { .output = pl_job_output(job) };

    /* As find_line() does: CR belongs to the end of a line only in front of LF. */
    if (text.length > 0 && text.bytes[text.length - 1] == '\n') {
        text.length--;
        if (text.length > 0 && text.bytes[text.length - 1] == '\r')
            text.length--;
    }
    state->service->handling.handler(&line, text, state->service->handling.context);
    state->is_closing = line.is_closing;
    state->is_broken = line.is_broken;
}

static enum pl_next start_job(struct pl_conn *conn, struct line_service *service, size_t unit_bytes)
{
    struct pl_job *job;

    if (pl_output_length(pl_conn_output(conn)) > 0)
        return PL_RUN_SEND;
    job = pl_conn_start_job(conn, unit_bytes, sizeof(struct job_state), run_job, NULL,
                            &service->note);
    if (job == NULL)
        return PL_CLOSE;
    *(struct job_state *)pl_job_state(job) = (struct job_state){ .service = service };
    set_phase(conn, AWAITING_REPLY);
    return PL_WAIT;
}

static enum pl_next await_reply(struct pl_conn *conn, size_t unit_bytes, bool is_last)
{
    pl_conn_consume(conn, unit_bytes);
    set_phase(conn, is_last ? AWAITING_LAST : AWAITING_REPLY);
    pl_conn_wait_for(conn, PL_COMPLETION);
    pl_conn_start_deadline(conn, PL_DEADLINE_HANDLER);
    return PL_WAIT;
}

static enum pl_next handle_line(struct pl_conn *conn, struct line_service *service,
                                struct pl_view text, size_t unit_bytes)
{
    struct pl_line line = { .conn = conn, .output = pl_conn_output(conn) };

    service->handling.handler(&line, text, service->handling.context);
    pl_conn_count_request(conn);
    if (line.is_broken)
        return PL_CLOSE;
    if (line.is_deferred)
        return await_reply(conn, unit_bytes, line.is_closing);
    pl_conn_consume(conn, unit_bytes);
    return line.is_closing ? PL_CLOSE : PL_RUN_PROCESS;
}

static enum pl_next handle_lines(struct pl_conn *conn, struct line_service *service)
{
    struct pl_view text;
    size_t unit_bytes;

    while (find_line(conn, &text, &unit_bytes)) {
        enum pl_next next;

        if (text.length > service->bytes_max)
            return refuse_long_line(conn);
        if (!pl_conn_begin_handler(conn, &service->note, service->handling.may_block))
            return PL_HAND_OVER;
        next = service->handling.may_block ? start_job(conn, service, unit_bytes)
                                           : handle_line(conn, service, text, unit_bytes);
        if (next != PL_RUN_PROCESS)
            return next;
        pl_conn_start_deadline(conn, PL_DEADLINE_IDLE);
        if (!pl_conn_may_continue(conn))
            return pl_conn_output_is_full(conn) ? PL_RUN_SEND : PL_AGAIN;
    }
    if (pl_conn_input(conn).length > service->bytes_max + 1)
        return refuse_long_line(conn);
    return end_of_input(conn);
}

/* The reply that was waited for; PL_RUN_PROCESS: go on with the next line. */
static enum pl_next take_reply(struct pl_conn *conn)
{
    struct pl_mail *mail = pl_conn_take_mail(conn);
    bool is_ended = phase_of(conn) == AWAITING_LAST;

    if (mail == NULL) {
        pl_conn_wait_for(conn, PL_COMPLETION);
        return PL_WAIT;
    }
    if (mail->kind == PL_MAIL_JOB) {
        const struct job_state *state = pl_job_state(pl_job_of_mail(mail));

        is_ended |= state->is_closing || state->is_broken;
        pl_conn_count_request(conn);
        pl_conn_finish_job(conn, mail);
    } else {
        struct deferred_mail *item = (struct deferred_mail *)(void *)mail;

        is_ended |= pl_output_append(pl_conn_output(conn), item->bytes, item->length) < 0;
        free(item);
    }
    pl_conn_close_door(conn);
    set_phase(conn, READING);
    pl_conn_start_deadline(conn, PL_DEADLINE_IDLE);
    return is_ended ? PL_CLOSE : PL_RUN_PROCESS;
}

static enum pl_next process(struct pl_conn *conn)
{
    struct line_service *service = pl_conn_service_data(conn);

    if (service->handling.handler == NULL)
        return echo(conn);
    if (phase_of(conn) != READING) {
        enum pl_next next = take_reply(conn);

        if (next != PL_RUN_PROCESS)
            return next;
    }
    if (pl_conn_is_draining(conn) && pl_conn_input(conn).length == 0)
        return PL_CLOSE;
    return handle_lines(conn, service);
}

static enum pl_frame frame(struct pl_conn *conn)
{
    const struct line_service *service = pl_conn_service_data(conn);
    struct pl_view input = pl_conn_input(conn);

    if (service->handling.handler == NULL || input.length > service->bytes_max + 1 ||
        memchr(input.bytes, '\n', input.length) != NULL)
        return PL_FRAME_UNIT;
    return PL_FRAME_INCOMPLETE;
}

static enum pl_next timeout(struct pl_conn *conn)
{
    const struct line_service *service = pl_conn_service_data(conn);

    if (phase_of(conn) != READING) {
        pl_conn_close_door(conn);
        pl_conn_report_stuck(conn, &service->note);
    }
    return PL_CLOSE;
}

/* Whole lines that stand in the input are still answered. */
static enum pl_next shutdown_conn(struct pl_conn *conn)
{
    if (phase_of(conn) != READING)
        return PL_RUN_PROCESS;
    return pl_conn_input(conn).length == 0 ? PL_CLOSE : PL_RUN_PROCESS;
}

static enum pl_next refuse(struct pl_conn *conn)
{
    static const char text[] = "error: busy\n";

    if (pl_output_append(pl_conn_output(conn), text, sizeof(text) - 1) == 0)
        pl_conn_linger(conn);
    return PL_CLOSE;
}

static void opened(struct pl_conn *conn)
{
    pl_conn_start_deadline(conn, PL_DEADLINE_IDLE);
}

static void closed(struct pl_conn *conn)
{
    pl_conn_set_state(conn, NULL);
}

static void datagram(struct pl_datagram *datagram)
{
    const struct line_service *service = datagram->service_data;
    struct pl_line line = { .output = datagram->reply };

    if (service->handling.handler == NULL) {
        datagram->has_reply =
            pl_output_append(datagram->reply, datagram->input.bytes, datagram->input.length) == 0;
        return;
    }
    service->handling.handler(&line, datagram->input, service->handling.context);
    datagram->has_reply = !line.is_broken && pl_output_length(datagram->reply) > 0;
}

/* ---- service --------------------------------------------------------------------------------- */

static int service_open(const void *settings, const struct pl_binding *bindings,
                        size_t bindings_count, void **ret_data, struct pl_error *error)
{
    const struct line_settings *line_settings = settings;
    struct line_service *service = calloc(1, sizeof(*service));

    if (service == NULL)
        return pl_error_set(error, 71, -ENOMEM, "line: no memory");
    service->bytes_max = (size_t)line_settings->bytes_max;
    for (size_t i = 0; i < bindings_count; i++) {
        size_t known = bindings[i].element_bytes < sizeof(service->handling)
                           ? bindings[i].element_bytes
                           : sizeof(service->handling);

        if (bindings[i].count > 0)
            memcpy(&service->handling, bindings[i].elements, known);
    }
    service->note.name = service->handling.name != NULL ? service->handling.name : "line";
    *ret_data = service;
    return 0;
}

static void service_close(void *data)
{
    free(data);
}

const struct pl_protocol pl_line_protocol = { .name = "line",
                                              .default_listen = "127.0.0.1:7007",
                                              .client_speaks_first = true,
                                              .settings = settings_table,
                                              .settings_bytes = sizeof(struct line_settings),
                                              .service_open = service_open,
                                              .service_close = service_close,
                                              .opened = opened,
                                              .frame = frame,
                                              .process = process,
                                              .timeout = timeout,
                                              .shutdown = shutdown_conn,
                                              .refuse = refuse,
                                              .closed = closed,
                                              .datagram = datagram };
