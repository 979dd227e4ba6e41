//! `--metrics-file`: writes the result of a run for the textfile collector of Prometheus' node_exporter.
//!
//! Every metric has the ledger as a label, so that the files of several partner tenants can be in one folder.

use std::borrow::Cow;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::run_summary::RunSummary;
use crate::clock;
use crate::ledger::{AgreementCounts, Outcomes, RunTotals, State};

type Labels = Vec<(&'static str, &'static str)>;
type Number = Gauge<f64, AtomicU64>;

const LAST_SUCCESS: &str = "last_success_timestamp_seconds";

/// What the metrics are about.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Subject {
    /// The label: the absolute path of the ledger, if it is known.
    ledger: Option<String>,
    /// When a run last ended with success, in seconds since the Unix epoch; 0 if unknown.
    last_success: f64,
}

impl Subject {
    pub(super) fn of(ledger: &Path, digest: &RunSummary) -> Self {
        let ledger = std::path::absolute(ledger).unwrap_or_else(|_| ledger.to_owned());
        let last_success = digest.standing.as_ref().and_then(|figures| figures.last_success);
        Self {
            ledger: Some(ledger.to_string_lossy().into_owned()),
            last_success: last_success.map_or(0.0, seconds),
        }
    }

    /// The subject of a file that an earlier run wrote, for a run that does not know its ledger.
    pub(super) fn in_text(text: &str) -> Self {
        let line = text.lines().find(|line| line.starts_with(&format!("tenantry_{LAST_SUCCESS}")));
        let line = line.unwrap_or_default();
        let value = line.rsplit_once(' ').and_then(|(_, value)| value.parse().ok());
        let label = line.split_once("{ledger=\"").and_then(|(_, rest)| rest.rsplit_once("\"} "));
        Self {
            ledger: label.map(|(label, _)| unescaped(label)),
            last_success: value.filter(|value: &f64| value.is_finite()).unwrap_or_default(),
        }
    }
}

/// A label without the escapes of the format.
fn unescaped(label: &str) -> String {
    let mut characters = label.chars();
    let next = || {
        Some(match characters.next()? {
            '\\' => match characters.next()? {
                'n' => '\n',
                escaped => escaped,
            },
            plain => plain,
        })
    };
    std::iter::from_fn(next).collect()
}

/// The content of the file.
pub(super) fn text(
    digest: &RunSummary,
    subject: &Subject,
    started_at: Timestamp,
    ended_at: Timestamp,
) -> String {
    let label = subject.ledger.clone().map(|ledger| (Cow::Borrowed("ledger"), Cow::Owned(ledger)));
    let mut file = MetricsRegistry(Registry::with_prefix_and_labels("tenantry", label.into_iter()));
    let standing = digest.standing.as_ref();
    if let Some(figures) = standing {
        let states = State::OF_ROWS.map(|state| (vec![("state", state.name())], figures.rows.of(state)));
        file.family("rows", "Rows of the ledger by state", states);
        let acknowledged = [State::Failed, State::Rejected, State::Unresolved]
            .map(|state| (vec![("state", state.name())], figures.rows.acknowledged(state)));
        file.family("rows_acknowledged", "Acknowledged rows of the ledger by state", acknowledged);
        let agreements =
            agreements_by_state(&figures.agreements).map(|(name, count)| (vec![("state", name)], count));
        file.family("agreements", "Acceptances of the customer agreement by state", agreements);
    }
    let acknowledged = standing.map(|figures| count(figures.rows.acknowledged(State::Created)));
    let lost = standing.map(|figures| count(figures.created_without_credentials));
    let success = f64::from(u8::from(digest.success));
    let held_back = standing.map(|figures| count(figures.held_back));
    let agreements_acknowledged = standing.map(|figures| count(figures.agreements.acknowledged));
    let run = |of: fn(&RunTotals) -> u64| digest.run.as_ref().map(|run| count(of(run)));
    let outcomes = digest.run.as_ref().and_then(|run| run.outcomes);
    let done = |of: fn(&Outcomes) -> u64| outcomes.as_ref().map(|outcomes| count(of(outcomes)));
    let duration = clock::elapsed_since(started_at, ended_at).unwrap_or_default();
    for (name, help, value) in [
        (
            "created_without_credentials",
            "Created customers whose one-time password was lost, unless acknowledged",
            lost,
        ),
        ("passwords_acknowledged", "Lost one-time passwords that are acknowledged", acknowledged),
        ("rows_held_back", "Rows and acceptances that are kept from being sent", held_back),
        ("agreements_acknowledged", "Acknowledged acceptances that were refused", agreements_acknowledged),
        (
            LAST_SUCCESS,
            "When a run last ended with success, 0 if never or if the ledger cannot be read",
            // Never missing: an alert on its age would then be silent.
            Some(subject.last_success),
        ),
        ("last_run_requests", "Requests that the last run sent to the API", run(|it| it.requests)),
        ("last_run_retries", "Creates that the last run sent again", run(|it| it.retries)),
        ("last_run_throttled", "Answers to the last run with status 429", run(|it| it.throttled)),
        ("last_run_submitted", "Rows that the last run sent", run(|it| it.submitted)),
        ("last_run_skipped", "Rows of lists that the ledger had already", run(|it| it.skipped)),
        ("last_run_duplicates", "Rows equal to an earlier row of their list", run(|it| it.duplicates)),
        ("last_run_created", "Customers that the last run created", done(|it| it.created)),
        ("last_run_existing", "Rows found to be customers already", done(|it| it.existing)),
        ("last_run_failed", "Rows that Partner Center refused in the last run", done(|it| it.failed)),
        ("last_run_rejected", "Rows that failed validation in the last run", done(|it| it.rejected)),
        ("last_run_unresolved", "Rows that the last run could not settle", done(|it| it.unresolved)),
        ("last_run_exit_code", "Exit code of the last run", Some(f64::from(digest.exit_code))),
        ("last_run_success", "1 if --notify-success counts this exit code", Some(success)),
        ("last_run_start_timestamp_seconds", "When the last run started", Some(seconds(started_at))),
        ("last_run_end_timestamp_seconds", "When the last run ended", Some(seconds(ended_at))),
        ("last_run_duration_seconds", "How long the last run took", Some(duration.as_secs_f64())),
    ] {
        if let Some(value) = value {
            file.number(name, help, value);
        }
    }
    file.family("build_info", "The program", [(vec![("version", env!("CARGO_PKG_VERSION"))], 1)]);
    let mut text = String::new();
    encode(&mut text, &file.0).expect("writing to a String cannot fail");
    // The end mark is specific to OpenMetrics; the collector reads the older text format.
    text.truncate(text.trim_end().trim_end_matches("# EOF").len());
    text
}

fn agreements_by_state(counts: &AgreementCounts) -> [(&'static str, u64); 6] {
    let AgreementCounts { recorded, failed, rejected, in_flight, pending, held_back, acknowledged: _ } =
        *counts;
    [
        ("recorded", recorded),
        ("failed", failed),
        ("rejected", rejected),
        ("in_flight", in_flight),
        ("pending", pending),
        ("held_back", held_back),
    ]
}

/// Whether [`text`] wrote this whole file. A file that also contains other metrics does not count.
pub(super) fn is_ours(text: &str) -> bool {
    let is_ours = |line: &str| {
        let named = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE "));
        named.unwrap_or(line).starts_with("tenantry_")
    };
    !text.is_empty() && text.lines().all(is_ours)
}

struct MetricsRegistry(Registry);

impl MetricsRegistry {
    fn number(&mut self, name: &str, help: &str, value: f64) {
        let gauge = Number::default();
        gauge.set(value);
        self.0.register(name, help, gauge);
    }

    fn family(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (Labels, u64)>) {
        let family = Family::<Labels, Number>::default();
        for (labels, value) in values {
            family.get_or_create(&labels).set(count(value));
        }
        self.0.register(name, help, family);
    }
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
fn count(value: u64) -> f64 {
    value as f64
}

/// Seconds since the Unix epoch.
#[expect(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
fn seconds(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_is_read_from_an_earlier_file() {
        let check = |ledger: Option<&str>, last_success: f64| {
            let subject = Subject { ledger: ledger.map(str::to_owned), last_success };
            let digest = RunSummary {
                command: "import".to_owned(),
                exit_code: 2,
                meaning: "",
                success: false,
                standing: None,
                run: None,
            };
            let text = text(&digest, &subject, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
            assert!(is_ours(&text), "{text}");
            assert_eq!(Subject::in_text(&text), subject, "{text}");
        };
        check(Some("/srv/l1.db"), 1_700_000_000.25);
        check(Some("C:\\new\\l \"1\"} 2.db"), 0.0);
        check(None, 1_700_000_000.0);
        assert_eq!(Subject::in_text(""), Subject::default());
    }
}
