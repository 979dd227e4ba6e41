//! What every part of Tenantry speaks of and stands on: it knows no list, no SQL, no HTTP and no runtime.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`customer`] | the fields of a list and the customer that validation makes of a row |
//! | [`problem`] | what can be wrong with a row: one table of rules |
//! | [`ids`] | the ids that every request carries |
//! | [`clock`] | the one place that reads the wall clock, and the clock since the boot |
//! | [`files`] | how private files are made, opened, read and replaced |
//! | [`printable`] | text from outside, made safe to print |
//! | [`nearest`] | how far apart two names are, for "did you mean" |
//! | [`limits`] | what the operating system may refuse more of |
//! | [`failpoint`] | the points at which a debug build can be told to fail |

pub mod clock;
pub mod customer;
pub mod failpoint;
pub mod files;
pub mod ids;
pub mod limits;
pub mod nearest;
pub mod printable;
pub mod problem;
