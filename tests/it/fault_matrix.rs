//! Every fault that the simulator can make, against every point of a row's life. However a run gets over them, journal,
//! ledger and opened passwords agree in the end, and no new request id was drawn while an outcome was unknown: that is
//! what [`Bench::agree`] holds.

use tenantry_simulator::{Fault, Named, Operation, RetryAfter};

use crate::harness::{Bench, HEADER, each_at_once, full, row};

const FAULTS: [Fault; 32] = [
    Fault::RefuseBefore,
    Fault::DropAfter,
    Fault::StatusBefore { status: 408 },
    Fault::StatusBefore { status: 500 },
    Fault::StatusBefore { status: 502 },
    Fault::StatusBefore { status: 503 },
    Fault::StatusBefore { status: 504 },
    Fault::StatusAfter { status: 408 },
    Fault::StatusAfter { status: 500 },
    Fault::StatusAfter { status: 502 },
    Fault::StatusAfter { status: 503 },
    Fault::StatusAfter { status: 504 },
    Fault::Truncated,
    Fault::HtmlBefore,
    Fault::HtmlAfter,
    Fault::InvalidJson,
    Fault::WithoutId,
    Fault::AnotherCustomer { names: Named::Theirs },
    Fault::Accepted,
    Fault::StalledBefore,
    Fault::StalledAfter,
    Fault::SlowBody,
    Fault::ByteOrderMark,
    Fault::Redirect,
    Fault::Unauthorized,
    Fault::Throttled { retry_after_s: 0 },
    Fault::Throttled { retry_after_s: 1 },
    Fault::Throttled { retry_after_s: 2 },
    Fault::ThrottledAs { form: RetryAfter::HttpDate, retry_after_s: 1 },
    Fault::ThrottledAs { form: RetryAfter::Nonsense, retry_after_s: 1 },
    Fault::ThrottledAs { form: RetryAfter::Absent, retry_after_s: 1 },
    Fault::BusyBefore { retry_after_s: 1 },
];

/// These strike every row that is under way, so each stands alone. For longer than the first repeat can wait, so that its
/// connection is refused. Not on Windows, which tries a refused connection again for two seconds by itself, and in Wine
/// takes connections that it closes then.
const GONE: &[Fault] = if cfg!(windows) {
    &[]
} else {
    &[Fault::GoneBefore { for_ms: 1500 }, Fault::GoneAfter { for_ms: 1500 }]
};

/// Faults that one import meets, and rows without a fault after each: more of them in a row would be an outage.
const FAULTS_AT_ONCE: usize = 7;
const PLAIN_ROWS: usize = 4;

/// A point of a row's life: what leads there, the call that meets the fault, and how the row ends.
struct Point {
    name: &'static str,
    /// What the domain begins with, which decides what the simulator answers.
    prefix: &'static str,
    /// Faults before the one in question, so that the row comes to this point.
    before: &'static [(Operation, Fault)],
    meets: Operation,
    /// The row's state in the end.
    ends: &'static str,
    has_agreement: bool,
}

const SILENT: (Operation, Fault) = (Operation::Create, Fault::StatusBefore { status: 500 });

const POINTS: [Point; 9] = [
    point("the first create", "p1", &[], Operation::Create, "created"),
    point(
        "its repeat, when the customer exists already",
        "p2",
        &[(Operation::Create, Fault::DropAfter)],
        Operation::Create,
        "created",
    ),
    point("its repeat, when it does not", "p3", &[SILENT], Operation::Create, "created"),
    point("the question who has a domain that is taken", "ours-p4", &[], Operation::Search, "existing"),
    point("the question after a refusal", "refuse-400-3000-p5", &[], Operation::Domain, "failed"),
    point("the search after silence", "p6", &[SILENT, SILENT], Operation::Search, "created"),
    point(
        "the search for a customer that was made unheard",
        "p9",
        &[(Operation::Create, Fault::DropAfter), (Operation::Create, Fault::DropAfter)],
        Operation::Search,
        "created",
    ),
    point("the send after asking", "p7", &[SILENT, SILENT], Operation::Create, "created"),
    Point {
        has_agreement: true,
        ..point("the acceptance", "p8", &[], Operation::ConfirmAgreement, "created")
    },
];

const fn point(
    name: &'static str,
    prefix: &'static str,
    before: &'static [(Operation, Fault)],
    meets: Operation,
    ends: &'static str,
) -> Point {
    Point { name, prefix, before, meets, ends, has_agreement: false }
}

impl Point {
    fn domain(&self, index: usize) -> String {
        format!("{}f{index}", self.prefix)
    }

    fn file(&self, faults: usize) -> String {
        let accepted =
            if self.has_agreement { "Ana,Bell,ana@harborline.example.com,,2026-08-14" } else { ",,,," };
        let columns =
            "agreement_first_name,agreement_last_name,agreement_email,agreement_phone,agreement_date";
        let rows = (0..faults).map(|index| {
            let plain = (0..PLAIN_ROWS).map(|n| format!("{},,,,,\n", row(&format!("plain{index}x{n}"))));
            format!("{},{accepted}\n", row(&self.domain(index))) + &plain.collect::<String>()
        });
        std::iter::once(format!("{HEADER},{columns}\n")).chain(rows).collect()
    }

    /// The faults that its imports meet, import by import.
    fn imports(&self) -> Vec<Vec<Fault>> {
        // The answer to a HEAD has no text, so such a 429 names no time at all, and a minute is waited.
        let names_no_time = |fault: &Fault| {
            self.meets == Operation::Domain
                && matches!(fault, Fault::ThrottledAs { form: RetryAfter::Nonsense | RetryAfter::Absent, .. })
        };
        let faults: Vec<Fault> = FAULTS.into_iter().filter(|fault| !names_no_time(fault)).collect();
        faults.chunks(FAULTS_AT_ONCE).chain(GONE.chunks(1)).map(<[Fault]>::to_vec).collect()
    }

    /// Imports a row for each fault, each of which meets its own at this point.
    fn holds_against(&self, faults: &[Fault]) {
        let bench = Bench::new();
        for (index, fault) in faults.iter().enumerate() {
            let domain = self.domain(index);
            for (operation, before) in self.before {
                bench.fault(*operation, &domain, *before, 1);
            }
            bench.fault(self.meets, &domain, *fault, 1);
        }
        bench.file("customers.csv", self.file(faults.len()));
        // An acceptance that met the gap of a restart twice would be left to the next run.
        let attempts = if self.has_agreement { "5" } else { "2" };
        let options = ["--timeout", "2s", "--max-attempts", attempts, "--concurrency", "6"];
        let done = bench.import("customers.csv").with_user().args(options).run();
        let expected = if self.ends == "failed" { 3 } else { 0 };
        assert_eq!(done.code, Some(expected), "{}: {done}", self.name);
        for (index, fault) in faults.iter().enumerate() {
            let row = bench.ledger().row(&self.domain(index));
            assert_eq!(row.state, self.ends, "{}, {fault:?}: {row:?}", self.name);
            // The service replays it, so that one more send brings it, whatever was lost before.
            assert_eq!(row.has_credentials, self.ends == "created", "{}, {fault:?}: {row:?}", self.name);
            if self.has_agreement {
                let state = &bench.ledger().agreements()[&full(&self.domain(index))];
                assert_eq!(state, "recorded", "{}, {fault:?}", self.name);
            }
        }
        if matches!(faults, [Fault::GoneBefore { .. } | Fault::GoneAfter { .. }]) {
            let refused = "SELECT count(*) FROM attempts WHERE text LIKE '%refused the connection%'";
            assert!(bench.ledger().number(refused) > 0, "{}: no connection was refused", self.name);
        }
        if self.ends != "existing" {
            bench.agree();
        }
    }
}

fn all_hold(points: &[Point]) {
    let imports = points.iter().flat_map(|point| point.imports().into_iter().map(move |it| (point, it)));
    each_at_once(imports, |(point, faults)| point.holds_against(&faults));
}

#[test]
fn every_fault_at_the_creates() {
    all_hold(&POINTS[..3]);
}

#[test]
fn every_fault_at_the_questions() {
    all_hold(&POINTS[3..7]);
}

#[test]
fn every_fault_after_asking_and_at_the_second_step() {
    all_hold(&POINTS[7..]);
}
