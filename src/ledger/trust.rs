//! Can a ledger be believed where it lies? Who can write to it decides what is created with the operator's token, so its
//! owner, its mode and its folder are looked at before SQLite opens it.

use std::path::Path;
use std::sync::Arc;

use super::Error;
use super::place::beside;
use crate::private_file::{self, Owner};

/// What is to be done with a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Read,
    Write,
}

/// SQLite's own files beside a database; what they hold becomes part of it.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Refuses a ledger that others may write to or replace, and for writing one of another user. What others may read is
/// narrowed where it is ours, and warned about where it is not. A file that is not there is judged by its folder.
pub(super) fn check(path: &Path, purpose: Purpose) -> Result<(), Error> {
    let open = |source| Error::Open { path: path.to_owned(), source: Arc::new(source) };
    // Where a link leads; a file that is not there yet has its name.
    let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if private_file::others_may_replace(&place) {
        return Err(Error::Replaceable { path: path.to_owned() });
    }
    let Ok(ledger) = place.metadata() else { return Ok(()) };
    if !ledger.is_file() {
        return Ok(());
    }
    if private_file::others_may_write(&place, &ledger) {
        return Err(Error::Exposed { path: path.to_owned() });
    }
    if purpose == Purpose::Write && private_file::owner(&place, &ledger) == Owner::Another {
        return Err(Error::OfAnother { path: path.to_owned() });
    }
    private_file::narrow_at(&place).map_err(open)?.warn(&place);
    for companion in COMPANIONS.map(|suffix| beside(&place, suffix)) {
        let Ok(metadata) = companion.metadata() else { continue };
        if private_file::others_may_write(&companion, &metadata)
            || !private_file::same_owner(&ledger, &metadata)
        {
            return Err(Error::Exposed { path: companion });
        }
    }
    Ok(())
}
