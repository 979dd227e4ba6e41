//! Every input that was kept, again.

use std::fs;
use std::path::Path;

/// Runs `target` on all that `tests/fuzz/corpus` has for it; the name of the file in hand stands in the panic's output.
#[track_caller]
fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        target(&fs::read(&path).unwrap());
        count += 1;
    }
    assert!(count > 0, "no input in {}", folder.display());
}

#[test]
fn answers_are_understood_as_before() {
    replay("answers", super::answers);
}

#[test]
fn waits_are_understood_as_before() {
    replay("retry_after", super::retry_after);
}

#[test]
fn sign_ins_are_understood_as_before() {
    replay("sign_in", super::sign_in);
}
