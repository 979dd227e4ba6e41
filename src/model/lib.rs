//! Defines the basic types of Tenantry, without lists, SQL, HTTP or a runtime.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`customer`] | defines the fields of a list and the validated customer |
//! | [`problem`] | defines what can be wrong with a row: one table of rules |
//! | [`company`] | recognizes one company in rows with different domains |
//! | [`ids`] | defines the ids in every request |
//! | [`clock`] | reads the wall clock and the clock since boot |
//! | [`files`] | creates, opens, reads and replaces private files |
//! | [`folders`] | names the folders of this user |
//! | [`formula`] | keeps spreadsheets from running text as formulas |
//! | [`own_code`] | names the codes that Tenantry gives itself |
//! | [`printable`] | makes text from outside safe to print |
//! | [`nearest`] | compares names, for "did you mean" |
//! | [`limits`] | detects which limit of the operating system is reached |
//! | [`failpoint`] | makes a debug build fail at named points |
//! | [`shell`] | writes words of commands that people paste |
//! | [`thread`] | runs what blocks on a thread of its own |
//! | [`simulated`] | lets a test simulate the world around the program |

pub mod clock;
pub mod company;
pub mod customer;
pub mod failpoint;
pub mod files;
pub mod folders;
pub mod formula;
pub mod ids;
pub mod limits;
pub mod nearest;
pub mod own_code;
pub mod printable;
pub mod problem;
pub mod shell;
pub mod simulated;
pub mod thread;
