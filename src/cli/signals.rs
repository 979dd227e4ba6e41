//! Ctrl-C and SIGTERM as values.

use tokio::sync::mpsc;

use crate::submitter::Signal;

/// Signals from now on. From the first call the operating system's default, dying on the spot, is off.
pub(crate) fn listen() -> mpsc::Receiver<Signal> {
    // Two are ever wanted: one to finish what is in flight, one to leave at once.
    let (sender, receiver) = mpsc::channel(4);
    let interrupts = sender.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if interrupts.send(Signal::Interrupt).await.is_err() {
                return;
            }
        }
    });
    tokio::spawn(terminations(sender));
    receiver
}

#[cfg(unix)]
async fn terminations(sender: mpsc::Sender<Signal>) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    while terminate.recv().await.is_some() {
        if sender.send(Signal::Terminate).await.is_err() {
            return;
        }
    }
}

/// Closing the console window or shutting Windows down leaves a few seconds, which is what SIGTERM means elsewhere.
#[cfg(windows)]
async fn terminations(sender: mpsc::Sender<Signal>) {
    use tokio::signal::windows::{ctrl_close, ctrl_shutdown};
    let (Ok(mut close), Ok(mut shutdown)) = (ctrl_close(), ctrl_shutdown()) else { return };
    loop {
        tokio::select! {
            Some(()) = close.recv() => {}
            Some(()) = shutdown.recv() => {}
            else => return,
        }
        if sender.send(Signal::Terminate).await.is_err() {
            return;
        }
    }
}
