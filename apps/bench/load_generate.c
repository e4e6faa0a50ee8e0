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
#include "load_generator.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_COUNT   256
#define SEND_BYTES_MAX (64 * 1024)
#define OPENED_AT_ONCE 32
#define ANSWER_NS_MAX  UINT64_C(5000000000)
#define CHECK_NS       UINT64_C(500000000)
#define WAIT_NS_MAX    UINT64_C(5000000) /* the phase is looked at this often at least */
#define DRAIN_NS_MAX   UINT64_C(1000000000)

/* ---- what is due ------------------------------------------------------------------------------
 */

/* Requests that are due, or whose connection has thought long enough. */
static void begin_due(struct generator *generator)
{
    bool is_open_loop = generator->plan->rate > 0;
    size_t looked_at = generator->free_count;

    if (generator->phase == LOAD_STOPPED)
        return;
    while (generator->free_count > 0 && (is_open_loop || looked_at-- > 0)) {
        struct load_conn *conn = generator_first_free(generator);
        uint64_t due_ns = conn->progress_ns;

        if (is_open_loop ? !schedule_take(&generator->schedule, generator->now_ns, &due_ns)
                         : due_ns > generator->now_ns)
            return;
        (void)generator_pop_free(generator);
        load_conn_begin(generator, conn, is_open_loop ? 1 : conn->depth - conn->outstanding,
                        due_ns);
        if (is_open_loop && conn->outstanding < conn->depth && conn->fd >= 0)
            generator_push_free(generator, conn);
        if (generator->faults >= GENERATOR_ERRORS_MAX)
            return;
    }
}

/* ---- the loop ------------------------------------------------------------------------------- */

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
        generator_note_error(generator, LOAD_ERROR_timeout,
                             conn->outstanding > 0 ? "requests are outstanding"
                                                   : "the connection still stands");
        load_conn_drop(generator, conn);
    }
}

static void open_more(struct generator *generator)
{
    for (int i = 0; i < OPENED_AT_ONCE && generator->opened_count < generator->conns_count; i++) {
        struct load_conn *conn = &generator->conns[generator->opened_count++];

        if (generator->plan->is_conn_per_request && !conn->is_greedy)
            load_conn_next(generator, conn);
        else
            (void)load_conn_open(generator, conn);
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
    if (wanted != LOAD_STOPPED && generator->faults < GENERATOR_ERRORS_MAX &&
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
                                       : generator_first_free(generator)->progress_ns;
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
        load_conn_handle_event(generator, events[i].data.ptr, events[i].events);
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
           generator->faults < GENERATOR_ERRORS_MAX)
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

/* ---- life ----------------------------------------------------------------------------------- */

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
    generator.received = must_alloc(1, GENERATOR_RECEIVE_BYTES);
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
