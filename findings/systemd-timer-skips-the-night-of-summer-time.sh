#!/usr/bin/env bash
# systemd 252: a daily timer does not run at all in the night when summer time begins, if its time is in the hour that the
# clock skips.
#
# `OnCalendar=*-*-* 02:15:00` in Europe/Berlin: on the last Sunday of March the clock goes from 02:00 to 03:00, so 02:15 does
# not exist. cron runs such a job at 03:00. systemd takes the next day on which the time exists, and `Persistent=true`
# changes nothing: it makes up for an elapsed time that was missed, and this one never elapses. So a nightly job is
# silently left out once a year. Choose a time after 04:00, or write the time with `UTC`.
#
# Needs: systemd-analyze and the time zone database. Prints what was seen, and fails if it changes.
set -euo pipefail
next() {
    TZ=$1 LC_ALL=C systemd-analyze calendar --base-time="$2" "$3" | sed -n 's/^ *Next elapse: //p'
}
seen=$(
    # In both zones, summer time begins on the day after.
    next Europe/Berlin '2027-03-27 12:00' '*-*-* 02:15:00'
    next America/New_York '2027-03-13 12:00' '*-*-* 02:15:00'
    next Europe/Berlin '2027-03-27 12:00' '*-*-* 04:15:00'
)
printf '%s\n' "$seen"
# Seen on 2026-11-29, systemd 252 (252.38-1~deb12u1):
expected='Mon 2027-03-29 02:15:00 CEST
Mon 2027-03-15 02:15:00 EDT
Sun 2027-03-28 04:15:00 CEST'
[ "$seen" = "$expected" ] || { echo "this has changed" >&2; exit 1; }
