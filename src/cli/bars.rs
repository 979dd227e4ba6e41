//! Shows the progress of reading and submission: a bar on a terminal, otherwise a line from time to time.
//!
//! The progress comes from watch channels, and each drawn bar becomes the status line of the outlet of standard error.
//! So nothing ever waits for a terminal. Progress is never a result: summaries come from the ledger.

use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use console::{Term, truncate_str};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike};
use tokio::sync::watch;
use tokio::time::Instant;

use super::output::Output;
use crate::printable::escape_for_terminal;
use crate::report::rough;
use crate::{outlet, reading, submitter};

/// Without a terminal, interval between progress lines.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Interval between updates of a bar.
const REDRAW_EVERY: Duration = Duration::from_millis(100);

/// A bar is drawn at most this often, even if it changes more often.
const REDRAWS_PER_SECOND: u8 = 20;

/// A terminal with fewer columns has no space for a bar next to the numbers.
const ROOM_FOR_A_BAR: u16 = 90;

/// The templates of a bar, with and without space for the bar itself. The end of the message is cut off at the right
/// edge, so the most important part comes first.
#[derive(Debug, Clone, Copy)]
struct BarTemplates {
    wide: &'static str,
    narrow: &'static str,
}

const READING: BarTemplates = BarTemplates {
    wide: "reading {bar:24} {bytes}/{total_bytes} · {wide_msg}",
    narrow: "{percent}% read · {wide_msg}",
};

const SUBMISSION: BarTemplates = BarTemplates {
    wide: "{bar:24} {human_pos}/{human_len} · {rate} · {left} · {wide_msg}",
    narrow: "{human_pos}/{human_len} · {left} · {wide_msg}",
};

/// A bar that adapts to the width of the terminal, or a line from time to time instead.
struct BarOrLines<'a> {
    output: &'a Output,
    bar: ProgressBar,
    templates: BarTemplates,
    next_line: Instant,
}

impl<'a> BarOrLines<'a> {
    fn new(output: &'a Output, bar: ProgressBar, templates: BarTemplates) -> Self {
        let bar = bar.with_style(templates.style());
        bar.set_draw_target(if output.has_bars() {
            ProgressDrawTarget::term_like_with_hz(Box::<StatusLine>::default(), REDRAWS_PER_SECOND)
        } else {
            ProgressDrawTarget::hidden()
        });
        Self { output, bar, templates, next_line: Instant::now() + LINE_EVERY }
    }

    /// Redraws the bar with `message`. Without a bar, writes `line` if the interval has passed.
    fn update(&mut self, message: String, line: impl FnOnce() -> String) {
        if !self.output.has_bars() {
            if Instant::now() >= self.next_line {
                self.next_line = Instant::now() + LINE_EVERY;
                self.output.note(line());
            }
            return;
        }
        // At each update, because windows are resized.
        self.bar.set_style(self.templates.style());
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
            shown.update(format!("{rows} rows of {}", escape_for_terminal(path)), || {
                format!("{path}: {rows} rows so far")
            });
        }
    }

    /// Shows the progress of a submission at `rate` until the future is dropped, so the submission need not wait for
    /// the next redraw.
    pub(crate) async fn show_submission(
        &self,
        rate: crate::call::Rate,
        mut progress: watch::Receiver<submitter::SubmissionProgress>,
    ) -> Infallible {
        let mut shown = BarOrLines::new(self, ProgressBar::new(progress.borrow().total), SUBMISSION);
        let mut redraw = tokio::time::interval(REDRAW_EVERY);
        loop {
            redraw.tick().await;
            let now = *progress.borrow_and_update();
            shown.bar.set_length(now.total);
            shown.bar.set_position(now.settled);
            let words = describe(&now);
            let line = || {
                let (settled, total) = (HumanCount(now.settled), HumanCount(now.total));
                format!("{settled} of {total} rows settled (at most {rate} requests): {words}")
            };
            shown.update(words.clone(), line);
        }
    }
}

/// Describes the state of a submission: why it waits, if it does, and the results so far.
fn describe(progress: &submitter::SubmissionProgress) -> String {
    let state = if progress.stopping {
        Some("finishing what is under way".to_owned())
    } else if let Some(silent) = progress.silent_for {
        Some(format!("no answer for {}, probing", rough(silent)))
    } else {
        progress.throttled_for.map(|wait| format!("throttled, {} more", rough(wait)))
    };
    let created = Some(format!("{} created", HumanCount(progress.created)));
    let not = (progress.not_created > 0).then(|| format!("{} not", HumanCount(progress.not_created)));
    let under_way = Some(format!("{} under way", progress.under_way));
    let (settling, others) = (progress.settling, progress.waiting - progress.settling);
    let waiting = (others > 0).then(|| format!("{others} waiting"));
    let settling = (settling > 0).then(|| format!("{settling} waiting for the settle delay"));
    [state, created, not, under_way, waiting, settling].into_iter().flatten().collect::<Vec<_>>().join(", ")
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

impl BarTemplates {
    fn style(self) -> ProgressStyle {
        ProgressStyle::with_template(if columns() >= ROOM_FOR_A_BAR { self.wide } else { self.narrow })
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
            .with_key("left", |state: &ProgressState, out: &mut dyn fmt::Write| {
                let written = match state.pos() {
                    0 => write!(out, "time left not known yet"),
                    _ => write!(out, "{} left", rough(state.eta())),
                };
                written.expect("the bar writes to memory");
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_wait_for_the_settle_delay_are_counted_separately() {
        let progress =
            submitter::SubmissionProgress { created: 1, waiting: 5, settling: 3, ..Default::default() };
        let expected = "1 created, 0 under way, 2 waiting, 3 waiting for the settle delay";
        assert_eq!(describe(&progress), expected);
    }
}
