//! Chooses the key that the passwords of a run are sealed to.
//!
//! A ledger uses one key. A different key has to be requested explicitly, because otherwise each identity file would
//! open only a part of the passwords.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::settings::identity_file;
use super::{ExitCode, Failure, Output, args};
use crate::credentials::{self, Identities, Recipient, Sealer};
use crate::ledger::{Queries, SealedTo};
use crate::report::counted;

/// The key of the passwords in a ledger.
#[derive(Debug, PartialEq, Eq)]
enum InUse {
    /// This key.
    Known(String),
    /// The key is not recorded, and it is not in the identity file. This many passwords are sealed to it.
    NotAtHand(u64),
}

/// The key that a run uses.
enum ChosenKey {
    /// Named by `--recipient`.
    Given(Recipient),
    /// From the identity file.
    OfFile(Recipient),
    /// From the ledger. There is no identity file here; a private key is somewhere else.
    OfLedger(Recipient),
    /// There is no identity file: one will be created.
    New,
}

/// The key that was chosen. Nothing is created yet.
struct Choice {
    chosen: ChosenKey,
    /// The identity file, which may be missing; no path if it is not needed and there is no place for it.
    file: PathBuf,
    /// The key of the existing passwords, if this run uses a different one.
    replaces: Option<InUse>,
}

/// What a run uses for sealing.
pub(crate) struct Ready {
    pub(crate) sealer: Arc<Sealer>,
    /// The key of the ledger from now on, once something is sealed to it.
    pub(crate) recipient: String,
    /// The passwords of the ledger so far have a different key.
    pub(crate) is_another: bool,
    pub(crate) out_of_reach: Option<OutOfReach>,
}

/// Prepares sealing on the ledger of `queries`, which the operator knows as `ledger`. A dry run creates no key pair, and
/// reports why a run would be refused.
pub(crate) fn prepare(
    args: &args::SubmissionArgs,
    queries: &Queries,
    ledger: &Path,
    output: &Output,
) -> Result<Option<Ready>, Failure> {
    let choice = choose(args, queries.sealed_to()?)?;
    let refusal = choice.refusal(ledger).filter(|_| !args.new_recipient);
    match (refusal, args.dry_run) {
        (None, true) => Ok(None),
        (None, false) => choice.ready(queries, output).map(Some),
        (Some(refusal), false) => Err(refusal),
        (Some(Failure { messages, hint, .. }), true) => {
            output.note(format_args!("A run would be refused: {}.", messages.join(": ")));
            if let Some(hint) = hint {
                output.note(format_args!("Before a run, {hint}."));
            }
            Ok(None)
        }
    }
}

/// The key that a run would use.
pub(crate) enum ForeseenKey {
    /// This one exists. The identity file, and whether the private half is in it.
    Existing { recipient: String, file: PathBuf, opens_here: bool },
    /// The ledger's key, although its private half is not here.
    OutOfReach(OutOfReach),
    /// The run creates it, in this file.
    New(PathBuf),
}

/// The key of a ledger whose private half is not on this machine, and whose public half was not named. So it may be lost.
pub(crate) struct OutOfReach {
    recipient: String,
    /// The identity file that lacks it.
    file: PathBuf,
    /// Why that file cannot be read, although it is there.
    unread: Option<Failure>,
}

impl fmt::Display for OutOfReach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { recipient, file, unread } = self;
        write!(f, "passwords are sealed to {recipient}; this machine cannot open them")?;
        match unread {
            Some(failure) => write!(f, ": {}", failure.messages.join(": ")),
            None => write!(f, ", because that key is not in `{}`", file.display()),
        }
    }
}

impl OutOfReach {
    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        let recipient = &self.recipient;
        if let Some(hint) = self.unread.as_ref().and_then(|failure| failure.hint.clone()) {
            return hint;
        }
        format!(
            "put the identity file back. If the key is meant to be elsewhere, name it: `--recipient {recipient}`. If it is \
             lost, add `--new-recipient` to the next import, and reset in Partner Center the passwords that were not opened"
        )
    }

    /// For people, as sentences.
    pub(crate) fn sentences(&self) -> String {
        let hint = self.hint();
        let (first, rest) = hint.split_at(1);
        format!("{self}.\n{}{rest}.", first.to_uppercase())
    }

    /// The key of this ledger, if it is out of reach. `recipient`: the public key that is given for runs.
    pub(crate) fn of(
        queries: &Queries,
        identity: &args::IdentityFile,
        recipient: Option<&str>,
    ) -> Result<Option<Self>, Failure> {
        let (SealedTo::Recipient(key), None) = (queries.sealed_to()?, recipient) else { return Ok(None) };
        let file = identity_file(identity)?;
        let (is_here, unread) = match Identities::read(&file) {
            Ok(identities) => (identities.recipients().any(|own| own.to_string() == key), None),
            Err(error) => (false, file.exists().then(|| error.into())),
        };
        Ok((!is_here).then_some(Self { recipient: key, file, unread }))
    }
}

/// Finds the key that a run would use, and creates nothing. `queries`: the ledger, if it exists.
///
/// # Errors
/// The failure that the run would end with.
pub(crate) fn foresee(
    args: &args::SubmissionArgs,
    queries: Option<&Queries>,
    ledger: &Path,
) -> Result<ForeseenKey, Failure> {
    let sealed_to = queries.map_or(Ok(SealedTo::Nobody), Queries::sealed_to)?;
    let choice = choose(args, sealed_to)?;
    if let Some(refusal) = choice.refusal(ledger).filter(|_| !args.new_recipient) {
        return Err(refusal);
    }
    Ok(match choice.chosen {
        ChosenKey::New => ForeseenKey::New(choice.file),
        ChosenKey::OfFile(key) => {
            ForeseenKey::Existing { recipient: key.to_string(), file: choice.file, opens_here: true }
        }
        ChosenKey::OfLedger(key) => ForeseenKey::OutOfReach(OutOfReach {
            recipient: key.to_string(),
            file: choice.file,
            unread: None,
        }),
        ChosenKey::Given(key) => {
            let at_hand = Identities::read(&choice.file).ok();
            let opens_here = at_hand.is_some_and(|identities| holds(&identities, &key));
            ForeseenKey::Existing { recipient: key.to_string(), file: choice.file, opens_here }
        }
    })
}

/// Chooses the key of a run on a ledger with passwords that are `sealed_to` a key; [`Choice::refusal`] says whether the
/// key may be used.
fn choose(args: &args::SubmissionArgs, sealed_to: SealedTo) -> Result<Choice, Failure> {
    let given = args.recipient.clone();
    // If it is not needed, the identity file may be missing or unreadable.
    let file = identity_file(&args.identity);
    let file = if given.is_some() { file.unwrap_or_default() } else { file? };
    let at_hand = match &given {
        Some(_) => Identities::read(&file).ok(),
        None if file.exists() => Some(Identities::read(&file)?),
        None => None,
    };
    let in_use = in_use(sealed_to, at_hand.as_ref());
    let chosen = chosen(given, at_hand.as_ref(), &in_use, args.new_recipient)?;
    let is_its_own = match (&in_use, &chosen) {
        (None, _) | (_, ChosenKey::OfLedger(_)) => true,
        (Some(InUse::Known(key)), ChosenKey::Given(chosen) | ChosenKey::OfFile(chosen)) => {
            *key == chosen.to_string()
        }
        // If the given key's private half is here, it does not open the passwords, so the key differs. Otherwise the
        // given key may be the ledger's.
        (Some(InUse::NotAtHand(_)), ChosenKey::Given(given)) => {
            !at_hand.as_ref().is_some_and(|it| holds(it, given))
        }
        (Some(_), ChosenKey::New) | (Some(InUse::NotAtHand(_)), ChosenKey::OfFile(_)) => false,
    };
    let replaces = in_use.filter(|_| !is_its_own);
    Ok(Choice { chosen, file, replaces })
}

/// `None`: there is no password yet.
fn in_use(sealed_to: SealedTo, at_hand: Option<&Identities>) -> Option<InUse> {
    Some(match sealed_to {
        SealedTo::Nobody => return None,
        SealedTo::Recipient(recipient) => InUse::Known(recipient),
        SealedTo::Unrecorded { newest, passwords } => at_hand
            .and_then(|identities| identities.opens_it(&newest))
            .map_or(InUse::NotAtHand(passwords), |recipient| InUse::Known(recipient.to_string())),
    })
}

/// From an identity file with several keys, takes the key of the ledger; if a different key was requested, the first.
/// Without an identity file, takes the key of the ledger, whose private half may be on another machine.
fn chosen(
    given: Option<Recipient>,
    at_hand: Option<&Identities>,
    in_use: &Option<InUse>,
    is_new_asked_for: bool,
) -> Result<ChosenKey, Failure> {
    Ok(match (given, at_hand, in_use) {
        (Some(given), ..) => ChosenKey::Given(given),
        (None, None, Some(InUse::Known(known))) if !is_new_asked_for => {
            ChosenKey::OfLedger(credentials::recipient(known).map_err(|why| {
                Failure::new(
                    ExitCode::Failed,
                    format!("the ledger is sealed to a key that cannot be used: {why}"),
                )
                .with_hint("restore the ledger from a backup, or add `--new-recipient`")
            })?)
        }
        (None, None, _) => ChosenKey::New,
        (None, Some(identities), _) => {
            let the_ledgers = identities
                .recipients()
                .find(|key| matches!(in_use, Some(InUse::Known(known)) if *known == key.to_string()))
                .filter(|_| !is_new_asked_for);
            ChosenKey::OfFile(the_ledgers.unwrap_or_else(|| identities.recipient()))
        }
    })
}

fn ask_for_a_copy(made: &str, file: &Path, output: &Output) {
    output.note(format_args!(
        "{made} a key pair for one-time passwords; its private half is in `{}`. Keep a copy: without it no password can \
         be opened.",
        file.display()
    ));
}

/// Lists the keys of the passwords in a ledger.
fn keys_in_use(queries: &Queries) -> Result<String, Failure> {
    let keys: Vec<String> = queries
        .passwords_by_key()?
        .into_iter()
        .map(|(key, passwords)| {
            let key = key.as_deref().unwrap_or("a key that an earlier version did not record");
            format!("{key} ({})", counted(passwords, "password"))
        })
        .collect();
    Ok(keys.join(", "))
}

fn holds(identities: &Identities, recipient: &Recipient) -> bool {
    identities.recipients().any(|key| key.to_string() == recipient.to_string())
}

impl Choice {
    /// Creates the identity file if it does not exist, and reports what the operator must know about the key.
    fn ready(self, queries: &Queries, output: &Output) -> Result<Ready, Failure> {
        let file = self.file.display();
        let recipient = match &self.chosen {
            ChosenKey::Given(recipient) | ChosenKey::OfLedger(recipient) => recipient.clone(),
            ChosenKey::OfFile(recipient) => {
                if !output.is_quiet() && credentials::must_ask_for_a_copy(&self.file) {
                    ask_for_a_copy("An earlier run made", &self.file, output);
                }
                recipient.clone()
            }
            ChosenKey::New => {
                let (identities, is_made) = Identities::read_or_make(&self.file)?;
                if is_made {
                    ask_for_a_copy("Made", &self.file, output);
                    tracing::info!(
                        file = %file,
                        "made a key pair for one-time passwords; keep a copy of its private half: without it no \
                         password can be opened"
                    );
                    // Only a reminder: the log and `doctor` say it too.
                    if output.is_quiet()
                        && let Err(error) = credentials::ask_for_a_copy_later(&self.file)
                    {
                        tracing::warn!(%error, "no later run will ask for a copy of the new identity file");
                    }
                }
                identities.recipient()
            }
        };
        let sealer = Arc::new(Sealer::to(&recipient)?);
        match &self.replaces {
            Some(_) => output.note(format_args!(
                "Passwords are sealed to {recipient} from now on. The passwords of this ledger so far are sealed to {}. \
                 Each opens with its own key alone: keep the identity files.",
                keys_in_use(queries)?
            )),
            None if matches!(self.chosen, ChosenKey::OfLedger(_)) => output.note(format_args!(
                "There is no identity file `{file}`: passwords are sealed to {recipient}, as the others of this ledger \
                 are. This machine cannot open them. If that key is lost, add `--new-recipient`."
            )),
            None => {}
        }
        let (recipient, is_another) = (recipient.to_string(), self.replaces.is_some());
        let is_out_of_reach = matches!(self.chosen, ChosenKey::OfLedger(_));
        let out_of_reach = is_out_of_reach.then(|| OutOfReach {
            recipient: recipient.clone(),
            file: self.file,
            unread: None,
        });
        Ok(Ready { sealer, recipient, is_another, out_of_reach })
    }

    /// The failure if the passwords of `ledger` have a different key, unless the operator has requested a new one.
    fn refusal(&self, ledger: &Path) -> Option<Failure> {
        let replaced = self.replaces.as_ref()?;
        let (file, ledger) = (self.file.display(), ledger.display());
        let sealed = match replaced {
            InUse::Known(key) => format!("the passwords of the ledger `{ledger}` are sealed to {key}"),
            InUse::NotAtHand(count) => format!(
                "{} of the ledger `{ledger}` cannot be opened with the identity file `{file}`",
                counted(*count, "password")
            ),
        };
        let would = match &self.chosen {
            ChosenKey::Given(key) => {
                format!("this run would seal to another key: {key}, given with `--recipient`")
            }
            ChosenKey::OfFile(key) => {
                format!("this run would seal to another key: {key}, of the identity file `{file}`")
            }
            ChosenKey::OfLedger(key) => format!("this run would seal to {key}"),
            ChosenKey::New => {
                format!("this run would make another key, because there is no identity file `{file}`")
            }
        };
        let restore = match replaced {
            InUse::Known(key) => format!(
                "restore the identity file with that key, or name it with `--identity F`, or seal with `--recipient {key}`"
            ),
            InUse::NotAtHand(_) => "restore the identity file, or name it with `--identity F`".to_owned(),
        };
        let refusal = Failure::usage(sealed).because(would).with_hint(format!(
            "{restore}; to seal to another key from now on, add `--new-recipient`: each earlier password then opens with \
             its old key alone"
        ));
        Some(refusal)
    }
}
