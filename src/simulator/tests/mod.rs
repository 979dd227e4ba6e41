//! The simulator from outside, over its own wire.

mod addresses;
mod agreements;
mod client;
mod creating;
mod faulty;
mod partners;
mod reading;
mod records;
mod rights;
mod samples;
mod shapes;
mod signing_in;
