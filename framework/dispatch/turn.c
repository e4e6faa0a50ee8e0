/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One turn: its budget, its statistics, and the time of the handlers it ran.
 *
 * The clock is read once, at the end; that is the beginning of the next turn. A thread that slept
 * or ran something outside a turn looks at the clock before it begins one.
 */
#include "engine.h"

#include "handler_note.h"

static void begin(struct pl_thread *thread, struct pl_slot *slot)
{
    thread->turn_began_ns = thread->now_ns;
    thread->turn_end_ns =
        thread->turn_ns_max == 0 ? INT64_MAX : thread->now_ns + thread->turn_ns_max;
    thread->turn_input_left = thread->turn_bytes_max == 0 ? SIZE_MAX : thread->turn_bytes_max;
    thread->turn_output_left = PL_TURN_OUTPUT_BYTES_MAX;
    thread->clock_countdown = PL_TURN_CLOCK_EVERY;
    thread->has_declared_blocking = false;
    thread->is_clock_fresh = false;
    atomic_store_explicit(&thread->handlers_run, 0, memory_order_relaxed);
    if (thread->bell != NULL)
        pl_bell_stir(thread->bell);
    pl_thread_set_role(thread, PL_ROLE_PROCESSING);
    PL_COUNT(thread->stats, turns);
    slot->thread = thread;
    if (slot->queued_us != 0) {
        int32_t waited_us = (int32_t)((uint32_t)(thread->now_ns / 1000) - slot->queued_us);

        pl_stats_record(thread->stats, PL_HISTOGRAM_queue_wait_us,
                        waited_us > 0 ? (uint64_t)waited_us : 0);
        slot->queued_us = 0;
    }
}

static void end(struct pl_thread *thread)
{
    struct pl_handler_note *note =
        atomic_load_explicit(&thread->handler_note, memory_order_relaxed);
    int64_t took_ns;

    if (!thread->is_clock_fresh)
        pl_thread_tick(thread);
    took_ns = thread->now_ns - thread->turn_began_ns;
    pl_stats_record(thread->stats, PL_HISTOGRAM_turn_us, (uint64_t)took_ns / 1000);
    if (note == NULL)
        return;
    pl_handler_note_measured(note, thread);
    /* Between turns it points to none: those of a configuration that was replaced may go. */
    atomic_store_explicit(&thread->handler_note, NULL, memory_order_relaxed);
}

enum pl_next pl_turn_run(struct pl_thread *thread, struct pl_slot *slot, uint32_t stages)
{
    enum pl_next next;

    begin(thread, slot);
    next = slot->kind->run(slot, stages);
    end(thread);
    return next;
}

void pl_turn_end(struct pl_thread *thread)
{
    if (thread->job == NULL)
        return;
    pl_thread_run_job(thread);
    pl_thread_tick(thread);
}
