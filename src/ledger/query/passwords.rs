//! Sealed passwords, for `credentials`, and the record of which were opened.

use jiff::Timestamp;
use rusqlite::{Connection, Row, TransactionBehavior};
use serde::{Deserialize, Serialize};

use super::super::stored::{Value, collect, columns, each, insert, is_domain, value};
use super::super::{DataKeyId, Error, Result, RowId, RunId, schema};
use super::Queries;
use tenantry_model::clock;

/// A data key as it is stored.
#[derive(Debug)]
pub struct SealedDataKey {
    pub id: DataKeyId,
    /// The public key that it is sealed to.
    pub recipient: String,
    pub sealed: Vec<u8>,
}

/// How many of the newest passwords are looked at to see whether one is unopened.
const PASSWORDS_LOOKED_AT: u32 = 1000;

/// The recipient that the ledger's passwords are sealed to, if it is recorded.
#[derive(Debug)]
pub enum SealedTo {
    /// There is no password yet.
    Nobody,
    /// This public key, according to the newest data key.
    Recipient(String),
    /// Programs before data keys did not record it. The newest of their passwords, and the number of passwords.
    Unrecorded { newest: Vec<u8>, passwords: u64 },
}

/// Which passwords to open. The conditions are combined with AND.
#[derive(Debug, Clone, Copy, Default)]
pub struct PasswordFilter<'a> {
    /// Of this domain, in full or by its prefix.
    pub domain: Option<&'a str>,
    /// Of the customers that this run created.
    pub run: Option<RunId>,
    /// Only passwords that were never opened.
    pub unopened: bool,
}

/// One opening of the password of a row.
#[derive(Debug, Serialize)]
pub struct PasswordOpening {
    pub opened_at: Timestamp,
    pub opened_by: String,
    /// The output with the password was written. Only such a password counts as opened.
    pub written: bool,
}

/// One sealed password.
#[derive(Debug)]
pub struct SealedPassword {
    /// The company of the customer, if the ledger has it.
    pub company: Option<String>,
    pub domain: String,
    pub customer_id: String,
    /// `admin@domain`.
    pub user_name: String,
    pub password: Vec<u8>,
    /// The key that it is encrypted under; `None`: it is an age file.
    pub data_key: Option<DataKeyId>,
    /// The row whose create brought it, and the domain that it is bound to.
    pub asked_by: RowId,
    pub bound_domain: String,
    /// It came with the answer to another row, `asked_by`, and is stored with that answer.
    pub kept: Option<ForeignPassword>,
}

/// Where a password is stored that came with the answer to another row.
#[derive(Debug)]
pub struct ForeignPassword {
    pub foreign_answer: i64,
    /// The domain of the row that was sent.
    pub asked_for: String,
}

/// The domain under which the password of a foreign answer `f` to the row `r` is listed: the one that the answer names.
/// If the answer names no domain, or one whose row has another customer id, it is the domain of the row with the
/// answer's customer id. The last choice is the domain of the row that was sent, so that every password can be reached.
const NAMED: &str = "coalesce(
    CASE WHEN f.domain IS NULL
           OR EXISTS (SELECT 1 FROM customer_rows named
                       WHERE named.key_domain = f.domain AND named.customer_id <> f.customer_id COLLATE NOCASE)
         THEN (SELECT o.key_domain FROM customer_rows o
                WHERE o.customer_id = f.customer_id COLLATE NOCASE AND o.id <> f.row_id AND o.key_domain IS NOT NULL
                LIMIT 1)
    END, f.domain, r.domain)";

/// The condition on the record `o` of an opened password: its output was written, so it counts as opened.
pub(in super::super) const IS_OPENED: &str = "o.written_at IS NOT NULL";

/// All reads are of one moment until it is dropped.
pub struct Snapshot<'a>(
    #[expect(dead_code, reason = "it ends when it is dropped")] rusqlite::Transaction<'a>,
);

/// An opening of passwords.
pub struct Opening {
    writer: Connection,
    id: i64,
    /// The last record of a password whose output was written.
    written_to: i64,
}

impl Opening {
    /// Records that these passwords are opened, before the first of them is shown.
    pub fn record<'p>(&mut self, passwords: impl Iterator<Item = &'p SealedPassword>) -> Result<()> {
        let tx = self.writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut count: u64 = 0;
        let sql = "INSERT INTO opened_passwords (opening_id, row_id, foreign_answer_id) VALUES (?1, ?2, ?3)";
        let mut insert = tx.prepare_cached(sql)?;
        for password in passwords {
            let foreign = password.kept.as_ref().map(|kept| kept.foreign_answer);
            let row = foreign.is_none().then_some(password.asked_by);
            insert.execute((self.id, row, foreign))?;
            count += 1;
        }
        drop(insert);
        tx.execute("UPDATE openings SET passwords = passwords + ?2 WHERE id = ?1", (self.id, count))?;
        Ok(tx.commit()?)
    }

    /// Records that everything recorded so far was written: these passwords count as opened.
    pub fn written(&mut self) -> Result<()> {
        let tx = self.writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // By the numbers of the records, because there may be many records and no index on the opening.
        let sql = "UPDATE opened_passwords SET written_at = ?3 WHERE rowid > ?1 AND opening_id = ?2";
        tx.execute(sql, (self.written_to, self.id, clock::now().as_millisecond()))?;
        self.written_to = value(&tx, "SELECT coalesce(max(rowid), 0) FROM opened_passwords", [])?;
        Ok(tx.commit()?)
    }
}

impl Queries {
    /// The recipient that the ledger's passwords are sealed to.
    pub fn sealed_to(&self) -> Result<SealedTo> {
        let recipient = "SELECT (SELECT recipient FROM data_keys ORDER BY id DESC LIMIT 1)";
        if let Some(recipient) = value(&self.connection, recipient, [])? {
            return Ok(SealedTo::Recipient(recipient));
        }
        let newest = "SELECT (SELECT sealed_credentials FROM customer_rows
                               WHERE sealed_credentials IS NOT NULL ORDER BY changed_at DESC, id DESC LIMIT 1)";
        let Some(newest) = value(&self.connection, newest, [])? else { return Ok(SealedTo::Nobody) };
        let sql = "SELECT count(*) FROM customer_rows WHERE sealed_credentials IS NOT NULL";
        Ok(SealedTo::Unrecorded { newest, passwords: value(&self.connection, sql, [])? })
    }

    /// The public keys that passwords are sealed to, each with its number of passwords, in the order of their first use.
    /// `None`: programs before data keys did not record it.
    pub fn passwords_by_key(&self) -> Result<Vec<(Option<String>, u64)>> {
        let sql = "SELECT k.recipient, count(*)
                     FROM (SELECT data_key_id FROM customer_rows WHERE sealed_credentials IS NOT NULL
                           UNION ALL
                           SELECT data_key_id FROM foreign_answers WHERE sealed_credentials IS NOT NULL) AS sealed
                     LEFT JOIN data_keys k ON k.id = sealed.data_key_id
                    GROUP BY k.recipient ORDER BY min(coalesce(k.id, 0))";
        collect(&self.connection, sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Every data key.
    pub fn data_keys(&self) -> Result<Vec<SealedDataKey>> {
        collect(&self.connection, "SELECT id, recipient, sealed FROM data_keys", [], |row| {
            Ok(SealedDataKey { id: row.get(0)?, recipient: row.get(1)?, sealed: row.get(2)? })
        })
    }

    /// Calls `visit` with each sealed password that matches `filter`, in the order of the rows; then with those that
    /// came with the answer to another row: the newest of each customer and domain, unless the row of the domain has
    /// that customer and its password.
    pub fn each_password<E: From<Error>>(
        &self,
        filter: PasswordFilter<'_>,
        mut visit: impl FnMut(SealedPassword) -> Result<(), E>,
    ) -> Result<(), E> {
        let is_asked_for = format!("(?1 IS NULL OR {})", is_domain("domain", "?1"));
        // Passwords of old programs have no data key; there, the run is that of the row's last create.
        let of_run = |row: &str| {
            format!(
                "(?2 IS NULL OR ?2 = coalesce(
                    (SELECT run_id FROM data_keys k WHERE k.id = data_key_id),
                    (SELECT run_id FROM http_attempts t
                      WHERE t.row_id = {row} AND t.operation = 'create' ORDER BY t.id DESC LIMIT 1)))"
            )
        };
        let unopened = |column: &str, id: &str| {
            format!(
                "(NOT ?3 OR NOT EXISTS (SELECT 1 FROM opened_passwords o WHERE o.{column} = {id} AND {IS_OPENED}))"
            )
        };
        let user_name = super::user_name("coalesce(user_name, '')", "domain");
        let columns = Password::list();
        let of_rows = format!(
            "SELECT {columns} FROM (
             SELECT domain, customer_id, {user_name} AS shown_name, sealed_credentials, data_key_id, id AS row_id,
                    domain AS bound_domain, NULL AS asked_for, NULL AS answer, customer
               FROM customer_rows
              WHERE sealed_credentials IS NOT NULL AND {is_asked_for} AND {} AND {}) ORDER BY row_id",
            of_run("customer_rows.id"),
            unopened("row_id", "customer_rows.id")
        );
        let of_others = format!(
            "SELECT {columns} FROM (
             SELECT domain, customer_id, {user_name} AS shown_name, sealed_credentials, data_key_id, row_id,
                    bound_domain, asked_for, max(id) AS answer,
                    (SELECT own.customer FROM customer_rows own WHERE own.key_domain = kept.domain) AS customer
               FROM (SELECT {NAMED} AS domain, f.customer_id, f.user_name, f.sealed_credentials, f.data_key_id,
                            f.row_id, coalesce(f.domain, r.domain) AS bound_domain, r.domain AS asked_for, f.id
                       FROM foreign_answers f JOIN customer_rows r ON r.id = f.row_id
                      WHERE f.sealed_credentials IS NOT NULL) AS kept
              WHERE {is_asked_for}
                AND NOT EXISTS (SELECT 1 FROM customer_rows own
                                 WHERE own.key_domain = kept.domain AND own.sealed_credentials IS NOT NULL
                                   AND own.customer_id = kept.customer_id COLLATE NOCASE)
              GROUP BY domain, customer_id COLLATE NOCASE) AS newest
              WHERE {} AND {} ORDER BY answer",
            of_run("newest.row_id"),
            unopened("foreign_answer_id", "answer")
        );
        for sql in [of_rows, of_others] {
            let visit = |row: &Row<'_>| visit(sealed_password(row).map_err(Error::from)?);
            each(&self.connection, &sql, (filter.domain, filter.run, filter.unopened), visit)?;
        }
        Ok(())
    }

    /// Is one of the newest passwords unopened? Only those are looked at, because that is asked after every run.
    pub fn has_new_passwords(&self) -> Result<bool> {
        let sql = format!(
            "SELECT EXISTS (
                 SELECT 1 FROM (SELECT id FROM customer_rows INDEXED BY rows_by_state
                                 WHERE state = 'created' AND sealed_credentials IS NOT NULL
                                 ORDER BY id DESC LIMIT {PASSWORDS_LOOKED_AT}) AS newest
                  WHERE NOT EXISTS (SELECT 1 FROM opened_passwords o WHERE o.row_id = newest.id AND {IS_OPENED}))"
        );
        value(&self.connection, &sql, [])
    }

    /// When the password of this row was opened, oldest first. Records of programs that did not count row by row are
    /// left out.
    pub fn openings_of(&self, row: RowId) -> Result<Vec<PasswordOpening>> {
        let sql = "SELECT opened_at, opened_by, max(written_at) IS NOT NULL
                     FROM opened_passwords JOIN openings ON openings.id = opening_id
                    WHERE row_id = ?1 GROUP BY openings.id ORDER BY openings.id";
        collect(&self.connection, sql, [row], |row| {
            Ok(PasswordOpening {
                opened_at: clock::from_ms(row.get(0)?),
                opened_by: row.get(1)?,
                written: row.get(2)?,
            })
        })
    }

    /// Begins to open passwords, and records it with `opened_by`. The snapshot makes the counted passwords the opened ones.
    pub fn begin_opening(&self, opened_by: &str) -> Result<(Opening, Snapshot<'_>)> {
        // The writing connection first: on a copy it changes the journal mode of the file, which waits for readers.
        let writer = schema::open_for_writing(&self.path)?;
        #[expect(clippy::disallowed_methods, reason = "it only reads")]
        let moment = self.connection.unchecked_transaction()?;
        let opened_at = clock::now().as_millisecond();
        let values: [Value<'_>; 3] =
            [("opened_at", &opened_at), ("opened_by", &opened_by), ("passwords", &0)];
        let id = insert(&writer, "openings", &values)?;
        let written_to = value(&writer, "SELECT coalesce(max(rowid), 0) FROM opened_passwords", [])?;
        Ok((Opening { writer, id, written_to }, Snapshot(moment)))
    }
}

columns! {
    /// What [`sealed_password`] reads.
    Password {
        Domain = "domain",
        CustomerId = "customer_id",
        UserName = "shown_name",
        Sealed = "sealed_credentials",
        DataKey = "data_key_id",
        AskedBy = "row_id",
        BoundDomain = "bound_domain",
        AskedFor = "asked_for",
        Answer = "answer",
        Customer = "customer",
    }
}

fn sealed_password(row: &Row<'_>) -> rusqlite::Result<SealedPassword> {
    /// Reading it here takes a fraction of the time that SQLite needs.
    #[derive(Deserialize)]
    struct Company {
        company_name: String,
    }
    let company = |customer| serde_json::from_str(customer).ok().map(|Company { company_name }| company_name);
    let customer = row.get_ref(Password::Customer as usize)?;
    Ok(SealedPassword {
        company: customer.as_str_or_null()?.and_then(company),
        customer_id: Password::CustomerId.of(row)?,
        domain: Password::Domain.of(row)?,
        user_name: Password::UserName.of(row)?,
        password: Password::Sealed.of(row)?,
        data_key: Password::DataKey.of(row)?,
        asked_by: Password::AskedBy.of(row)?,
        bound_domain: Password::BoundDomain.of(row)?,
        kept: match Password::Answer.of(row)? {
            Some(foreign_answer) => {
                Some(ForeignPassword { foreign_answer, asked_for: Password::AskedFor.of(row)? })
            }
            None => None,
        },
    })
}
