use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

/// A device that blocks in every write until the test supplies the result.
struct Scripted {
    writes: Sender<String>,
    answers: Receiver<io::Result<usize>>,
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes.send(String::from_utf8_lossy(bytes).into_owned()).unwrap();
        self.answers.recv().unwrap().map(|most| most.min(bytes.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl OutletDevice for Scripted {
    fn erase(&mut self) -> io::Result<()> {
        self.writes.send("(erased)".to_owned()).unwrap();
        Ok(())
    }
}

/// An outlet, the writes that reach its device, and the result that the test gives each write.
struct Scene {
    outlet: Outlet,
    writes: Receiver<String>,
    answers: Sender<io::Result<usize>>,
}

impl Scene {
    fn new() -> Self {
        let (writes_in, writes) = channel();
        let (answers, answers_out) = channel();
        let outlet = Outlet::start(Scripted { writes: writes_in, answers: answers_out }).unwrap();
        outlet.report_missing_as(|lines| format!("({lines} missing)\n"));
        Self { outlet, writes, answers }
    }

    fn say(&self, line: &str) {
        self.outlet.write(format!("{line}\n"));
    }

    fn writes(&self, expected: &str) {
        assert_eq!(self.writes.recv().unwrap(), expected);
    }

    fn takes(&self) {
        self.answers.send(Ok(usize::MAX)).unwrap();
    }

    fn fails_after(&self, bytes: usize) {
        if bytes > 0 {
            self.answers.send(Ok(bytes)).unwrap();
            self.writes.recv().unwrap();
        }
        self.answers.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
    }
}

#[test]
fn lines_are_written_in_their_order_and_waited_for() {
    let scene = Scene::new();
    scene.say("one");
    scene.writes("one\n");
    scene.say("two");
    scene.say("three");
    scene.takes();
    scene.writes("two\nthree\n");
    scene.takes();
    scene.outlet.settle();
    assert!(scene.outlet.shared.lock().is_settled());
    assert_eq!(scene.outlet.lost(), 0);
}

#[test]
fn a_stuck_device_blocks_no_caller_and_missing_lines_are_counted_in_place() {
    let scene = Scene::new();
    scene.say("one");
    scene.writes("one\n");
    let long = "x".repeat(WAITING_BYTES_MAX - 1);
    scene.say(&long);
    scene.say("dropped");
    scene.say("dropped too");
    let begun = Instant::now();
    scene.outlet.settle();
    let waited = begun.elapsed();
    assert!(waited >= STUCK_AFTER && waited < 2 * STUCK_AFTER, "{waited:?}");
    scene.outlet.settle();
    assert!(begun.elapsed() < waited + STUCK_AFTER, "it is waited for again");
    assert_eq!(scene.outlet.lost(), 2);

    for _ in 0..WAITING_BYTES_MAX / WRITE_BYTES_MAX {
        scene.takes();
        scene.writes.recv().unwrap();
    }
    scene.takes();
    scene.writes("(2 missing)\n");
    scene.say("back");
    scene.takes();
    scene.writes("back\n");
    scene.takes();
    scene.outlet.settle();
    assert!(scene.outlet.shared.lock().is_settled());
}

#[test]
fn failed_writes_are_counted_and_reported_when_they_work_again() {
    let scene = Scene::new();
    scene.say("first");
    scene.writes("first\n");
    scene.say("whole\ntorn\nlost");
    scene.fails_after(0);
    scene.writes("(1 missing)\nwhole\ntorn\nlost\n");
    scene.fails_after("(1 missing)\nwhole\nto".len());
    scene.say("again");
    scene.writes("\n(2 missing)\nagain\n");
    scene.takes();
    scene.outlet.settle();
    assert_eq!(scene.outlet.lost(), 3);
}

#[test]
fn the_status_stays_below_the_lines_and_only_the_newest_counts() {
    let scene = Scene::new();
    let status = |text: &str| scene.outlet.show_status(Some(text.to_owned()));
    status("1 %");
    scene.writes("1 %");
    status("2 %");
    status("3 %");
    scene.takes();
    scene.writes("(erased)");
    scene.writes("3 %");
    scene.say("line");
    scene.takes();
    scene.writes("(erased)");
    scene.writes("line\n");
    scene.takes();
    scene.writes("3 %");
    scene.takes();
    let hidden = scene.outlet.without_status();
    scene.outlet.settle();
    scene.writes("(erased)");
    drop(hidden);
    scene.writes("3 %");
    scene.outlet.show_status(None);
    scene.takes();
    scene.writes("(erased)");
    scene.outlet.settle();
}
