//! A connection driven by the task that uses it.
//!
//! Client libraries want their connection polled in a task of its own; each request then wakes two tasks twice. Here
//! the worker polls both, and learns before it sends whether the peer has closed meanwhile.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

/// The background half of a connection; gone once it ended.
pub(crate) struct Driven {
    connection: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Driven {
    pub(crate) fn new(connection: impl Future<Output = ()> + Send + 'static) -> Driven {
        Driven {
            connection: Some(Box::pin(connection)),
        }
    }

    /// Looks once at what has arrived; false when the connection has ended.
    pub(crate) async fn is_open(&mut self) -> bool {
        poll_fn(|context| {
            if let Some(connection) = self.connection.as_mut()
                && connection.as_mut().poll(context).is_ready()
            {
                self.connection = None;
            }
            Poll::Ready(self.connection.is_some())
        })
        .await
    }

    /// Runs work that needs the connection.
    pub(crate) async fn run<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|context| {
            if let Poll::Ready(output) = work.as_mut().poll(context) {
                return Poll::Ready(output);
            }
            if let Some(connection) = self.connection.as_mut()
                && connection.as_mut().poll(context).is_ready()
            {
                self.connection = None;
            }
            // The connection may just have brought (or lost) what the work waits for.
            work.as_mut().poll(context)
        })
        .await
    }
}
