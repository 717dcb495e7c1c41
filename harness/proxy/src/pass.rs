//! One direction of a connection. What was read and not yet written stays in the [`Direction`], so that it survives
//! when the copying is interrupted and taken up again in another way.

use crate::delay::Queue;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};

const BUFFER_BYTES: usize = 64 * 1024;

/// How a direction came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The source closed; all it had sent was delivered, and the close passed on.
    Orderly,
    /// The source was reset; all it had sent was delivered.
    ReadFailed,
    /// The destination takes no more.
    WriteFailed,
}

pub(crate) struct Direction {
    pub(crate) buffer: Box<[u8]>,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) queue: Queue,
    /// How the source ended, once it has.
    pub(crate) closing: Option<End>,
    over: Option<End>,
}

impl Default for Direction {
    fn default() -> Self {
        Self {
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            queue: Queue::default(),
            closing: None,
            over: None,
        }
    }
}

impl Direction {
    /// Copies until the direction ends. Safe to drop at any await and to call again.
    pub(crate) async fn run(
        &mut self,
        from: &mut ReadHalf<'_>,
        to: &mut WriteHalf<'_>,
        delay: Duration,
        delivered: &AtomicU64,
    ) -> End {
        if let Some(over) = self.over {
            return over;
        }
        let end = if delay.is_zero() {
            self.pass(from, to, delivered).await
        } else {
            self.lag(from, to, delay, delivered).await
        };
        self.over = Some(end);
        end
    }

    async fn pass(&mut self, from: &mut ReadHalf<'_>, to: &mut WriteHalf<'_>, delivered: &AtomicU64) -> End {
        loop {
            // What an earlier delay still holds goes first.
            while let Some(bytes) = self.queue.front() {
                match to.write(bytes).await {
                    Ok(written) if written > 0 => {
                        delivered.fetch_add(written as u64, Ordering::Relaxed);
                        self.queue.advance(written);
                    }
                    _ => return End::WriteFailed,
                }
            }
            while self.start < self.end {
                match to.write(&self.buffer[self.start..self.end]).await {
                    Ok(written) if written > 0 => {
                        delivered.fetch_add(written as u64, Ordering::Relaxed);
                        self.start += written;
                    }
                    _ => return End::WriteFailed,
                }
            }
            if let Some(closing) = self.closing {
                return finish(to, closing).await;
            }
            let got = from.read(&mut self.buffer).await;
            self.received(got);
        }
    }

    /// Notes what a read into the buffer brought. The buffer must have been empty.
    pub(crate) fn received(&mut self, got: io::Result<usize>) {
        match got {
            Ok(0) => self.closing = Some(End::Orderly),
            Ok(bytes) => (self.start, self.end) = (0, bytes),
            Err(_) => self.closing = Some(End::ReadFailed),
        }
    }
}

/// Passes the end of the source on.
pub(crate) async fn finish(to: &mut WriteHalf<'_>, closing: End) -> End {
    if closing == End::Orderly && to.shutdown().await.is_err() {
        return End::WriteFailed;
    }
    closing
}

#[cfg(test)]
mod tests {
    use crate::testbed::{Peer, echo, pattern};
    use crate::{Link, Upstream};
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn bytes_pass_unchanged_and_are_counted() {
        let server = echo().await;
        let link = Link::open(Upstream::from(server)).unwrap();
        let sent = pattern(3_000_000);
        let mut client = Peer::connect(link.address()).await;
        assert_eq!(client.round_trip(&sent).await, sent);
        let traffic = link.traffic();
        assert_eq!((traffic.bytes_up, traffic.bytes_down), (3_000_000, 3_000_000));
        assert_eq!((traffic.connections_open, traffic.connections_total), (1, 1));
        link.close().await.unwrap();
        assert_eq!(link.traffic().connections_open, 0);
    }

    #[tokio::test]
    async fn a_half_closed_connection_still_carries_the_answer() {
        let server = echo().await;
        let link = Link::open(Upstream::from(server)).unwrap();
        let mut client = Peer::connect(link.address()).await.stream;
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"question");
    }

    #[tokio::test]
    async fn a_service_reborn_elsewhere_is_followed_and_none_is_reset_at_once() {
        let upstream = Upstream::new(None);
        let link = Link::open(upstream.clone()).unwrap();
        let mut lost = Peer::connect(link.address()).await.stream;
        assert!(lost.read_u8().await.is_err());
        for _ in 0..2 {
            upstream.set(Some(echo().await));
            assert_eq!(Peer::connect(link.address()).await.round_trip(b"here").await, b"here");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_byte_is_lost_when_delay_comes_and_goes_under_traffic() {
        let server = echo().await;
        let link = Link::open(Upstream::from(server)).unwrap();
        let sent = pattern(20_000_000);
        let client = Peer::connect(link.address()).await;
        let expected = sent.clone();
        let transfer = tokio::spawn(async move {
            let mut client = client;
            client.round_trip(&sent).await == expected
        });
        for round in 0..40 {
            link.delay(Duration::from_millis([0, 3, 1, 7][round % 4]))
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        link.heal().await.unwrap();
        assert!(transfer.await.unwrap());
    }
}
