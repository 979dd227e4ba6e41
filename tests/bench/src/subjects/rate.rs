//! Measures how much of an allowed rate is used, at a latency of 3 s.
//!
//! The program itself chooses the number of concurrent requests. The simulator enforces a strict sliding window. Some
//! cases have a service that allows less than was configured.
//!
//! All cases run at the same time, each against its own simulator, because they mostly wait.

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::figures::digits;
use crate::process::{Running, Server};
use crate::rows::Kind;
use crate::table::{Findings, Line};
use crate::world::World;

const LATENCY_MS: u32 = 3000;

/// The minimum share of the allowed rate that is used.
const USED: f64 = 0.98;

/// If the service allows less than configured: the maximum loss against the best possible result, and the maximum share
/// of refused requests.
const LOST: f64 = 0.10;
const REFUSED: f64 = 0.02;

/// The maximum number of requests in one second, relative to an even pace; anything below is jitter.
const BURST: f64 = 2.0;

/// Requests per minute: configured in the program, and allowed by the service.
#[derive(Debug, Clone, Copy)]
struct Case {
    configured: u64,
    allowed: u64,
}

const CASES: [Case; 4] = [
    Case { configured: 500, allowed: 500 },
    Case { configured: 60, allowed: 60 },
    Case { configured: 6000, allowed: 6000 },
    Case { configured: 500, allowed: 300 },
];

/// One request, as the simulator saw it.
#[derive(Debug, Deserialize)]
struct Request {
    at_ms: f64,
    status: Option<u16>,
}

impl Request {
    fn is_refused(&self) -> bool {
        self.status == Some(429)
    }
}

pub(super) fn measure(world: &World) -> Result<Findings> {
    let mut findings =
        Findings::new(format!("use of an allowed rate, in {} s at a latency of 3 s", world.size.seconds));
    let begun = CASES.map(|case| Ok::<_, anyhow::Error>((case, begin(world, case)?)));
    for begun in begun {
        let (case, (simulator, running)) = begun?;
        running.wait()?.with_code(&[0, 5])?;
        let requests = requests(world, &simulator)?;
        for line in lines(case, &requests, span(world, case)) {
            findings.push(line);
        }
    }
    Ok(findings)
}

/// Seconds. A span of only a few minutes does not show the long-term cost of the service's own limit.
fn span(world: &World, case: Case) -> u64 {
    if case.allowed < case.configured {
        (world.size.seconds * 3 / 2).next_multiple_of(60)
    } else {
        world.size.seconds
    }
}

fn begin(world: &World, case: Case) -> Result<(Server, Running)> {
    let Case { configured, allowed } = case;
    let simulator = world.simulator(&format!("smooth,limit={allowed},latency_ms={LATENCY_MS}"))?;
    let name = format!("rate-{configured}-{allowed}");
    let (file, ledger) = (format!("{name}.csv"), format!("{name}.db"));
    let seconds = span(world, case);
    // There are more rows than can be sent in this time.
    let rows = configured * (seconds + 60) / 60;
    world.samples.write(&world.path(&file), Kind::Clean, 0..rows)?;
    let rate = format!("{configured}/min");
    let duration = format!("{}s", seconds + 3);
    let mut command = world.tenantry(
        world.ours(),
        &ledger,
        ["import", "--yes", "--rate", &rate, "--max-duration", &duration, &file],
    );
    command.env("TENANTRY_API_URL", &simulator.url).env("TENANTRY_AUTHORITY_URL", &simulator.url);
    let running = world.start(command, &name)?;
    Ok((simulator, running))
}

fn requests(world: &World, simulator: &Server) -> Result<Vec<Request>> {
    let text = world.get(&format!("{}/_simulator/requests", simulator.url))?;
    serde_json::from_str(&text).context("the simulator lists its requests")
}

fn lines(case: Case, requests: &[Request], span: u64) -> Vec<Line> {
    let begun = requests.first().map_or(0.0, |first| first.at_ms);
    let within: Vec<&Request> =
        requests.iter().filter(|it| it.at_ms < begun + span as f64 * 1000.0).collect();
    let refused = within.iter().filter(|it| it.is_refused()).count();
    let taken = (within.len() - refused) as f64;
    let best = best_possible(case, span) as f64;
    let share = taken / best;
    if case.configured == case.allowed {
        let line =
            Line::new(format!("{}/min", case.configured), format!("{taken} requests, {refused} × 429"))
                .baseline(format!("{best} allowed"), digits(share));
        return vec![line.decided("98 % used, no 429", share >= USED && refused == 0)];
    }
    let what = format!("{}/min where {} are allowed", case.configured, case.allowed);
    let refused_share = refused as f64 / within.len() as f64;
    let pace = case.configured as f64 / 60.0;
    let fullest = fullest_second(&within) as f64;
    vec![
        Line::new(&what, format!("{taken} requests"))
            .baseline(format!("{best} at best"), digits(share))
            .at_least("less than 10 % lost", share, 1.0 - LOST),
        Line::new(
            format!("{what}: refused"),
            format!("{refused} × 429 ({} %)", digits(refused_share * 100.0)),
        )
        .at_most("less than 2 %", refused_share, REFUSED),
        Line::new(format!("{what}: fullest second"), format!("{fullest} requests"))
            .baseline(format!("{} configured", digits(pace)), digits(fullest / pace))
            .at_most("no burst after a pause", fullest, BURST * pace),
    ]
}

/// The number of requests that fit into this many seconds, each sent as early as the service allows. If the service
/// allows less than configured, they are sent at the configured even pace.
fn best_possible(case: Case, span: u64) -> u64 {
    if case.configured == case.allowed {
        return case.allowed * span / 60;
    }
    let spacing = 60.0 / case.configured as f64;
    let window = usize::try_from(case.allowed).unwrap_or(usize::MAX);
    let mut moments: Vec<f64> = Vec::new();
    loop {
        let paced = moments.last().map_or(0.0, |last| last + spacing);
        let allowed = moments.len().checked_sub(window).map_or(0.0, |index| moments[index] + 60.0);
        let moment = paced.max(allowed);
        if moment >= span as f64 {
            return moments.len() as u64;
        }
        moments.push(moment);
    }
}

fn fullest_second(requests: &[&Request]) -> usize {
    let held = |(index, first): (usize, &&Request)| {
        requests[index..].iter().take_while(|it| it.at_ms < first.at_ms + 1000.0).count()
    };
    requests.iter().enumerate().map(held).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_possible_keeps_to_both_limits() {
        let check = |configured, allowed, span, best| {
            assert_eq!(
                best_possible(Case { configured, allowed }, span),
                best,
                "{configured} {allowed} {span}"
            );
        };
        check(500, 500, 120, 1000);
        // 500 per minute for 36 s, then none until the first ones are a minute old.
        check(500, 300, 30, 250);
        check(500, 300, 60, 300);
        check(500, 300, 180, 900);
        check(500, 300, 186, 950);
    }
}
