//! What the tests of the crates share that run fuzz targets.

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;

/// Bytes among which those that a parser acts on are frequent.
pub(super) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let telling = prop::sample::select(b"\",;\t|\r\n\0 =@{}[]:\\019aZ\xEF\xBB\xBF\x9B\xFF".as_slice());
    vec(prop_oneof![3 => telling, 1 => any::<u8>()], 0..600)
}

/// Runs `target` on all that `tests/fuzz/corpus` has for it; the name of the file in hand stands in the panic's output.
#[track_caller]
pub(super) fn replay(name: &str, target: fn(&[u8])) {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let corpus = above.map(|folder| folder.join("tests/fuzz/corpus")).find(|corpus| corpus.is_dir());
    let folder = corpus.expect("the corpus is in the repository").join(name);
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        target(&fs::read(&path).unwrap());
        count += 1;
    }
    assert!(count > 0, "no input in {}", folder.display());
}
