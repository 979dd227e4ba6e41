//! Counts settled rows, requests and latencies over time, in at most [`PARTS`] equal parts.
//!
//! Percentiles are exact (nearest rank), in milliseconds. The busiest minute considers all windows of 60 whole seconds,
//! because a limit "in any window" is compared with it. Memory depends on the number of parts and of different
//! latencies, not on the number of rows or calls.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::Serialize;

use super::states::settled_as_json;
use crate::clock;
use crate::ledger::{self, AlikeCalls, Parts, Queries, RowCounts, Scope, Span, State};

/// The most parts of the time: bars stay distinguishable.
const PARTS: i64 = 90;

/// Natural lengths of time for a part, in seconds.
pub(super) const STEPS_S: [i64; 22] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800,
    604_800, 2_592_000, 7_776_000,
];

/// The least number of parts: a chart with fewer parts shows nothing.
const PARTS_MIN: i64 = 12;

/// What happened over time.
#[derive(Debug, Serialize)]
pub(crate) struct Timeline {
    /// Start of the first part.
    pub(crate) from: Timestamp,
    pub(crate) part_seconds: i64,
    /// The number of allowed requests per minute; `None` if there is no limit.
    pub(crate) limit_per_minute: Option<u64>,
    /// In order, without gaps.
    pub(crate) parts: Vec<TimelinePart>,
}

/// One part of the time.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct TimelinePart {
    pub(crate) start: Timestamp,
    /// Rows that reached their state in this part.
    #[serde(flatten, serialize_with = "settled_as_json")]
    pub(crate) rows: RowCounts,
    /// Requests sent in this part.
    pub(crate) requests: u64,
    /// Requests sent in this part and answered with 429.
    pub(crate) throttled: u64,
    /// The most requests in any 60 seconds that end in this part.
    pub(crate) busiest_minute: u64,
    /// How long the service took for creates sent in this part.
    pub(crate) create_ms: Option<Percentiles>,
}

/// Latencies of answers, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) answers: u64,
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
    pub(crate) max: u64,
}

/// The calls of one kind of operation.
#[derive(Debug, Serialize)]
pub(crate) struct OperationCalls {
    pub(crate) operation: String,
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    pub(crate) throttled: u64,
    pub(crate) took_ms: Option<Percentiles>,
}

impl Timeline {
    /// Reads the calls over time, and the totals by operation, most frequent first. The timeline is `None` if there
    /// were no calls. The caller adds rows with [`count_row`](Self::count_row).
    pub(crate) fn of(
        queries: &Queries,
        scope: Scope,
        limit_per_minute: Option<u64>,
    ) -> Result<(Option<Self>, Vec<OperationCalls>), ledger::Error> {
        let Some(span) = queries.span(scope)? else { return Ok((None, Vec::new())) };
        let cut = cut(span);
        let mut timeline = Self {
            from: clock::from_ms(cut.from_ms),
            part_seconds: cut.width_ms / 1000,
            limit_per_minute,
            parts: empty_parts(span, cut),
        };
        timeline.count_requests(queries, scope, cut)?;
        let mut operations: BTreeMap<String, Measured> = BTreeMap::new();
        let mut creates: BTreeMap<i64, Latencies> = BTreeMap::new();
        queries.each_kind_of_call(
            scope,
            cut,
            |AlikeCalls { operation, part, took_ms, sent, throttled }| {
                let measured = operations.entry(operation.to_owned()).or_default();
                measured.sent += sent;
                measured.throttled += throttled;
                let Some(ms) = took_ms else { return };
                *measured.took_ms.entry(ms).or_default() += sent;
                if let (CREATE, Some(part)) = (operation, part) {
                    *creates.entry(part).or_default().entry(ms).or_default() += sent;
                }
            },
        )?;
        for (index, took_ms) in creates {
            if let Some(part) = timeline.part(index) {
                part.create_ms = percentiles(&took_ms);
            }
        }
        let mut calls: Vec<OperationCalls> = operations.into_iter().map(OperationCalls::from).collect();
        calls.sort_by_key(|calls| std::cmp::Reverse(calls.sent));
        Ok((Some(timeline), calls))
    }

    /// Counts a row that reached `state`. The row changes in the commit after its last answer, which may be later than
    /// the last part; that row counts in the last part.
    pub(crate) fn count_row(&mut self, state: State, at_ms: i64) {
        let index = (at_ms - self.from.as_millisecond()).max(0) / (self.part_seconds * 1000);
        let last = self.parts.len().saturating_sub(1);
        let index = usize::try_from(index).map_or(last, |index| index.min(last));
        if let Some(part) = self.parts.get_mut(index) {
            part.rows.add(state, 1);
        }
    }

    fn part(&mut self, index: i64) -> Option<&mut TimelinePart> {
        usize::try_from(index).ok().and_then(|index| self.parts.get_mut(index))
    }

    fn count_requests(&mut self, queries: &Queries, scope: Scope, cut: Parts) -> Result<(), ledger::Error> {
        let mut minute = Minute::default();
        queries.each_second(scope, |second, requests, throttled| {
            let busiest = minute.add(second, requests);
            let start_ms = (second * 1000).max(cut.from_ms);
            if let Some(part) = self.part((start_ms - cut.from_ms) / cut.width_ms) {
                part.requests += requests;
                part.throttled += throttled;
                part.busiest_minute = part.busiest_minute.max(busiest);
            }
        })
    }
}

impl OperationCalls {
    /// The numbers for a table; latencies are `None` if no call was answered.
    pub(super) fn numbers(&self) -> Vec<Option<u64>> {
        let took = self.took_ms.map(|ms| [ms.p50, ms.p90, ms.p99, ms.max]);
        let took = took.map_or([None; 4], |ms| ms.map(Some));
        [self.sent, self.answered, self.throttled].map(Some).into_iter().chain(took).collect()
    }
}

/// The number of answers, by milliseconds.
type Latencies = BTreeMap<u64, u64>;

/// The calls of one kind of operation, as they are counted.
#[derive(Default)]
struct Measured {
    sent: u64,
    throttled: u64,
    took_ms: Latencies,
}

impl From<(String, Measured)> for OperationCalls {
    fn from((operation, Measured { sent, throttled, took_ms }): (String, Measured)) -> Self {
        let answered = took_ms.values().sum();
        Self { operation, sent, answered, throttled, took_ms: percentiles(&took_ms) }
    }
}

/// The operation name of creates in the ledger.
const CREATE: &str = "create";

/// Divides the time into parts of a natural length; the start of the first part is a multiple of the length.
fn cut(span: Span) -> Parts {
    let length_s = (span.to_ms - span.from_ms) / 1000 + 1;
    let longest = STEPS_S[STEPS_S.len() - 1];
    let step = STEPS_S.into_iter().find(|step| length_s / step < PARTS);
    // A clock that was once wrong can make the time very long; then the parts are as long as needed.
    let width_s = step.unwrap_or_else(|| longest * (length_s / (longest * PARTS) + 1));
    let width_ms = width_s * 1000;
    Parts { from_ms: span.from_ms.div_euclid(width_ms) * width_ms, width_ms }
}

fn empty_parts(span: Span, cut: Parts) -> Vec<TimelinePart> {
    let needed = (span.to_ms - cut.from_ms) / cut.width_ms + 1;
    let starts = (0..needed.max(PARTS_MIN)).map(|index| clock::from_ms(cut.from_ms + index * cut.width_ms));
    starts.map(|start| TimelinePart { start, ..TimelinePart::default() }).collect()
}

/// The requests of the last 60 seconds.
#[derive(Default)]
struct Minute {
    seconds: VecDeque<(i64, u64)>,
    sum: u64,
}

impl Minute {
    /// Adds the requests of one more second. Returns the number of requests in the 60 seconds that end with that
    /// second.
    fn add(&mut self, second: i64, requests: u64) -> u64 {
        self.seconds.push_back((second, requests));
        self.sum += requests;
        while let Some(&(oldest, gone)) = self.seconds.front().filter(|(oldest, _)| oldest + 60 <= second) {
            debug_assert!(oldest < second);
            self.sum -= gone;
            self.seconds.pop_front();
        }
        self.sum
    }
}

fn percentiles(counts: &Latencies) -> Option<Percentiles> {
    let answers: u64 = counts.values().sum();
    let max = *counts.last_key_value()?.0;
    let at = |percent: u64| {
        let rank = (answers * percent).div_ceil(100);
        let mut seen = 0;
        let reached = |(_, count): &(&u64, &u64)| {
            seen += **count;
            seen >= rank
        };
        counts.iter().find(reached).map_or(max, |(ms, _)| *ms)
    };
    Some(Percentiles { answers, p50: at(50), p90: at(90), p99: at(99), max })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        let check = |values: &[(u64, u64)], expected: [u64; 4]| {
            let got = percentiles(&values.iter().copied().collect()).unwrap();
            assert_eq!([got.p50, got.p90, got.p99, got.max], expected, "{values:?}");
        };
        check(&[(7, 1)], [7, 7, 7, 7]);
        check(&[(1, 1), (2, 1)], [1, 2, 2, 2]);
        check(&[(10, 50), (20, 40), (30, 9), (40, 1)], [10, 20, 30, 40]);
        check(&[(10, 49), (20, 41), (30, 8), (40, 2)], [20, 20, 40, 40]);
        assert_eq!(percentiles(&Latencies::new()), None);
    }

    #[test]
    fn a_minute_is_any_sixty_seconds() {
        let mut minute = Minute::default();
        let sums: Vec<u64> = [(0, 5), (1, 1), (59, 4), (60, 2), (61, 1), (500, 3)]
            .into_iter()
            .map(|(second, requests)| minute.add(second, requests))
            .collect();
        assert_eq!(sums, [5, 6, 10, 7, 7, 3]);
    }

    #[test]
    fn time_is_cut_into_lengths_that_people_use() {
        let check = |from_s: i64, length_s: i64, width_s: i64, parts: usize| {
            let span = Span { from_ms: from_s * 1000, to_ms: (from_s + length_s) * 1000 };
            let cut = cut(span);
            assert_eq!(cut.width_ms, width_s * 1000, "{length_s} s");
            assert_eq!(cut.from_ms % cut.width_ms, 0, "{length_s} s");
            assert_eq!(empty_parts(span, cut).len(), parts, "{length_s} s");
        };
        check(1_000_003, 0, 1, 12);
        check(1_000_003, 88, 1, 89);
        check(1_000_000, 600, 10, 61);
        check(1_000_000, 8 * 3600, 600, 49);
        check(0, 300 * 86_400, 604_800, 43);
        check(0, 100 * 365 * 86_400, 38_880_000, 82);
    }
}
