//! Lists what is known about Partner Center's error codes on create (fact book 13.2).
//!
//! A code has different meanings under different statuses and on different endpoints. So an entry is looked up by
//! status and code together.

use tenantry_model::own_code;

use super::agreement::NO_RELATIONSHIP;

/// What an error means for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The row is wrong; other rows may be right.
    FixTheRow,
    /// The domain is taken, perhaps by one of our own customers.
    DomainTaken,
    /// Every row would fail until the rights or the sign-in are fixed.
    FixTheRights,
    /// Every row would fail until the configuration is fixed.
    FixTheConfiguration,
    /// The token was not accepted; another one may be.
    RenewTheToken,
    /// The service does not know the customer, or not yet.
    NotVisible,
    /// A 403 without a known explanation: it may affect one row or all.
    Unexplained,
}

struct KnownCode {
    /// 0: applies to every status, including codes that were recorded without one.
    status: u16,
    code: &'static str,
    class: Class,
    hint: &'static str,
}

const fn known(status: u16, code: &'static str, class: Class, hint: &'static str) -> KnownCode {
    KnownCode { status, code, class, hint }
}

use Class::{DomainTaken, FixTheConfiguration, FixTheRights, FixTheRow};

const ANOTHER_DOMAIN: &str = "choose another domain for this row and import it again";

#[rustfmt::skip]
static CODES: &[KnownCode] = &[
    known(400, "2001", FixTheRow, "fill the fields that the text names and import the row again"),
    known(400, "3000", FixTheRow, "correct the value that the text names and import the row again"),
    known(400, "20000", FixTheRow, "your company may not sell in this country: remove the row, or ask \
                Microsoft to add the market"),
    known(400, "27002", FixTheRow, "correct the value that the text names (often the state or the e-mail address) and import the row again"),
    known(400, "600002", FixTheRow, "this country does not use organization_registration_number: empty the \
                cell and import the row again"),
    known(400, "600049", FixTheRow, "this country needs an organization_registration_number: fill it and import the row again"),
    known(400, "600050", FixTheRow, "write the organization_registration_number in the format that the \
                text shows and import the row again"),
    known(400, "600051", FixTheRow, "this country needs a phone_number: fill it and import the row again"),
    known(400, "800002", FixTheRow, "correct the value that the text names and import the row again"),
    known(404, "800015", FixTheRow, "no partner has this associated_partner_id: use the reseller's tenant \
                id, not the PLA (MPN) id"),
    known(400, "800016", FixTheRow, "associated_partner_id is not one of your indirect resellers: use the \
                reseller's tenant id"),
    known(400, "900154", FixTheRow, "the reseller has no active CSP account: ask the reseller to complete \
                the enrolment"),
    known(409, "", DomainTaken, ANOTHER_DOMAIN),
    known(400, "800018", FixTheConfiguration, "the sandbox is full: delete some customers, then run \
                `tenantry resume`"),
    known(400, "900127", FixTheConfiguration, "this operation is not supported in this environment: check the account and `--api-url`"),
    known(400, "900141", FixTheConfiguration, "this operation is not supported: check the account and `--api-url`"),
    known(401, "900420", FixTheRights, "the token is for another audience: check --cloud and --api-url, or get one for Partner Center's API"),
    known(401, "900421", FixTheRights, "the user signed in without MFA: sign in with MFA (`tenantry login`), or set an access token of such a sign-in"),
    known(401, own_code::MFA_REQUIRED, FixTheRights, "the sign-in may lack MFA: as a user, sign in with MFA (`tenantry \
                                            login`), or set an access token of such a sign-in; as an app, check the audience and the secret"),
    known(403, "2030", FixTheRights, "your company may not sell in this country or region: ask Microsoft \
                to add the market"),
    known(403, "2032", FixTheRights, "access was denied: check the app's registration in Partner Center and the user's role"),
    known(0, "1002", FixTheRights, "authorization failed: check the app's registration in Partner Center and the user's role"),
    known(0, "0", FixTheRights, "your company is not set up to sell here: ask Microsoft to add the market"),
    known(403, "600006", FixTheRights, "this action is not allowed for your account: check its type and programme"),
    known(403, "800039", FixTheRights, "your reseller programme status is not active: renew it in Partner Center"),
    known(403, "900123", FixTheRow, "the indirect reseller has not accepted the Microsoft Partner \
                Agreement: ask the reseller to sign it, then run `tenantry retry --code 900123`"),
    known(403, "900124", FixTheRights, "your company has not accepted the Microsoft Partner Agreement: accept it in Partner Center"),
    known(403, "900149", FixTheRights, "a programme status is not active: read the text and renew it in \
                Partner Center"),
    known(403, "900150", FixTheRights, "the signed-in role may not do this: the user should be in the AdminAgents group"),
    known(403, "900308", FixTheRights, "not enough privileges: the user should be in the AdminAgents group"),
    known(403, "900309", FixTheRights, "Conditional Access blocked the token: sign in from an allowed place"),
    known(403, "900329", FixTheRights, "this request needs a user: run `tenantry login` instead of signing \
                in as an app"),
    known(403, "90000", FixTheRights, "Microsoft Entra refused the token: sign in again"),
    known(417, "800036", FixTheConfiguration, "a precondition failed: check whether a proxy changes the \
                requests"),
    known(0, own_code::DOMAIN_TAKEN, DomainTaken, ANOTHER_DOMAIN),
    known(0, own_code::CONTRADICTED, FixTheRow, "the answers contradict each other: look for the customer in \
              Partner Center, or run `tenantry reconcile` later; `tenantry resume` then sends the row \
              again if its domain is still free"),
    known(0, own_code::UNANSWERED, FixTheRow, "run `tenantry reconcile` when Partner Center answers again"),
    known(0, own_code::GONE_FROM_LIST, FixTheRow, "the ledger was restored, and its list no longer contains it: run `tenantry \
              reconcile` to look for its customer; if it was never created, acknowledge the row; to create it, import it \
              again, then run `tenantry reconcile` and `tenantry resume`"),
    known(0, own_code::CUSTOMER_OF_ANOTHER_ROW, FixTheRow, "Partner Center lists one customer for two rows: \
              compare both rows (`tenantry show`) with the customer in Partner Center"),
    known(0, own_code::UNSETTLED, FixTheRow, "run `tenantry reconcile` later; if the row is still unresolved then, \
              give Microsoft support the ids that `tenantry show DOMAIN` prints"),
];

fn find(status: Option<u16>, code: &str) -> Option<&'static KnownCode> {
    CODES.iter().find(|known| known.code == code && (known.status == 0 || Some(known.status) == status))
}

/// The class of an error, if its status and code are known.
pub fn class(status: u16, code: &str) -> Option<Class> {
    find(Some(status), code).map(|known| known.class)
}

/// What an operator can do about an error code with this status.
pub fn hint_under(status: u16, code: &str) -> Option<&'static str> {
    find(Some(status), code).map(|known| known.hint)
}

/// What an operator can do about an error code in a summary, where the status is not known.
pub fn hint(code: &str) -> Option<&'static str> {
    CODES.iter().find(|known| known.code == code).map(|known| known.hint)
}

/// What an operator can do if an agreement was refused. The customer exists nevertheless.
pub fn agreement_hint(code: &str) -> &'static str {
    match code {
        NO_RELATIONSHIP | "60003" => {
            "Partner Center does not know the customer (yet): import the rows again with --retry-failed"
        }
        _ => "correct the agreement columns (`tenantry export agreements`) and import the rows again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_found_by_its_status_and_code_and_has_a_hint() {
        for known in CODES {
            let found = find((known.status != 0).then_some(known.status), known.code).unwrap();
            assert_eq!(found.class, known.class, "{} {} is there twice", known.status, known.code);
            assert!(!known.hint.is_empty() && !known.hint.ends_with('.'), "{}", known.code);
        }
    }

    #[test]
    fn every_code_of_tenantry_has_a_hint() {
        for code in own_code::ALL {
            assert!(hint(code).is_some(), "{code}");
        }
    }

    #[test]
    fn a_code_under_another_status_is_not_known() {
        assert_eq!(class(400, "20000"), Some(FixTheRow));
        assert_eq!(class(404, "20000"), None);
    }
}
