//! A terminal of the program's own, and who sits before it.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use pty_process::blocking::{Pty, open};

use super::surroundings::Start;
use crate::harness::Call;

#[derive(Debug, Clone, Copy)]
pub(super) struct Terminal {
    pub(super) user: User,
    /// Standard output goes there too, not to a file.
    pub(super) has_stdout: bool,
    pub(super) columns: u16,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum User {
    /// Reads all that is shown.
    Reads,
    /// Is asked, as without `--yes`, and types this for an answer.
    Answers(&'static str),
    /// Has stopped the output.
    Sleeps,
    /// Closes the window after so many milliseconds.
    Leaves(u64),
}

impl Terminal {
    pub(super) fn surround<'a>(self, call: Call<'a>, start: &mut Start) -> Call<'a> {
        let (pty, pts) = open().unwrap();
        pty.resize(pty_process::Size::new(40, self.columns)).unwrap();
        let stream = || Some(Stdio::from(pts.as_fd().try_clone_to_owned().unwrap()));
        start.stderr = stream();
        if self.has_stdout {
            start.stdout = stream();
        }
        start.on_terminal = true;
        match self.user {
            User::Reads | User::Answers(_) => {
                start.held.users.push(thread::spawn(move || attend(&pty, self.user)));
            }
            User::Sleeps => start.held.readers.push(pty.into()),
            User::Leaves(moment) => drop(thread::spawn(move || {
                thread::sleep(Duration::from_millis(moment));
                drop(pty);
            })),
        }
        if matches!(self.user, User::Answers(_)) { call.asking() } else { call }
    }
}

/// Until no program has the terminal open any more. What it has shown.
fn attend(mut pty: &Pty, user: User) -> String {
    const QUESTION: &str = "Go ahead? (yes/no)";
    let (mut seen, mut answered, mut bytes) = (String::new(), 0, [0; 4096]);
    while let Ok(count @ 1..) = pty.read(&mut bytes) {
        seen += &String::from_utf8_lossy(&bytes[..count]);
        if let User::Answers(keys) = user
            && seen.matches(QUESTION).count() > answered
        {
            answered += 1;
            if pty.write_all(keys.as_bytes()).is_err() {
                break;
            }
        }
    }
    seen
}
