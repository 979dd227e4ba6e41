//! What a person at a terminal sees and answers: the program on a pseudo-terminal, its screen read back.

use std::io::{Read, Write};
use std::num::NonZero;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use pty_process::blocking::{Command, Pty};
use tenantry_simulator::{Fault, Hold, HoldPoint, Operation, Scenario, ScriptedFault};

use crate::harness::{Bench, Call, customers, eventually};

const ROWS: NonZero<u16> = NonZero::new(40).unwrap();
/// Room for everything, and for hardly anything.
pub(crate) const WIDE: NonZero<u16> = NonZero::new(120).unwrap();
const NARROW: NonZero<u16> = NonZero::new(50).unwrap();

/// A command on a terminal of its own. It is killed where a test fails meanwhile.
pub(crate) struct Terminal {
    pty: Arc<Pty>,
    child: Child,
    seen: Arc<Mutex<Seen>>,
    ended: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

struct Seen {
    screen: vt100::Parser,
    raw: Vec<u8>,
}

/// The command as a terminal starts it.
pub(crate) fn on_terminal(call: Call<'_>) -> Command {
    let call = call.command();
    let mut command = Command::new(call.get_program()).args(call.get_args());
    command = command.current_dir(call.get_current_dir().unwrap());
    for (name, value) in call.get_envs() {
        command = match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

impl Terminal {
    pub(crate) fn start(call: Call<'_>, columns: NonZero<u16>) -> Self {
        Self::start_with(call, columns, |command| command)
    }

    /// With what `redirect` does to its standard streams.
    pub(crate) fn start_with(
        call: Call<'_>,
        columns: NonZero<u16>,
        redirect: impl FnOnce(Command) -> Command,
    ) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(ROWS.get(), columns.get())).unwrap();
        let child = redirect(on_terminal(call)).spawn(pts).unwrap();
        let pty = Arc::new(pty);
        let screen = vt100::Parser::new(ROWS, columns, 0);
        let seen = Arc::new(Mutex::new(Seen { screen, raw: Vec::new() }));
        let ended = Arc::new(AtomicBool::new(false));
        let reader = {
            let (pty, seen, ended) = (Arc::clone(&pty), Arc::clone(&seen), Arc::clone(&ended));
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                loop {
                    // It may end between a read that finds nothing and this question.
                    let has_ended = ended.load(Ordering::Acquire);
                    match (&*pty).read(&mut bytes) {
                        Ok(count @ 1..) => {
                            let mut seen = seen.lock().unwrap();
                            seen.screen.process(&bytes[..count]);
                            seen.raw.extend_from_slice(&bytes[..count]);
                        }
                        // A terminal that no program has open is an error on Linux and an end elsewhere; a program whose
                        // streams lead elsewhere may open it yet.
                        _ if has_ended => return,
                        _ => std::thread::sleep(Duration::from_millis(5)),
                    }
                }
            })
        };
        Self { pty, child, seen, ended, reader: Some(reader) }
    }

    pub(crate) fn screen(&self) -> String {
        self.seen.lock().unwrap().screen.screen().contents()
    }

    /// The whole screen, with its colours.
    pub(crate) fn contents(&self) -> vt100::Screen {
        self.seen.lock().unwrap().screen.screen().clone()
    }

    pub(crate) fn shows(&self, words: &str) {
        eventually(&format!("the screen shows `{words}`"), || self.screen().contains(words));
    }

    pub(crate) fn types(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn is_resized_to(&self, columns: NonZero<u16>) {
        self.pty.resize(pty_process::Size::new(ROWS.get(), columns.get())).unwrap();
        self.seen.lock().unwrap().screen.screen_mut().set_size(ROWS, columns);
    }

    /// Waits for its end, which has to be this one, and returns all that it ever wrote.
    pub(crate) fn ends_with(mut self, code: i32) -> String {
        eventually("the command ends", || self.child.try_wait().unwrap().is_some());
        self.ended.store(true, Ordering::Release);
        self.reader.take().unwrap().join().unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(code), "{}", self.screen());
        String::from_utf8(self.seen.lock().unwrap().raw.clone()).unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the screen:\n{}", self.screen());
        }
        drop(self.child.kill());
        self.ended.store(true, Ordering::Release);
    }
}

#[test]
fn the_bar_fits_its_window_and_ends_where_the_run_does() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(5));
    bench.simulator().hold(Hold { at: HoldPoint::Created, domain: None });
    let import = bench.import("customers.csv").args(["--yes", "--concurrency", "1", "--limit", "3"]);
    let terminal = Terminal::start(import, WIDE);
    bench.wait_until_held();
    terminal.shows("░ 0/3 · 0 rows/min · time left unknown · 0 created, 1 being sent");
    terminal.is_resized_to(NARROW);
    terminal.shows("\n0/3 · time left unknown · 0 created, 1 being sent");
    bench.simulator().release();
    let all = terminal.ends_with(5);
    assert!(all.contains("3 rows sent, 3 requests"), "{all}");
    assert!(all.contains("Stopped at --limit: 2 rows still pending") && !all.contains("error:"), "{all}");
    assert!(!all.contains("0/0"), "{all}");
}

#[test]
fn an_outage_is_told_in_words() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(12));
    bench.simulator().script(ScriptedFault {
        operation: Operation::Create,
        domain: None,
        fault: Fault::StatusBefore { status: 503 },
        count: 1000,
    });
    let terminal = Terminal::start(bench.import("customers.csv").args(["--yes"]), WIDE);
    terminal.shows("no answer for ");
    terminal.types("\u{3}");
    terminal.ends_with(130);
    bench.agree_so_far();
}

#[test]
fn a_terminal_that_wants_no_colours_or_cannot_move_gets_none() {
    let refused = |variable: &str, value: &str| {
        let bench = Bench::with(Scenario::default());
        let call = bench.import("missing.csv").env(variable, value);
        Terminal::start(call, WIDE).ends_with(2)
    };
    assert!(refused("TERM", "xterm-256color").contains("\u{1b}[31m"), "an error is red");
    for all in [refused("NO_COLOR", "1"), refused("TERM", "dumb")] {
        assert!(all.starts_with("error: ") && !all.contains('\u{1b}'), "{all:?}");
    }
    let bench = Bench::new();
    bench.file("customers.csv", customers(3));
    let call = bench.import("customers.csv").args(["--yes"]).env("TERM", "dumb");
    let all = Terminal::start(call, WIDE).ends_with(0);
    assert!(!all.contains('\u{1b}'), "{all:?}");
}
