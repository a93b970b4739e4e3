//! The carrier itself: what the REST API, the webhooks and the public handle share.

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::{config::Config, state::State};

pub(crate) struct Carrier {
    pub(crate) config: Config,
    pub(crate) base_url: String,
    state: Mutex<State>,
    /// Work that is scheduled or running: callbacks, calls.
    pending: watch::Sender<usize>,
    pub(crate) closed: watch::Sender<bool>,
}

impl Carrier {
    pub(crate) fn new(config: Config, base_url: String) -> Arc<Self> {
        let state = Mutex::new(State::new(&config));
        Arc::new(Self {
            config,
            base_url,
            state,
            pending: watch::Sender::new(0),
            closed: watch::Sender::new(false),
        })
    }

    /// The state; never held over an await.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.state().now()
    }

    pub(crate) fn new_sid(&self) -> String {
        self.state().random.sid()
    }

    /// Runs `work` beside everything else; [`Carrier::settle`] waits for it.
    pub(crate) fn schedule(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        struct Done(Arc<Carrier>);
        impl Drop for Done {
            fn drop(&mut self) {
                self.0.pending.send_modify(|count| *count -= 1);
            }
        }
        self.pending.send_modify(|count| *count += 1);
        let done = Done(Arc::clone(self));
        let mut closed = self.closed.subscribe();
        tokio::spawn(async move {
            let _done = done;
            tokio::select! {
                () = work => {}
                _ = closed.wait_for(|closed| *closed) => {}
            }
        });
    }

    /// Waits until nothing is scheduled any more.
    pub(crate) async fn settle(&self) {
        // The sender lives in `self`, so the channel cannot close before the answer.
        let _ = self.pending.subscribe().wait_for(|count| *count == 0).await;
    }

    pub(crate) async fn pause(&self) {
        if !self.config.callback_delay.is_zero() {
            tokio::time::sleep(self.config.callback_delay).await;
        }
    }
}
