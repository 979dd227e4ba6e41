//! Lets a test put the whole program into a simulated world, in one process and on one thread.
//!
//! The world decides what time it is and what chance brings, so that a run with the same seed is the same run again. Work
//! that has threads of its own outside, such as writing the ledger, is done by tasks of the test's runtime there. Nothing
//! in the program enters such a world by itself.

use std::sync::OnceLock;

use crate::clock::Moment;

/// What the program gets from its surroundings.
#[derive(Debug, Clone, Copy)]
pub struct World {
    /// The time on all clocks.
    pub moment: fn() -> Moment,
    /// A number from 0 to 1 without 1 itself.
    pub chance: fn() -> f64,
}

static WORLD: OnceLock<World> = OnceLock::new();

/// From now on, this process is in `world`. Only the first call counts.
pub fn enter(world: World) {
    WORLD.get_or_init(|| world);
}

/// The world that a test has put this process into.
pub fn world() -> Option<&'static World> {
    WORLD.get()
}
