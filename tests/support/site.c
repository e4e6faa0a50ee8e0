/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The site that programs of others visit (tests/integration/clients_test.sh): beside the files
 * below http.root
 *
 *     /upload, /upload-block   count the body and sum it up as it comes
 *     /form, /form-block       read a form and say what each field was
 *     /events                  five numbered events, sent by a thread of their own
 *
 * Those that end in -block say that they may block.
 */
#include <paceline/http.h>
#include <paceline/main.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#define EVENTS         5
#define FORM_TEXT_MAX  4096
#define EVENT_PAUSE_MS 20

/* ---- uploads ---- */

struct upload {
    uint64_t bytes;
    uLong sum; /* CRC-32: what is lost, doubled or out of order changes it */
};

static enum pl_http_consume count(struct pl_http_exchange *exchange, struct pl_view part,
                                  bool is_last, void *context)
{
    struct upload *upload = context;
    char text[64];

    if (exchange == NULL) {
        free(upload);
        return PL_HTTP_ENOUGH;
    }
    upload->bytes += part.length;
    upload->sum = crc32_z(upload->sum, (const Bytef *)part.bytes, part.length);
    if (!is_last)
        return PL_HTTP_TAKEN;
    snprintf(text, sizeof(text), "%llu bytes, sum %08lx\n", (unsigned long long)upload->bytes,
             upload->sum);
    pl_http_reply_text(exchange, 200, text);
    free(upload);
    return PL_HTTP_TAKEN;
}

static void upload(struct pl_http_exchange *exchange, void *context)
{
    struct upload *upload = calloc(1, sizeof(*upload));

    (void)context;
    if (upload == NULL)
        pl_http_reply_text(exchange, 503, "no memory\n");
    else
        pl_http_receive_body(exchange, count, upload);
}

/* ---- forms ---- */

struct form {
    struct pl_http_multipart multipart;
    bool is_complete;
    bool has_field; /* one has begun, and its line lacks the size */
    uint64_t field_bytes;
    size_t used;
    char text[FORM_TEXT_MAX];
};

/* False when there is no room: no more fields than can be named. */
__attribute__((format(printf, 2, 3))) static bool put(struct form *form, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(form->text + form->used, sizeof(form->text) - form->used, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof(form->text) - form->used)
        return false;
    form->used += (size_t)length;
    return true;
}

static bool end_field(struct form *form)
{
    bool is_told = !form->has_field || put(form, "%llu\n", (unsigned long long)form->field_bytes);

    form->has_field = false;
    form->field_bytes = 0;
    return is_told;
}

static bool begin_field(struct form *form)
{
    const struct pl_http_multipart *multipart = &form->multipart;

    if (!end_field(form))
        return false;
    form->has_field = true;
    return put(form, "%s '%s' ", multipart->name, multipart->file_name);
}

/* False when it is no form, or one with too many fields. */
static bool read_part(struct form *form, struct pl_view part)
{
    struct pl_view data;

    while (!form->is_complete) {
        switch (pl_http_multipart_read(&form->multipart, &part, &data)) {
        case PL_HTTP_MULTIPART_MORE:
            return true;
        case PL_HTTP_MULTIPART_FIELD:
            if (!begin_field(form))
                return false;
            break;
        case PL_HTTP_MULTIPART_DATA:
            form->field_bytes += data.length;
            break;
        case PL_HTTP_MULTIPART_END:
            form->is_complete = true;
            return end_field(form);
        case PL_HTTP_MULTIPART_BROKEN:
            return false;
        }
    }
    return true;
}

static enum pl_http_consume read_form(struct pl_http_exchange *exchange, struct pl_view part,
                                      bool is_last, void *context)
{
    struct form *form = context;

    if (exchange == NULL) {
        free(form);
        return PL_HTTP_ENOUGH;
    }
    if (!read_part(form, part) || (is_last && !form->is_complete)) {
        pl_http_reply_text(exchange, 400, "no form\n");
        free(form);
        return PL_HTTP_ENOUGH;
    }
    if (is_last) {
        pl_http_reply(exchange, 200, "text/plain; charset=utf-8", form->text, form->used);
        free(form);
    }
    return PL_HTTP_TAKEN;
}

static void form(struct pl_http_exchange *exchange, void *context)
{
    struct form *form = calloc(1, sizeof(*form));
    struct pl_view type = PL_VIEW("");

    (void)context;
    (void)pl_http_field(exchange, "Content-Type", &type);
    if (form == NULL) {
        pl_http_reply_text(exchange, 503, "no memory\n");
    } else if (pl_http_multipart_init(&form->multipart, type) < 0) {
        pl_http_reply_text(exchange, 415, "expected multipart/form-data\n");
        free(form);
    } else {
        pl_http_receive_body(exchange, read_form, form);
    }
}

/* ---- events ---- */

/* Those that tell events; the stop waits for them, since what they send to goes with the server. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t nobody;
    unsigned threads; /* lock */
} tellers = { .lock = PTHREAD_MUTEX_INITIALIZER, .nobody = PTHREAD_COND_INITIALIZER };

static void count_tellers(bool is_more)
{
    pthread_mutex_lock(&tellers.lock);
    tellers.threads += is_more ? 1u : -1u;
    if (tellers.threads == 0)
        pthread_cond_signal(&tellers.nobody);
    pthread_mutex_unlock(&tellers.lock);
}

static void *tell(void *argument)
{
    struct pl_http_deferred *deferred = argument;
    const struct timespec pause = { .tv_nsec = EVENT_PAUSE_MS * 1000000L };
    int err = pl_http_deferred_begin(deferred, 200, "text/event-stream");

    for (int i = 1; i <= EVENTS && err == 0; i++) {
        char id[16], data[32];

        snprintf(id, sizeof(id), "%d", i);
        snprintf(data, sizeof(data), "event %d", i);
        nanosleep(&pause, NULL);
        err = pl_http_deferred_event(deferred,
                                     &(struct pl_http_event){ .id = id, .data = pl_view_of(data) });
    }
    if (err == 0)
        err = pl_http_deferred_end(deferred);
    if (err != 0)
        fprintf(stderr, "site: the client of the events has gone: %s\n", strerror(-err));
    free(deferred);
    count_tellers(false);
    return NULL;
}

static void events(struct pl_http_exchange *exchange, void *context)
{
    struct pl_http_deferred *deferred = malloc(sizeof(*deferred));
    pthread_t thread;

    (void)context;
    if (deferred == NULL) {
        pl_http_reply_text(exchange, 503, "no memory\n");
        return;
    }
    *deferred = pl_http_defer(exchange);
    count_tellers(true);
    if (pthread_create(&thread, NULL, tell, deferred) == 0) {
        pthread_detach(thread);
        return;
    }
    count_tellers(false);
    (void)!pl_http_deferred_reply(deferred, 503, "text/plain", "no thread\n", 10);
    free(deferred);
}

static void stop(struct pl_server *server, void *context)
{
    (void)server;
    (void)context;
    pthread_mutex_lock(&tellers.lock);
    while (tellers.threads > 0)
        pthread_cond_wait(&tellers.nobody, &tellers.lock);
    pthread_mutex_unlock(&tellers.lock);
}

#define TAKES_BODY(route_path, function, is_blocking)                                              \
    {                                                                                              \
        .method = "POST", .path = (route_path), .handler = (function), .may_block = (is_blocking), \
        .streams_body = true                                                                       \
    }

int main(int argc, char **argv)
{
    static const struct pl_http_route routes[] = {
        TAKES_BODY("/upload", upload, false),
        TAKES_BODY("/upload-block", upload, true),
        TAKES_BODY("/form", form, false),
        TAKES_BODY("/form-block", form, true),
        { .method = "GET", .path = "/events", .handler = events },
    };

    return pl_main(argc, argv, &PL_APP(.name = "site", PL_HTTP_ROUTES(routes), .stop = stop));
}
