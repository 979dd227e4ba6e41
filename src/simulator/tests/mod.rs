//! Tests the simulator over its wire protocol.

mod addresses;
mod agreements;
mod client;
mod creating;
mod faulty;
mod libraries;
mod partners;
mod reading;
mod records;
mod rights;
mod samples;
mod shapes;
mod signing_in;
