//! Effects that survive a restart: JSON lines, one for each, appended before the reply goes out.
//!
//! Promise: what was answered is in the file, because a line is handed to the operating system before its effect
//! is taken into memory. A process killed in mid-line leaves a torn last line, whose effect nobody was told of; it
//! is cut off on the next start. A bad line anywhere else is an error, since guessing would hide customers.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::effect::Effect;

#[derive(Debug)]
pub(super) struct StateFile {
    file: File,
    /// The length of what was written whole.
    length: u64,
}

impl StateFile {
    /// Locks the file against a second simulator, and reads what it holds.
    pub(super) fn take(mut file: File) -> io::Result<(StateFile, Vec<Effect>)> {
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::new(io::ErrorKind::ResourceBusy, "it is in use"),
            TryLockError::Error(error) => error,
        })?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        let effects = read_effects(&text[..whole])?;
        if !is_torn_line(&text[whole..]) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no state of a simulator"));
        }
        let mut state_file = StateFile { file, length: whole as u64 };
        state_file.cut_off_torn_line()?;
        Ok((state_file, effects))
    }

    pub(super) fn append(&mut self, effect: &Effect) -> io::Result<()> {
        let mut line = serde_json::to_vec(effect)?;
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            // Else the next line would continue a torn one, which no start could tell from damage.
            self.cut_off_torn_line()?;
            return Err(error);
        }
        self.length += line.len() as u64;
        Ok(())
    }

    fn cut_off_torn_line(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length))?;
        Ok(())
    }
}

/// May this be the beginning of a line? Anything else at the end of a file was written by somebody else, who may miss it.
fn is_torn_line(text: &[u8]) -> bool {
    const BEGINNING: &[u8] = b"{\"effect\":\"";
    text.iter().zip(BEGINNING).all(|(byte, ours)| byte == ours)
}

fn read_effects(text: &[u8]) -> io::Result<Vec<Effect>> {
    let lines = text.split(|&byte| byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    let read = |(index, line): (usize, &[u8])| {
        serde_json::from_slice(line).map_err(|error| {
            let message = format!("line {}: {error}", index + 1);
            io::Error::new(io::ErrorKind::InvalidData, message)
        })
    };
    lines.map(read).collect()
}
