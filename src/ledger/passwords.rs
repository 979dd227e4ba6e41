//! Stores sealed passwords, under a data key of their run.
//!
//! A password that belongs to another customer is stored with the attempt that brought it.

use rusqlite::Transaction;

use super::stored::{Value, insert, value};
use super::{AttemptId, DataKeyId, Recorder, Result, RowId};
use tenantry_model::clock;

/// A stored password, and the data key that it is encrypted under.
#[derive(Debug, Clone)]
pub struct Sealed {
    pub data_key: DataKeyId,
    pub password: Vec<u8>,
}

/// A success that belongs to another customer than the row that was sent.
#[derive(Debug, Clone)]
pub struct ForeignAnswer {
    /// The domain that the answer names; the password is bound to it. `None`: the answer names no domain, and the
    /// password is bound to the domain of the row.
    pub domain: Option<String>,
    pub customer_id: String,
    pub user_name: Option<String>,
    pub sealed_credentials: Option<Sealed>,
}

impl ForeignAnswer {
    /// Describes the answer, for the record of the attempt.
    pub fn describe(&self) -> String {
        let domain = self.domain.as_ref().map(|domain| format!("{domain}, ")).unwrap_or_default();
        let password =
            if self.sealed_credentials.is_some() { "; its password is stored, sealed" } else { "" };
        format!("the answer belongs to another customer ({domain}{}){password}", self.customer_id)
    }
}

impl Recorder {
    /// Stores the data key of this run, sealed to `recipient`. Returns its number and the ledger's id. The key is durable
    /// with the next write: with the intent of the first create.
    pub async fn keep_data_key(&self, recipient: String, sealed: Vec<u8>) -> Result<(DataKeyId, String)> {
        let run = self.run;
        self.writer
            .write_unsynced(move |tx| {
                let made_at = clock::now().as_millisecond();
                let key: [Value<'_>; 4] =
                    [("run_id", &run), ("recipient", &recipient), ("sealed", &sealed), ("made_at", &made_at)];
                Ok((
                    DataKeyId(insert(tx, "data_keys", &key)?),
                    value(tx, "SELECT ledger_id FROM ledger", [])?,
                ))
            })
            .await
    }
}

pub(super) fn keep_foreign(
    tx: &Transaction<'_>,
    row: RowId,
    attempt: AttemptId,
    foreign: &ForeignAnswer,
) -> Result<()> {
    let sealed = foreign.sealed_credentials.as_ref();
    let values: [Value<'_>; 7] = [
        ("attempt_id", &attempt),
        ("row_id", &row),
        ("domain", &foreign.domain),
        ("customer_id", &foreign.customer_id),
        ("user_name", &foreign.user_name),
        ("sealed_credentials", &sealed.map(|sealed| &sealed.password)),
        ("data_key_id", &sealed.map(|sealed| sealed.data_key)),
    ];
    insert(tx, "foreign_answers", &values).map(drop)
}
