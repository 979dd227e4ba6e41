//! Reports bugs of this program (panics) to people.
//!
//! A panic message can contain any data, such as a password or a token: the debug form of an error, a cell. So only
//! messages that are constants in the source are shown. A bug report needs the place of the panic.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::task::Poll;

use super::{ExitCode, Failure};
use crate::limits::{self, Resource};
use crate::message::{self, Level, Message};
use crate::outlet;
use crate::printable::escape_lines_for_terminal;
use crate::reader::is_reading_workbook;

/// From now on, reports panics in this program's own words, immediately and on any thread.
pub(super) fn report() {
    std::panic::set_hook(Box::new(|panic| {
        // Becomes an error of the file, in words about the file.
        if is_reading_workbook() {
            return;
        }
        // Not through the log, which may be what panics.
        let words = describe(panic);
        outlet::stderr().write(match message::is_json() {
            true => Message::new(Level::Error, &words).line(),
            false => escape_lines_for_terminal(&format!("error: {words}\n")).into_owned(),
        });
    }));
}

fn describe(panic: &PanicHookInfo<'_>) -> String {
    if let Some(wanted) = panic.location().and_then(|place| limits::wanted_at(place.file())) {
        return wanted.words().to_owned();
    }
    let place = panic.location().map_or_else(|| "a place unknown".to_owned(), ToString::to_string);
    let words = own_words(panic.payload()).map(|words| format!(": {words}")).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!("a bug in tenantry {version}, at {place}{words}");
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        write!(text, "\n{backtrace}").expect("memory can be written to");
    }
    text
}

/// The message, if it is a constant in the source; `None` if it was formatted at run time.
fn own_words(payload: &(dyn Any + Send)) -> Option<&'static str> {
    payload.downcast_ref::<&'static str>().copied()
}

/// The failure for a command that panicked; the place and the message were already printed.
pub(super) fn failure() -> Failure {
    if let Some(wanted) = limits::wanted() {
        return for_want_of(wanted);
    }
    Failure::new(ExitCode::Failed, "stopped by a bug in this program").with_hint(
        "no row is lost: run the same command again, or `tenantry resume`; report the line that describes the bug, and if \
         it comes back, keep the ledger as it is",
    )
}

/// The failure for a command that ran out of a resource of this machine.
pub(super) fn for_want_of(resource: Resource) -> Failure {
    let hint = resource.hint();
    Failure::new(ExitCode::Failed, format!("stopped: {}", resource.words()))
        .with_hint(format!("no row is lost: {hint}; then run the same command again, or `tenantry resume`"))
}

/// The result of `run`; a panic becomes a failure.
pub(super) async fn caught<T>(run: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let mut run = std::pin::pin!(run);
    // Nothing that a panic may have left inconsistent is used afterwards.
    std::future::poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(context)))
            .unwrap_or_else(|_| Poll::Ready(Err(failure())))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_of_the_source_are_shown() {
        let check = |panics: fn(), expected: Option<&str>| {
            assert_eq!(own_words(&*std::panic::catch_unwind(panics).unwrap_err()), expected);
        };
        check(|| panic!("nothing panics here"), Some("nothing panics here"));
        check(|| panic!("the password is {}", std::hint::black_box("hunter2")), None);
        check(|| assert!("hunter2".parse::<bool>().map_err(|_| "hunter2").unwrap()), None);
        check(|| std::panic::panic_any(7), None);
    }
}
