/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load generator's process: one thread, one edge-triggered epoll, one recv() and one send() per
 * batch of replies, no allocation and no parsing once it runs.
 *
 *     due? ─▶ begin ─▶ flush ──── request ───▶ server
 *                                                │
 *     record ◀─ check ◀─ drain ◀──── reply ──────┘     closed loop: begin again at once
 *
 * A connection that may begin a request and has none to begin yet stands in the `free` queue: those
 * of an open loop until the schedule has one due, those that think until they have thought. A
 * connection that went wrong is closed, counted and opened again.
 */
#include "bench.h"
#include "load.h"
#include "schedule.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_COUNT   256
#define RECEIVE_BYTES  (256 * 1024)
#define SEND_BYTES_MAX (64 * 1024)
#define OPENED_AT_ONCE 32
#define ERRORS_MAX     1000 /* then the generator ends: it would only go in circles */
#define ANSWER_NS_MAX  UINT64_C(5000000000)
#define CHECK_NS       UINT64_C(500000000)
#define WAIT_NS_MAX    UINT64_C(5000000) /* the phase is looked at this often at least */
#define DRAIN_NS_MAX   UINT64_C(1000000000)

struct load_conn {
    int fd; /* -1: not open */
    bool is_greedy, is_connected, is_free;
    uint32_t depth;
    uint32_t outstanding; /* requests begun and not answered */
    uint32_t due_head;
    size_t at;            /* how far into its reply */
    size_t unsent;        /* bytes of begun requests */
    uint64_t *due_ns;     /* ring of `depth`: when each outstanding one was due */
    uint64_t progress_ns; /* the last time something went on; when it may begin, while it thinks */
};

struct generator {
    const struct load_plan *plan;
    const struct reply_template *template;
    struct load_share *share;
    struct load_result *result;
    int epoll_fd;
    struct load_conn *conns;
    size_t conns_count, opened_count, connected_count;
    uint32_t *free_ring; /* indices of connections that may begin */
    size_t free_head, free_count;
    char *requests; /* the request, as often as one send() takes */
    size_t requests_bytes;
    char *received;
    struct schedule schedule;
    enum load_phase phase;
    uint64_t now_ns, measured_ns, check_ns, replies, faults;
    uint64_t cpu_ns;
};

static void begin(struct generator *generator, struct load_conn *conn, uint32_t count,
                  uint64_t due_ns);

/* ---- what went wrong
 * ----------------------------------------------------------------------------- */

static void note_error(struct generator *generator, enum load_error error, const char *detail)
{
    struct load_result *result = generator->result;

    if (generator->faults++ == 0)
        snprintf(result->first_error, sizeof(result->first_error), "%s: %s", load_error_text(error),
                 detail);
    result->errors[error]++;
}

/* The next reply of the run, whose first was the template. */
static unsigned long long reply_number(const struct generator *generator)
{
    return (unsigned long long)generator->replies + 2;
}

static void note_fault(struct generator *generator, const struct reply_fault *fault)
{
    char text[128];

    snprintf(text, sizeof(text), "byte %zu of reply %llu is 0x%02x, expected 0x%02x", fault->offset,
             reply_number(generator), fault->got, fault->expected);
    note_error(generator, LOAD_ERROR_reply, text);
}

/* ---- the queue of those that may begin
 * ------------------------------------------------------------ */

static void push_free(struct generator *generator, struct load_conn *conn)
{
    size_t tail = (generator->free_head + generator->free_count) % generator->conns_count;

    if (conn->is_free)
        return;
    conn->is_free = true;
    generator->free_ring[tail] = (uint32_t)(conn - generator->conns);
    generator->free_count++;
}

static struct load_conn *pop_free(struct generator *generator)
{
    struct load_conn *conn = &generator->conns[generator->free_ring[generator->free_head]];

    generator->free_head = (generator->free_head + 1) % generator->conns_count;
    generator->free_count--;
    conn->is_free = false;
    return conn;
}

static struct load_conn *first_free(const struct generator *generator)
{
    return &generator->conns[generator->free_ring[generator->free_head]];
}

/* ---- opening and closing
 * -------------------------------------------------------------------------- */

static void close_conn(struct generator *generator, struct load_conn *conn)
{
    if (conn->fd >= 0)
        close(conn->fd);
    if (conn->is_connected)
        generator->connected_count--;
    conn->fd = -1;
    conn->is_connected = false;
    conn->outstanding = conn->due_head = 0;
    conn->at = conn->unsent = 0;
}

static bool open_conn(struct generator *generator, struct load_conn *conn)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                 .data.ptr = conn };

    conn->progress_ns = generator->now_ns;
    conn->fd = load_connect_start(&generator->plan->target);
    if (conn->fd < 0) {
        note_error(generator, LOAD_ERROR_connect, strerror(-conn->fd));
        conn->fd = -1;
        return false;
    }
    if (epoll_ctl(generator->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) < 0) {
        note_error(generator, LOAD_ERROR_connect, strerror(errno));
        close_conn(generator, conn);
        return false;
    }
    return true;
}

/* What a connection does after replies. A polite one in a closed loop has its whole depth answered
 * first, so that every server gets the same batches, however it cuts its replies. */
static void next_request(struct generator *generator, struct load_conn *conn)
{
    if (!conn->is_greedy && generator->plan->rate == 0 && conn->outstanding > 0)
        return;
    if (conn->is_greedy || (generator->plan->rate == 0 && generator->plan->think_s == 0)) {
        begin(generator, conn, conn->depth - conn->outstanding, generator->now_ns);
        return;
    }
    conn->progress_ns =
        generator->now_ns +
        (generator->plan->rate == 0 ? (uint64_t)(generator->plan->think_s * 1e9) : 0);
    push_free(generator, conn);
}

/* Once per loop for each that went wrong, so a refusing server is not asked without end. */
static void drop(struct generator *generator, struct load_conn *conn)
{
    close_conn(generator, conn);
    if (generator->faults >= ERRORS_MAX || generator->phase == LOAD_STOPPED)
        return;
    if (generator->plan->is_conn_per_request && !conn->is_greedy)
        next_request(generator, conn);
    else
        (void)open_conn(generator, conn);
}

/* ---- sending
 * -------------------------------------------------------------------------------------- */

static void flush(struct generator *generator, struct load_conn *conn)
{
    size_t length = generator->plan->request_length;

    while (conn->unsent > 0 && conn->is_connected) {
        size_t offset = (length - conn->unsent % length) % length;
        size_t room = generator->requests_bytes - offset;
        ssize_t sent = send(conn->fd, generator->requests + offset,
                            conn->unsent < room ? conn->unsent : room, MSG_NOSIGNAL);

        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (sent < 0) {
            /* The reading side meets the same end and says what it was. */
            conn->unsent = 0;
            return;
        }
        conn->unsent -= (size_t)sent;
    }
}

/* A connection of its own per request is opened here. */
static void begin(struct generator *generator, struct load_conn *conn, uint32_t count,
                  uint64_t due_ns)
{
    if (conn->fd < 0 && !open_conn(generator, conn)) {
        if (generator->faults < ERRORS_MAX)
            push_free(generator, conn);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        conn->due_ns[(conn->due_head + conn->outstanding++) % conn->depth] = due_ns;
    conn->unsent += count * generator->plan->request_length;
    conn->progress_ns = generator->now_ns;
    flush(generator, conn);
}

/* Requests that are due, or whose connection has thought long enough. */
static void begin_due(struct generator *generator)
{
    bool is_open_loop = generator->plan->rate > 0;
    size_t looked_at = generator->free_count;

    if (generator->phase == LOAD_STOPPED)
        return;
    while (generator->free_count > 0 && (is_open_loop || looked_at-- > 0)) {
        struct load_conn *conn = first_free(generator);
        uint64_t due_ns = conn->progress_ns;

        if (is_open_loop ? !schedule_take(&generator->schedule, generator->now_ns, &due_ns)
                         : due_ns > generator->now_ns)
            return;
        (void)pop_free(generator);
        begin(generator, conn, is_open_loop ? 1 : conn->depth - conn->outstanding, due_ns);
        if (is_open_loop && conn->outstanding < conn->depth && conn->fd >= 0)
            push_free(generator, conn);
        if (generator->faults >= ERRORS_MAX)
            return;
    }
}

/* ---- receiving
 * ------------------------------------------------------------------------------------ */

static void record(struct generator *generator, struct load_conn *conn, size_t replies)
{
    struct load_role *role =
        conn->is_greedy ? &generator->result->greedy : &generator->result->polite;
    bool is_timed = generator->plan->rate > 0 && !conn->is_greedy;

    generator->replies += replies;
    for (size_t i = 0; i < replies; i++) {
        uint64_t due_ns = conn->due_ns[conn->due_head];

        conn->due_head = (conn->due_head + 1) % conn->depth;
        conn->outstanding--;
        if (is_timed && due_ns < generator->measured_ns)
            continue;
        role->requests++;
        histogram_record(&role->latency, generator->now_ns - due_ns);
    }
}

/* False when the connection has been dropped. */
static bool take_bytes(struct generator *generator, struct load_conn *conn, size_t length)
{
    struct reply_fault fault;
    size_t completed;

    (conn->is_greedy ? &generator->result->greedy : &generator->result->polite)->bytes += length;
    if (!reply_check(generator->template, &conn->at, generator->received, length, &completed,
                     &fault)) {
        generator->replies += completed;
        note_fault(generator, &fault);
    } else if (completed > conn->outstanding || (conn->at > 0 && completed == conn->outstanding)) {
        note_error(generator, LOAD_ERROR_reply, "more replies than requests");
    } else {
        conn->progress_ns = generator->now_ns;
        record(generator, conn, completed);
        if (completed > 0 && !(generator->plan->is_conn_per_request && !conn->is_greedy) &&
            generator->phase != LOAD_STOPPED)
            next_request(generator, conn);
        return true;
    }
    drop(generator, conn);
    return false;
}

static void take_end(struct generator *generator, struct load_conn *conn)
{
    char text[96];

    if (conn->outstanding > 0 || !generator->plan->is_conn_per_request || conn->is_greedy) {
        snprintf(text, sizeof(text), "%zu bytes into reply %llu, %u outstanding", conn->at,
                 reply_number(generator), conn->outstanding);
        note_error(generator, LOAD_ERROR_closed, text);
    }
    drop(generator, conn);
}

/* A short read has emptied the socket: what comes later brings an event of its own. */
static void drain(struct generator *generator, struct load_conn *conn, bool has_ended)
{
    for (;;) {
        ssize_t got = recv(conn->fd, generator->received, RECEIVE_BYTES, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got < 0) {
            note_error(generator, LOAD_ERROR_reset, strerror(errno));
            drop(generator, conn);
            return;
        }
        if (got == 0) {
            take_end(generator, conn);
            return;
        }
        if (!take_bytes(generator, conn, (size_t)got) || (got < RECEIVE_BYTES && !has_ended))
            return;
    }
}

static void take_connected(struct generator *generator, struct load_conn *conn)
{
    conn->is_connected = true;
    generator->connected_count++;
    if (conn->outstanding > 0)
        flush(generator, conn);
    else if (generator->phase != LOAD_STOPPED)
        next_request(generator, conn);
}

static void handle_event(struct generator *generator, struct load_conn *conn, uint32_t events)
{
    int err = 0;
    socklen_t length = sizeof(err);

    if (conn->fd < 0)
        return;
    if (!conn->is_connected && (events & (EPOLLERR | EPOLLHUP)) != 0) {
        (void)getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &err, &length);
        note_error(generator, LOAD_ERROR_connect, strerror(err));
        drop(generator, conn);
        return;
    }
    if (!conn->is_connected)
        take_connected(generator, conn);
    else if (conn->unsent > 0)
        flush(generator, conn);
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0 && conn->fd >= 0)
        drain(generator, conn, (events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0);
}

/* ---- the loop
 * -------------------------------------------------------------------------------------- */

static void check_timeouts(struct generator *generator)
{
    if (generator->now_ns < generator->check_ns)
        return;
    generator->check_ns = generator->now_ns + CHECK_NS;
    for (size_t i = 0; i < generator->conns_count; i++) {
        struct load_conn *conn = &generator->conns[i];

        if (conn->fd < 0 || (conn->is_connected && conn->is_free) ||
            conn->progress_ns + ANSWER_NS_MAX > generator->now_ns)
            continue;
        note_error(generator, LOAD_ERROR_timeout,
                   conn->outstanding > 0 ? "requests are outstanding"
                                         : "the connection still stands");
        drop(generator, conn);
    }
}

static void open_more(struct generator *generator)
{
    for (int i = 0; i < OPENED_AT_ONCE && generator->opened_count < generator->conns_count; i++) {
        struct load_conn *conn = &generator->conns[generator->opened_count++];

        if (generator->plan->is_conn_per_request && !conn->is_greedy)
            next_request(generator, conn);
        else
            (void)open_conn(generator, conn);
    }
    if (generator->opened_count == generator->conns_count &&
        (generator->plan->is_conn_per_request ||
         generator->connected_count == generator->conns_count))
        atomic_store_explicit(&generator->share->is_ready, 1, memory_order_release);
}

static uint64_t cpu_ns(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

static void restart_schedule(struct generator *generator)
{
    if (generator->plan->rate > 0)
        schedule_init(&generator->schedule, generator->now_ns, generator->plan->rate);
}

static void begin_measuring(struct generator *generator)
{
    memset(&generator->result->polite, 0, sizeof(generator->result->polite));
    memset(&generator->result->greedy, 0, sizeof(generator->result->greedy));
    generator->measured_ns = generator->now_ns;
    generator->cpu_ns = cpu_ns();
    restart_schedule(generator);
}

static void end_measuring(struct generator *generator)
{
    struct load_result *result = generator->result;

    result->seconds = (double)(generator->now_ns - generator->measured_ns) / 1e9;
    result->cpu_s = (double)(cpu_ns() - generator->cpu_ns) / 1e9;
}

/* Follows the caller's phase, or ends by itself when there is a reason to. */
static void follow_phase(struct generator *generator)
{
    int wanted = atomic_load_explicit(&generator->share->phase, memory_order_acquire);
    uint64_t requests = generator->result->polite.requests + generator->result->greedy.requests;

    atomic_store_explicit(&generator->share->replies, generator->replies, memory_order_relaxed);
    if (generator->phase == LOAD_WARM_UP && wanted != LOAD_WARM_UP) {
        begin_measuring(generator);
        generator->phase = LOAD_MEASURED;
        return;
    }
    if (wanted != LOAD_STOPPED && generator->faults < ERRORS_MAX &&
        (generator->phase != LOAD_MEASURED || generator->plan->requests_max == 0 ||
         requests < generator->plan->requests_max))
        return;
    end_measuring(generator);
    generator->phase = LOAD_STOPPED;
}

static uint64_t wait_of(const struct generator *generator)
{
    uint64_t due_ns, wait_ns = WAIT_NS_MAX;

    if (generator->opened_count < generator->conns_count)
        return 0;
    if (generator->free_count == 0)
        return wait_ns;
    due_ns = generator->plan->rate > 0 ? schedule_next_ns(&generator->schedule)
                                       : first_free(generator)->progress_ns;
    if (due_ns <= generator->now_ns)
        return 0;
    return due_ns - generator->now_ns < wait_ns ? due_ns - generator->now_ns : wait_ns;
}

/* A closed loop is never woken by a timer while it is busy: plain epoll_wait() is cheaper. */
static void turn(struct generator *generator)
{
    static struct epoll_event events[EVENTS_COUNT];
    uint64_t wait_ns = wait_of(generator);
    struct timespec span = { .tv_nsec = (long)wait_ns };
    int count;

    if (wait_ns == 0 || wait_ns == WAIT_NS_MAX)
        count = epoll_wait(generator->epoll_fd, events, EVENTS_COUNT, (int)(wait_ns / 1000000));
    else
        count = epoll_pwait2(generator->epoll_fd, events, EVENTS_COUNT, &span, NULL);
    generator->now_ns = clock_ns();
    for (int i = 0; i < count; i++) {
        handle_event(generator, events[i].data.ptr, events[i].events);
        generator->now_ns = clock_ns();
    }
    if (generator->opened_count < generator->conns_count ||
        atomic_load_explicit(&generator->share->is_ready, memory_order_relaxed) == 0)
        open_more(generator);
    begin_due(generator);
    check_timeouts(generator);
}

/* Open loop: what was due in the measured time and has no reply yet is given a second more. */
static uint64_t count_outstanding(const struct generator *generator)
{
    uint64_t outstanding = 0;

    for (size_t i = 0; i < generator->conns_count; i++)
        outstanding += generator->conns[i].is_greedy ? 0 : generator->conns[i].outstanding;
    return outstanding;
}

static void drain_open_loop(struct generator *generator)
{
    struct load_role *polite = &generator->result->polite;
    uint64_t stopped_ns = generator->now_ns, end_ns = stopped_ns + DRAIN_NS_MAX, due_ns;
    uint64_t requests = polite->requests;

    while (count_outstanding(generator) > 0 && generator->now_ns < end_ns &&
           generator->faults < ERRORS_MAX)
        turn(generator);
    for (size_t i = 0; i < generator->conns_count; i++) {
        struct load_conn *conn = &generator->conns[i];

        for (uint32_t j = 0; j < conn->outstanding && !conn->is_greedy; j++) {
            due_ns = conn->due_ns[(conn->due_head + j) % conn->depth];
            histogram_record(&polite->latency, generator->now_ns - due_ns);
        }
    }
    while (schedule_take(&generator->schedule, stopped_ns, &due_ns))
        histogram_record(&polite->latency, generator->now_ns - due_ns);
    polite->offered = generator->schedule.begun;
    polite->unanswered =
        polite->offered > polite->requests ? polite->offered - polite->requests : 0;
    polite->requests = requests; /* answered in the measured time: what the rate is made of */
}

/* ---- life
 * ------------------------------------------------------------------------------------------ */

static void build_conns(struct generator *generator)
{
    const struct load_plan *plan = generator->plan;

    generator->conns_count = plan->conns + plan->greedy;
    generator->conns = must_alloc(generator->conns_count, sizeof(*generator->conns));
    generator->free_ring = must_alloc(generator->conns_count, sizeof(*generator->free_ring));
    for (size_t i = 0; i < generator->conns_count; i++) {
        struct load_conn *conn = &generator->conns[i];

        conn->fd = -1;
        conn->is_greedy = i >= plan->conns;
        conn->depth = (uint32_t)(conn->is_greedy ? plan->greedy_depth : plan->depth);
        conn->due_ns = must_alloc(conn->depth, sizeof(*conn->due_ns));
    }
}

static void build_requests(struct generator *generator)
{
    const struct load_plan *plan = generator->plan;
    size_t depth =
        plan->greedy > 0 && plan->greedy_depth > plan->depth ? plan->greedy_depth : plan->depth;
    size_t count = SEND_BYTES_MAX / plan->request_length;

    count = count > depth ? depth : count == 0 ? 1 : count;
    generator->requests = must_alloc(count, plan->request_length);
    generator->requests_bytes = count * plan->request_length;
    for (size_t i = 0; i < count; i++)
        memcpy(generator->requests + i * plan->request_length, plan->request, plan->request_length);
}

void load_generate(const struct load_plan *plan, const struct reply_template *template,
                   struct load_share *share)
{
    struct generator generator = { .plan = plan,
                                   .template = template,
                                   .share = share,
                                   .result = &share->result,
                                   .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };

    (void)prctl(PR_SET_TIMERSLACK, 1UL); /* a due time is met within microseconds */
    build_conns(&generator);
    build_requests(&generator);
    generator.received = must_alloc(1, RECEIVE_BYTES);
    generator.now_ns = generator.measured_ns = clock_ns();
    generator.check_ns = generator.now_ns + CHECK_NS;
    restart_schedule(&generator);
    while (generator.phase != LOAD_STOPPED) {
        turn(&generator);
        follow_phase(&generator);
    }
    if (plan->rate > 0)
        drain_open_loop(&generator);
    _exit(0);
}
