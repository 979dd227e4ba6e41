//! The codes that Tenantry gives itself, for what has no code of Partner Center. The ledger keeps both in one column.

/// The domain belongs to another company.
pub const DOMAIN_TAKEN: &str = "domain_taken";
/// The row was refused because its domain is taken, but a lookup found the domain free.
pub const CONTRADICTED: &str = "taken_then_free";
/// The lookups of an unresolved row got no answer.
pub const UNANSWERED: &str = "unanswered";
/// No answer could settle an unresolved row.
pub const UNSETTLED: &str = "unsettled";
/// The ledger was restored, and the list of the row was imported without it.
pub const GONE_FROM_LIST: &str = "gone_from_list";
/// The customer of the answer is recorded for another row.
pub const CUSTOMER_OF_ANOTHER_ROW: &str = "customer_of_another_row";
/// A 401 that asks for MFA and has no code itself.
pub const MFA_REQUIRED: &str = "mfa_required";

/// Every code of this module.
pub const ALL: [&str; 7] = [
    DOMAIN_TAKEN,
    CONTRADICTED,
    UNANSWERED,
    UNSETTLED,
    GONE_FROM_LIST,
    CUSTOMER_OF_ANOTHER_ROW,
    MFA_REQUIRED,
];
