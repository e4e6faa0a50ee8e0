/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dates are read by hand: strptime() follows the locale and is generous, timegm() and gmtime_r()
 * take the lock of the time zone, which every thread would meet.
 */
#include "http_date.h"

#define DAY_S (24 * 3600)

/* Of the years 0 to 9999. */
#define FIRST_S (-62167219200)
#define LAST_S  253402300799

/* Of the week that follows; 1970 began on a Thursday. */
static const char days[7][10] = { "Sunday",   "Monday", "Tuesday", "Wednesday",
                                  "Thursday", "Friday", "Saturday" };
static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

/* A date, and what is left to be read of it. */
struct reader {
    struct pl_view rest;
    bool is_wrong;
    int year, month, day, weekday; /* month and weekday from 0 */
    int hour, minute, second;
};

/* ---- the calendar --------------------------------------------------------------------------- */

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in(int year, int month)
{
    static const int lengths[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return lengths[month] + (month == 1 && is_leap(year));
}

/* Days between the beginnings of year 0 and of this one. */
static int64_t days_before(int year)
{
    int past = year - 1;

    return year == 0 ? 0 : 365 * (int64_t)year + past / 4 - past / 100 + past / 400 + 1;
}

static int64_t day_number(int year, int month, int day)
{
    int64_t number = days_before(year) - days_before(1970) + day - 1;

    for (int i = 0; i < month; i++)
        number += days_in(year, i);
    return number;
}

static int weekday_of(int64_t day_number)
{
    return (int)(((day_number + 4) % 7 + 7) % 7);
}

static int64_t floor_days(int64_t seconds)
{
    return (seconds - (seconds % DAY_S + DAY_S) % DAY_S) / DAY_S;
}

static int year_of(int64_t day)
{
    int year = (int)(1970 + day / 366 - (day < 0));

    while (year < 9999 && day_number(year + 1, 0, 1) <= day)
        year++;
    while (year > 0 && day_number(year, 0, 1) > day)
        year--;
    return year;
}

static void find_day(struct reader *reader, int64_t day)
{
    reader->year = year_of(day);
    reader->day = 1 + (int)(day - day_number(reader->year, 0, 1));
    for (reader->month = 0; reader->day > days_in(reader->year, reader->month); reader->month++)
        reader->day -= days_in(reader->year, reader->month);
}

/* ---- reading -------------------------------------------------------------------------------- */

static void skip(struct reader *reader, size_t length)
{
    reader->rest.bytes += length;
    reader->rest.length -= length;
}

static bool takes(struct reader *reader, const char *text, size_t length)
{
    if (reader->rest.length < length || memcmp(reader->rest.bytes, text, length) != 0)
        return false;
    skip(reader, length);
    return true;
}

static void expect(struct reader *reader, const char *text)
{
    if (!takes(reader, text, strlen(text)))
        reader->is_wrong = true;
}

static int read_digits(struct reader *reader, size_t count)
{
    int number = 0;

    for (size_t i = 0; i < count; i++) {
        if (reader->rest.length == 0 || *reader->rest.bytes < '0' || *reader->rest.bytes > '9') {
            reader->is_wrong = true;
            return 0;
        }
        number = number * 10 + (*reader->rest.bytes - '0');
        skip(reader, 1);
    }
    return number;
}

static void read_month(struct reader *reader)
{
    for (reader->month = 0; reader->month < 12; reader->month++)
        if (takes(reader, months[reader->month], 3))
            return;
    reader->is_wrong = true;
    reader->month = 0;
}

static void read_time(struct reader *reader)
{
    reader->hour = read_digits(reader, 2);
    expect(reader, ":");
    reader->minute = read_digits(reader, 2);
    expect(reader, ":");
    reader->second = read_digits(reader, 2);
}

/* "06 Nov 1994 08:49:37 GMT" */
static void read_fixdate(struct reader *reader)
{
    reader->day = read_digits(reader, 2);
    expect(reader, " ");
    read_month(reader);
    expect(reader, " ");
    reader->year = read_digits(reader, 4);
    expect(reader, " ");
    read_time(reader);
    expect(reader, " GMT");
}

/* "Nov  6 08:49:37 1994" */
static void read_asctime(struct reader *reader)
{
    read_month(reader);
    expect(reader, " ");
    reader->day = takes(reader, " ", 1) ? read_digits(reader, 1) : read_digits(reader, 2);
    expect(reader, " ");
    read_time(reader);
    expect(reader, " ");
    reader->year = read_digits(reader, 4);
}

static int64_t seconds_of(const struct reader *reader)
{
    return day_number(reader->year, reader->month, reader->day) * DAY_S + reader->hour * 3600 +
           reader->minute * 60 + reader->second;
}

/* The latest year of these digits that is not more than 50 years ahead (RFC 9110, 5.6.7). */
static void find_century(struct reader *reader, int64_t now_s)
{
    struct reader limit = { .hour = 0 };

    find_day(&limit, floor_days(now_s));
    limit.year += 50;
    limit.second = (int)(now_s - floor_days(now_s) * DAY_S);
    reader->year += limit.year / 100 * 100;
    if (seconds_of(reader) > seconds_of(&limit))
        reader->year -= 100;
}

/* "06-Nov-94 08:49:37 GMT" */
static void read_rfc850(struct reader *reader, int64_t now_s)
{
    reader->day = read_digits(reader, 2);
    expect(reader, "-");
    read_month(reader);
    expect(reader, "-");
    reader->year = read_digits(reader, 2);
    expect(reader, " ");
    read_time(reader);
    expect(reader, " GMT");
    if (!reader->is_wrong)
        find_century(reader, now_s);
}

/* The day's name says which form follows. */
static void read_any(struct reader *reader, int64_t now_s)
{
    for (reader->weekday = 0; reader->weekday < 7; reader->weekday++) {
        const char *name = days[reader->weekday];

        if (takes(reader, name, strlen(name))) {
            expect(reader, ", ");
            read_rfc850(reader, now_s);
            return;
        }
        if (takes(reader, name, 3)) {
            if (takes(reader, ", ", 2)) {
                read_fixdate(reader);
            } else {
                expect(reader, " ");
                read_asctime(reader);
            }
            return;
        }
    }
    reader->is_wrong = true;
}

bool http_date_parse(struct pl_view text, int64_t now_s, int64_t *ret_s)
{
    struct reader reader = { .rest = text };

    read_any(&reader, now_s);
    if (reader.is_wrong || reader.rest.length > 0 || reader.year < 0)
        return false;
    /* A second of 60 is a leap second, and is the one that follows. */
    if (reader.day < 1 || reader.day > days_in(reader.year, reader.month) || reader.hour > 23 ||
        reader.minute > 59 || reader.second > 60)
        return false;
    if (weekday_of(day_number(reader.year, reader.month, reader.day)) != reader.weekday)
        return false;
    *ret_s = seconds_of(&reader);
    return *ret_s <= LAST_S; /* the leap second at the end of 9999 */
}

/* ---- writing -------------------------------------------------------------------------------- */

static char *put(char *at, const char *text, size_t length)
{
    memcpy(at, text, length);
    return at + length;
}

static char *put_two(char *at, int number)
{
    at[0] = (char)('0' + number / 10 % 10);
    at[1] = (char)('0' + number % 10);
    return at + 2;
}

void http_date_format(int64_t seconds, char *bytes)
{
    int64_t day = floor_days(seconds < FIRST_S ? FIRST_S : seconds > LAST_S ? LAST_S : seconds);
    int second = (int)(((seconds % DAY_S) + DAY_S) % DAY_S);
    char *at = put(bytes, days[weekday_of(day)], 3);
    struct reader date;

    find_day(&date, day);
    at = put(at, ", ", 2);
    at = put_two(at, date.day);
    at = put(at, " ", 1);
    at = put(at, months[date.month], 3);
    at = put(at, " ", 1);
    at = put_two(put_two(at, date.year / 100), date.year);
    at = put(at, " ", 1);
    at = put_two(at, second / 3600);
    at = put(at, ":", 1);
    at = put_two(at, second / 60 % 60);
    at = put(at, ":", 1);
    at = put_two(at, second % 60);
    memcpy(at, " GMT", 4);
}
