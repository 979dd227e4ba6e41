//! Shows the progress of reading and submission: a bar on a terminal, otherwise a line from time to time.
//!
//! The progress comes from watch channels, and each drawn bar becomes the status line of the outlet of standard error.
//! So nothing ever waits for a terminal. Progress is never a result: summaries come from the ledger.

use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use console::{Term, measure_text_width, truncate_str};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike};
use tokio::sync::watch;
use tokio::time::Instant;

use super::output::Output;
use crate::call::{Rate, SentNow};
use crate::printable::escape_for_terminal;
use crate::report::{counted, rough, spoken};
use crate::{outlet, reading, submitter};

/// Without a terminal, interval between progress lines.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Interval between updates of a bar.
const REDRAW_EVERY: Duration = Duration::from_millis(100);

/// Interval between looks at the progress where there is no bar.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A submission without an outcome for longer than this has paused.
const PAUSE: Duration = Duration::from_secs(10);

/// A bar is drawn at most this often, even if it changes more often.
const REDRAWS_PER_SECOND: u8 = 20;

/// One way to draw a bar.
#[derive(Debug, Clone, Copy)]
struct Layout {
    template: &'static str,
    /// The columns of everything but the number of rows, which is there twice, and the message.
    width: usize,
}

/// The ways to draw a bar, the widest first.
#[derive(Debug, Clone, Copy)]
struct Layouts {
    layouts: [Layout; 3],
    /// Whether the number of rows is drawn.
    has_rows: bool,
}

const READING: Layouts = Layouts {
    layouts: [
        Layout { template: "reading {bar:24} {bytes}/{total_bytes} · {msg}", width: 59 },
        Layout { template: "reading {bar:12} {percent}% · {msg}", width: 28 },
        Layout { template: "{percent}% read · {msg}", width: 12 },
    ],
    has_rows: false,
};

const SUBMISSION: Layouts = Layouts {
    layouts: [
        Layout { template: "{bar:24} {human_pos}/{human_len} · {rate} · {left} · {msg}", width: 65 },
        Layout { template: "{bar:12} {human_pos}/{human_len} · {left} · {msg}", width: 37 },
        Layout { template: "{human_pos}/{human_len} · {left} · {msg}", width: 24 },
    ],
    has_rows: true,
};

impl Layouts {
    /// The widest layout with space for all parts of the message. If there is none, the narrowest layout with as many
    /// parts as there is space for: the most important ones come first. `length`: the number of rows.
    fn fitting(self, columns: usize, length: u64, parts: &[String]) -> (&'static str, String) {
        let numbers = if self.has_rows { 2 * HumanCount(length).to_string().len() } else { 0 };
        let fits =
            |layout: &Layout, message: &str| layout.width + numbers + measure_text_width(message) <= columns;
        let whole = parts.join(", ");
        let [.., narrowest] = self.layouts;
        match self.layouts.iter().find(|layout| fits(layout, &whole)) {
            Some(layout) => (layout.template, whole),
            None => {
                let messages = (1..parts.len()).rev().map(|count| parts[..count].join(", "));
                let fitting = messages.into_iter().find(|message| fits(&narrowest, message));
                (narrowest.template, fitting.unwrap_or_else(|| parts.first().cloned().unwrap_or_default()))
            }
        }
    }
}

/// What limits the estimate of the time left.
#[derive(Debug, Clone, Copy, Default)]
struct TimeLeft {
    /// The least time left.
    least: Duration,
    /// Nothing has moved for a while, so that the speed so far says nothing: its estimate grows without end.
    is_paused: bool,
}

impl TimeLeft {
    /// `eta`: the estimate by the speed so far.
    fn of(self, eta: Duration) -> Duration {
        if self.is_paused { self.least } else { eta.max(self.least) }
    }
}

/// A bar that adapts to the width of the terminal, or a line from time to time instead.
struct BarOrLines<'a> {
    output: &'a Output,
    bar: ProgressBar,
    layouts: Layouts,
    next_line: Instant,
}

impl<'a> BarOrLines<'a> {
    fn new(output: &'a Output, bar: ProgressBar, layouts: Layouts) -> Self {
        bar.set_draw_target(if output.has_bars() {
            ProgressDrawTarget::term_like_with_hz(Box::<StatusLine>::default(), REDRAWS_PER_SECOND)
        } else {
            ProgressDrawTarget::hidden()
        });
        Self { output, bar, layouts, next_line: Instant::now() + LINE_EVERY }
    }

    /// Redraws the bar with a message of these parts. Without a bar, writes `line` if the interval has passed.
    fn update(&mut self, parts: &[String], left: TimeLeft, line: impl FnOnce() -> String) {
        if !self.output.has_bars() {
            if Instant::now() >= self.next_line {
                self.next_line = Instant::now() + LINE_EVERY;
                self.output.note(line());
            }
            return;
        }
        // At each update, because windows are resized.
        let length = self.bar.length().unwrap_or_default();
        let (template, message) = self.layouts.fitting(columns().into(), length, parts);
        self.bar.set_style(style(template, left));
        self.bar.set_message(message);
    }
}

impl Drop for BarOrLines<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Output {
    /// Shows the progress of reading until the sender is dropped. `size` in bytes, if known.
    pub(crate) async fn show_reading(
        &self,
        path: &str,
        size: Option<u64>,
        mut progress: watch::Receiver<reading::ReadProgress>,
    ) {
        let mut shown =
            BarOrLines::new(self, size.map_or_else(ProgressBar::no_length, ProgressBar::new), READING);
        while progress.changed().await.is_ok() {
            let now = *progress.borrow_and_update();
            shown.bar.set_position(now.bytes);
            let rows = HumanCount(now.rows);
            let left = size.map(|size| percent_left(now.bytes, size));
            let parts = [format!("{rows} rows"), escape_for_terminal(path).into_owned()];
            shown.update(&parts, TimeLeft::default(), || {
                let left = left.map(|left| format!(", {left} % of the file left")).unwrap_or_default();
                format!("{path}: {rows} rows so far{left}")
            });
        }
    }

    /// Shows the progress of a submission at `rate` until the future is dropped, so the submission need not wait for
    /// the next redraw.
    pub(crate) async fn show_submission(
        &self,
        rate: Rate,
        sent_now: SentNow,
        mut progress: watch::Receiver<submitter::SubmissionProgress>,
    ) -> Infallible {
        if self.is_quiet() {
            return std::future::pending().await;
        }
        let mut shown = BarOrLines::new(self, ProgressBar::new(progress.borrow().total), SUBMISSION);
        let mut redraw = tokio::time::interval(if self.has_bars() { REDRAW_EVERY } else { LOOK_EVERY });
        let mut moved_at = Instant::now();
        loop {
            redraw.tick().await;
            let now = *progress.borrow_and_update();
            let (sent, at) = (sent_now.count(), Instant::now());
            shown.bar.set_length(now.total);
            if now.settled > shown.bar.position() {
                // A pause says nothing about the time that the rest takes.
                if at - moved_at > PAUSE {
                    shown.bar.reset_eta();
                }
                moved_at = at;
            }
            shown.bar.set_position(now.settled);
            let at_rate = rate.time_for(now.total.saturating_sub(now.settled)).unwrap_or_default();
            let is_paused = at - moved_at > PAUSE;
            let left = TimeLeft { least: settles_in(&now, at).max(at_rate), is_paused };
            let eta = left.of(shown.bar.eta());
            let line = || line(&now, eta, rate, &describe(&now, sent, at, Space::Line));
            shown.update(&describe(&now, sent, at, Space::Bar), left, line);
        }
    }
}

/// The space for a description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Space {
    Bar,
    Line,
}

/// How much of a file is still to be read, in percent. A compressed file may be longer than its size.
fn percent_left(read: u64, size: u64) -> u64 {
    size.saturating_sub(read).saturating_mul(100).div_ceil(size.max(1))
}

/// The line that shows the progress where there is no bar. `eta`: the time left, if it is known; zero otherwise.
fn line(progress: &submitter::SubmissionProgress, eta: Duration, rate: Rate, parts: &[String]) -> String {
    let left = HumanCount(progress.total.saturating_sub(progress.settled));
    let total = HumanCount(progress.total);
    let time = if eta.is_zero() { "time left unknown".to_owned() } else { format!("about {}", rough(eta)) };
    let at_most = match rate {
        Rate::Unlimited => String::new(),
        rate => format!(" (at most {rate} requests)"),
    };
    format!("{left} of {total} rows left, {time}{at_most}: {}", parts.join(", "))
}

/// Describes the state of a submission: why it waits, if it does, and the results so far. `sent`: the requests that are
/// sent and not answered yet; the others wait for their turn.
fn describe(
    progress: &submitter::SubmissionProgress,
    sent: usize,
    now: Instant,
    space: Space,
) -> Vec<String> {
    let state = if progress.stopping {
        Some("finishing what is under way".to_owned())
    } else if let Some(silent) = progress.silent_for {
        Some(format!("no answer for {}, retrying", rough(silent)))
    } else {
        progress.throttled_for.map(|wait| format!("throttled for {}", rough(wait)))
    };
    let created = Some(format!("{} created", HumanCount(progress.created)));
    let not = (progress.not_created > 0).then(|| format!("{} not created", HumanCount(progress.not_created)));
    let others = progress.waiting - progress.settling;
    let waiting = (others > 0).then(|| format!("{others} to retry"));
    let settling = (progress.settling > 0).then(|| describe_settling(progress, now, space));
    // Rows under way may wait for the rate.
    let is_only_settling = progress.under_way + others == 0;
    let sent = format!("{sent} being sent");
    // While nothing else happens, this is why.
    let [first, last] = if is_only_settling { [settling, None] } else { [None, settling] };
    [state, first, created, not, Some(sent), waiting, last].into_iter().flatten().collect()
}

/// Describes the rows that wait until a new customer would be visible.
fn describe_settling(progress: &submitter::SubmissionProgress, now: Instant, space: Space) -> String {
    let rows = progress.settling as u64;
    let left = spoken(settles_in(progress, now));
    match space {
        Space::Bar => format!("{rows} wait until a new customer is visible ({left})"),
        Space::Line => {
            let wait = if rows == 1 { "waits" } else { "wait" };
            let rows = counted(rows, "row");
            format!("{rows} {wait} until a new customer would be visible (up to {left} more)")
        }
    }
}

/// How long the last of the rows waits that wait until a new customer would be visible.
fn settles_in(progress: &submitter::SubmissionProgress, now: Instant) -> Duration {
    progress.settled_by.map_or(Duration::ZERO, |by| by.saturating_duration_since(now))
}

fn columns() -> u16 {
    Term::stderr().size().1
}

/// The terminal that a bar draws on. It stores one line, so cursor movements do nothing; it cannot fail.
#[derive(Debug, Default)]
struct StatusLine(Mutex<String>);

impl StatusLine {
    fn drawn(&self) -> MutexGuard<'_, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TermLike for StatusLine {
    fn width(&self) -> u16 {
        columns()
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.drawn().push_str(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.drawn().clear();
        Ok(())
    }

    /// Called when the bar is completely drawn.
    fn flush(&self) -> io::Result<()> {
        let drawn = std::mem::take(&mut *self.drawn());
        // A wrapped line could not be erased as a whole.
        let status = truncate_str(drawn.trim(), columns().into(), "");
        outlet::stderr().show_status((!status.is_empty()).then(|| status.into_owned()));
        Ok(())
    }
}

fn style(template: &str, left: TimeLeft) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates above are well-formed")
        .with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
            // The service counts by the minute, but 270,000 a minute is hard to read.
            let per_second = state.per_sec();
            let written = match per_second {
                ..20.0 => write!(out, "{:.0} rows/min", per_second * 60.0),
                _ => write!(out, "{per_second:.0} rows/s"),
            };
            written.expect("the bar writes to memory");
        })
        .with_key("left", move |state: &ProgressState, out: &mut dyn fmt::Write| {
            let written = match (state.pos(), left.of(state.eta())) {
                (0, _) | (_, Duration::ZERO) => write!(out, "time left unknown"),
                (_, time) => write!(out, "{} left", rough(time)),
            };
            written.expect("the bar writes to memory");
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_wait_are_counted_apart_from_those_that_are_sent() {
        let now = Instant::now();
        let check = |(waiting, settling): (usize, usize), sent, space, expected: &[&str]| {
            let progress = submitter::SubmissionProgress {
                created: 1,
                waiting,
                settling,
                settled_by: (settling > 0).then(|| now + Duration::from_secs(160)),
                ..Default::default()
            };
            assert_eq!(describe(&progress, sent, now, space), expected);
        };
        check((2, 0), 2, Space::Bar, &["1 created", "2 being sent", "2 to retry"]);
        let visible = "3 wait until a new customer is visible (2 min 40 s)";
        check((5, 3), 2, Space::Bar, &["1 created", "2 being sent", "2 to retry", visible]);
        check((3, 3), 0, Space::Bar, &[visible, "1 created", "0 being sent"]);
        let visible = "3 rows wait until a new customer would be visible (up to 2 min 40 s more)";
        check((5, 3), 2, Space::Line, &["1 created", "2 being sent", "2 to retry", visible]);
        let visible = "1 row waits until a new customer would be visible (up to 2 min 40 s more)";
        check((1, 1), 0, Space::Line, &[visible, "1 created", "0 being sent"]);
    }

    #[test]
    fn without_a_terminal_progress_counts_down() {
        let progress = submitter::SubmissionProgress {
            settled: 1_200,
            total: 5_000,
            created: 1_199,
            ..Default::default()
        };
        let parts = describe(&progress, 2, Instant::now(), Space::Line);
        let line = |seconds, rate| line(&progress, Duration::from_secs(seconds), rate, &parts);
        let state = ": 1,199 created, 2 being sent";
        let unknown = format!("3,800 of 5,000 rows left, time left unknown{state}");
        assert_eq!(line(0, Rate::Unlimited), unknown);
        let time = rough(Duration::from_secs(510));
        let known = format!("3,800 of 5,000 rows left, about {time} (at most 500/min requests){state}");
        assert_eq!(line(510, crate::cli::parse::rate("500/min").unwrap()), known);
        assert_eq!(
            [percent_left(0, 10), percent_left(9, 10), percent_left(12, 10), percent_left(0, 0)],
            [100, 10, 0, 0]
        );
    }

    #[test]
    fn a_pause_does_not_lengthen_the_time_left() {
        let (least, eta) = (Duration::from_secs(160), Duration::from_secs(1_000_000));
        assert_eq!(TimeLeft { least, is_paused: true }.of(eta), least);
        assert_eq!(TimeLeft { least, is_paused: false }.of(eta), eta);
        assert_eq!(TimeLeft { least, is_paused: false }.of(Duration::ZERO), least);
    }

    #[test]
    fn a_bar_is_never_cut_off_in_a_word() {
        let check = |columns: usize, length: u64, parts: &[&str], expected: (usize, &str)| {
            let parts: Vec<String> = parts.iter().map(|&part| part.to_owned()).collect();
            let (template, message) = SUBMISSION.fitting(columns, length, &parts);
            let layout = SUBMISSION.layouts.iter().position(|layout| layout.template == template);
            assert_eq!((layout.unwrap(), message.as_str()), expected);
        };
        let quiet = ["57 created", "2 being sent"];
        check(100, 60, &quiet, (0, "57 created, 2 being sent"));
        check(80, 60, &quiet, (1, "57 created, 2 being sent"));
        check(52, 60, &quiet, (2, "57 created, 2 being sent"));
        check(40, 60, &quiet, (2, "57 created"));
        check(20, 60, &quiet, (2, "57 created"));
        // Also where a window has the usual 80 columns.
        let settling = ["3 wait until a new customer is visible (2 min 40 s)", "57 created", "0 being sent"];
        check(80, 60, &settling, (2, settling[0]));
        let busy = ["throttled for 45 s", "5,700 created", "12 not created", "2 being sent", "3 to retry"];
        check(122, 9_999, &busy, (1, &busy.join(", ")));
        check(110, 9_999, &busy, (2, &busy.join(", ")));
        check(100, 9_999, &busy, (2, &busy[..4].join(", ")));
        check(90, 9_999, &busy, (2, &busy[..3].join(", ")));
        check(80, 9_999, &busy, (2, &busy[..2].join(", ")));
    }
}
