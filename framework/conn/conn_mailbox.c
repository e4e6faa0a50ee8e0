/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one door from other threads to a connection.
 *
 *     poster: lock ─ generation and epoch still right? ─ append ─ unlock ─ claim(completion)
 *     holder: lock ─ take ─ unlock
 *     closer: lock ─ door closed, take all ─ unlock ─ generation ends
 *
 * Invariant: an item enters only while its exchange's door is open, and closing the door empties
 * the box, so nothing is left for the next exchange or the slot's next guest.
 */
#include "conn.h"

#include <errno.h>

static pthread_mutex_t *lock_of(struct pl_slot_table *table, const struct pl_slot *slot)
{
    return &table->mailbox_locks[slot->index % PL_MAILBOX_LOCKS];
}

static struct pl_slot_table *table_of(struct pl_conn *conn)
{
    return pl_engine_face_of(conn->slot.engine)->table;
}

struct pl_conn_token pl_conn_open_door(struct pl_conn *conn)
{
    struct pl_slot_table *table = table_of(conn);
    struct pl_conn_token token = { .table = table, .slot = conn->slot.handle.token };

    pl_conn_assert_held(conn);
    pthread_mutex_lock(lock_of(table, &conn->slot));
    conn->is_door_open = true;
    token.epoch = conn->epoch;
    pthread_mutex_unlock(lock_of(table, &conn->slot));
    return token;
}

static void close_door_locked(struct pl_conn *conn)
{
    if (!conn->is_door_open)
        return;
    conn->is_door_open = false;
    conn->epoch++;
}

/* What this exchange has not taken must not meet the next one. */
void pl_conn_close_door(struct pl_conn *conn)
{
    pthread_mutex_t *lock = lock_of(table_of(conn), &conn->slot);
    struct pl_mail *mail;

    pthread_mutex_lock(lock);
    close_door_locked(conn);
    mail = conn->mail_first;
    conn->mail_first = NULL;
    conn->mail_count = 0;
    pthread_mutex_unlock(lock);
    while (mail != NULL) {
        struct pl_mail *next = mail->next;

        mail->drop(mail, conn);
        mail = next;
    }
}

struct pl_mail *pl_conn_take_mail(struct pl_conn *conn)
{
    pthread_mutex_t *lock = lock_of(table_of(conn), &conn->slot);
    struct pl_mail *mail;

    pthread_mutex_lock(lock);
    mail = conn->mail_first;
    if (mail != NULL) {
        conn->mail_first = mail->next;
        conn->mail_count--;
        mail->next = NULL;
    }
    pthread_mutex_unlock(lock);
    if (mail != NULL)
        PL_COUNT(conn->slot.thread->stats, posts);
    return mail;
}

static bool is_open_to_locked(const struct pl_conn *conn, const struct pl_conn_token *token)
{
    uint64_t word = atomic_load_explicit(&conn->slot.claim, memory_order_acquire);

    return pl_claim_generation(word) == (uint32_t)(token->slot >> 32) && conn->is_door_open &&
           conn->epoch == token->epoch;
}

bool pl_conn_is_awaited(const struct pl_conn_token *token)
{
    struct pl_slot *slot = pl_slot_table_at(token->table, (uint32_t)token->slot);
    bool is_open;

    if (slot == NULL)
        return false;
    pthread_mutex_lock(lock_of(token->table, slot));
    is_open = is_open_to_locked(pl_conn_of(slot), token);
    pthread_mutex_unlock(lock_of(token->table, slot));
    return is_open;
}

static int append_locked(struct pl_conn *conn, const struct pl_conn_token *token,
                         struct pl_mail *mail)
{
    if (!is_open_to_locked(conn, token))
        return -ESTALE;
    /* What completes the exchange has room kept for it: nobody should have to wait to say "end". */
    if (conn->mail_count >= PL_MAILBOX_ITEMS_MAX && !mail->is_last)
        return -EAGAIN;
    mail->next = NULL;
    if (conn->mail_first == NULL)
        conn->mail_first = mail;
    else
        conn->mail_last->next = mail;
    conn->mail_last = mail;
    conn->mail_count++;
    if (mail->is_last)
        close_door_locked(conn);
    return 0;
}

int pl_conn_post(const struct pl_conn_token *posted_to, struct pl_mail *mail)
{
    /* A copy: it may stand in the item, which is the connection's once the lock is open. */
    const struct pl_conn_token token = *posted_to;
    struct pl_slot *slot = pl_slot_table_at(token.table, (uint32_t)token.slot);
    uint32_t reasons;
    int err;

    if (slot == NULL)
        return -ESTALE;
    pthread_mutex_lock(lock_of(token.table, slot));
    err = append_locked(pl_conn_of(slot), &token, mail);
    pthread_mutex_unlock(lock_of(token.table, slot));
    if (err == -ESTALE)
        atomic_fetch_add(&token.table->posts_stale, 1);
    if (err < 0)
        return err;

    /* A claim that is not won is remembered, so the holder sees the item before it lets go. */
    if (pl_slot_claim(slot, token.slot, PL_COMPLETION, &reasons) == PL_CLAIM_WON)
        pl_slot_wake(slot, reasons);
    return 0;
}
