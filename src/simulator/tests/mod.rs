//! The simulator from outside, over its own wire.

mod client;
mod creating;
mod faulty;
mod reading;
mod samples;
