/* SPDX-License-Identifier: Apache-2.0 */
#include "watch.h"

#include "assert.h"
#include "clock.h"
#include "thread.h"

#include <errno.h>
#include <fcntl.h>

_Static_assert(sizeof(struct pl_watch) <= PL_SLOT_BYTES, "a watch fits its slot");

static struct pl_watch *watch_of(struct pl_slot *slot)
{
    return PL_CONTAINER_OF(slot, struct pl_watch, slot);
}

static enum pl_next wake(struct pl_slot *slot, uint32_t reasons)
{
    if (reasons & PL_SHUTDOWN)
        return PL_CLOSE;
    watch_of(slot)->happened |= reasons;
    return PL_RUN_PROCESS;
}

static enum pl_next wait_for_due(struct pl_watch *watch)
{
    struct pl_engine *engine = watch->slot.engine;

    /* Without memory for the timer the source ends; its stop is then a no-op. */
    return pl_engine_face_of(engine)->ops->arm_timer(&watch->slot, watch->due_ms) < 0 ? PL_CLOSE
                                                                                      : PL_WAIT;
}

/* For who names a thread that stays in a callback. Not the watch's own: whoever looks may still
 * read the name when the slot has another guest. Nothing of interest is ever written to them. */
static struct pl_handler_note timer_note = { .name = "(a timer's callback)" };
static struct pl_handler_note fd_note = { .name = "(a descriptor's callback)" };
static struct pl_handler_note signal_note = { .name = "(a signal's callback)" };

static void begin_callback(struct pl_watch *watch, struct pl_handler_note *note)
{
    struct pl_thread *thread = watch->slot.thread;

    pl_thread_note_handler(thread, note, thread->turn_began_ns, PL_HANDLER_IN_TURN);
    pl_thread_count_handler(thread);
}

/* Nothing is learnt from its time: no model asks before it calls one. */
static void end_callback(struct pl_watch *watch)
{
    atomic_store_explicit(&watch->slot.thread->handler_note, NULL, memory_order_relaxed);
}

static enum pl_next call_timer(struct pl_watch *watch)
{
    const struct pl_watch_settings *settings = &watch->settings;
    int64_t now_ms;

    begin_callback(watch, &timer_note);
    settings->on_timer(settings->context);
    end_callback(watch);
    if (settings->period_ms == 0)
        return PL_CLOSE;
    /* Periods are counted from the first, so they do not drift; missed ones are skipped. */
    now_ms = pl_clock_ms();
    watch->due_ms += settings->period_ms;
    if (watch->due_ms <= now_ms)
        watch->due_ms += (now_ms - watch->due_ms) / settings->period_ms * settings->period_ms +
                         settings->period_ms;
    return wait_for_due(watch);
}

static enum pl_next call(struct pl_watch *watch)
{
    const struct pl_watch_settings *settings = &watch->settings;
    uint32_t happened = watch->happened & (PL_READABLE | PL_WRITABLE);

    watch->happened = 0;
    if (!watch->is_started) {
        watch->is_started = true;
        return settings->on_timer != NULL ? wait_for_due(watch) : PL_WAIT;
    }
    if (settings->on_timer != NULL)
        return call_timer(watch);
    begin_callback(watch, settings->on_fd != NULL ? &fd_note : &signal_note);
    if (settings->on_fd != NULL)
        settings->on_fd(settings->number, happened, settings->context);
    else
        settings->on_signal(settings->number, settings->context);
    end_callback(watch);
    return PL_WAIT;
}

static enum pl_next run(struct pl_slot *slot, uint32_t stages)
{
    enum pl_next next = (enum pl_next)slot->next;

    if (next == PL_RUN_PROCESS && (stages & PL_STAGE_PROCESS))
        next = call(watch_of(slot));
    return next;
}

static void close_watch(struct pl_slot *slot)
{
    const struct pl_engine_ops *ops = pl_engine_face_of(slot->engine)->ops;

    pl_claim_close(&slot->claim);
    /* Closing is not enough: the application's own descriptor keeps the registration alive. */
    ops->forget(slot);
    ops->release(slot);
}

static const struct pl_slot_kind watch_kind = {
    .name = "watch", .wake = wake, .run = run, .close = close_watch
};

int pl_watch_open(struct pl_watch *watch, const struct pl_watch_settings *settings)
{
    watch->slot.kind = &watch_kind;
    watch->slot.arming = &pl_arming_oneshot;
    watch->slot.has_own_arming = true;
    watch->slot.next = PL_RUN_PROCESS;
    watch->settings = *settings;
    if (settings->on_timer != NULL)
        watch->due_ms = pl_clock_ms() + settings->after_ms;
    if (settings->on_fd != NULL) {
        /* A number of our own: the application's may be closed and used again before a stop that
         * is under way has reached this watch. */
        watch->slot.handle.fd = fcntl(settings->number, F_DUPFD_CLOEXEC, 0);
        if (watch->slot.handle.fd < 0)
            return -errno;
        watch->slot.waits = (uint8_t)settings->reasons;
    } else {
        watch->slot.is_unwatched = true;
        watch->slot.waits = settings->on_signal != NULL ? PL_COMPLETION : 0;
    }
    return 0;
}
