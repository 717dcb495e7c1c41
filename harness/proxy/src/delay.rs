//! A delayed direction: what arrives waits in a queue until it is due, while more is read. Latency grows, throughput
//! does not shrink.

use crate::pass::{Direction, End, finish};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::Instant;

/// Most bytes under way in one direction of one connection.
const QUEUE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most pieces under way, whatever their size.
const QUEUE_PIECES_MAX: usize = 64 * 1024;

#[derive(Default)]
pub(crate) struct Queue {
    pieces: VecDeque<Piece>,
    bytes: usize,
    closed_at: Option<Instant>,
}

struct Piece {
    /// When it came in. Kept instead of when it is due, so that a change of delay applies to what is under way.
    arrived: Instant,
    bytes: Vec<u8>,
    sent: usize,
}

impl Queue {
    /// The next bytes to deliver.
    pub(crate) fn front(&self) -> Option<&[u8]> {
        self.pieces.front().map(|piece| &piece.bytes[piece.sent..])
    }

    /// Takes `count` bytes off the front piece.
    pub(crate) fn advance(&mut self, count: usize) {
        if let Some(piece) = self.pieces.front_mut() {
            piece.sent += count;
            self.bytes -= count;
            if piece.sent == piece.bytes.len() {
                self.pieces.pop_front();
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.bytes += bytes.len();
            self.pieces.push_back(Piece {
                arrived: Instant::now(),
                bytes: bytes.to_vec(),
                sent: 0,
            });
        }
    }

    fn has_room(&self) -> bool {
        self.bytes < QUEUE_BYTES_MAX && self.pieces.len() < QUEUE_PIECES_MAX
    }
}

impl Direction {
    pub(crate) async fn lag(
        &mut self,
        from: &mut ReadHalf<'_>,
        to: &mut WriteHalf<'_>,
        delay: Duration,
        delivered: &AtomicU64,
    ) -> End {
        self.queue.push(&self.buffer[self.start..self.end]);
        (self.start, self.end) = (0, 0);
        loop {
            let next = self.queue.pieces.front().map(|piece| piece.arrived);
            if let (None, Some(closing)) = (next, self.closing) {
                let closed_at = *self.queue.closed_at.get_or_insert_with(Instant::now);
                tokio::time::sleep_until(closed_at + delay).await;
                return finish(to, closing).await;
            }
            let due = next.map(|arrived| arrived + delay);
            let is_due = due.is_some_and(|due| due <= Instant::now());
            let readable = self.closing.is_none() && self.queue.has_room();
            tokio::select! {
                written = to.write(self.queue.front().unwrap_or_default()), if is_due => match written {
                    Ok(written) if written > 0 => {
                        delivered.fetch_add(written as u64, Ordering::Relaxed);
                        self.queue.advance(written);
                    }
                    _ => return End::WriteFailed,
                },
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() && !is_due => {}
                got = from.read(&mut self.buffer), if readable => {
                    self.received(got);
                    self.queue.push(&self.buffer[self.start..self.end]);
                    (self.start, self.end) = (0, 0);
                    if self.closing.is_some() {
                        self.queue.closed_at = Some(Instant::now());
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testbed::{Peer, echo, pattern};
    use crate::{Cut, Link, Upstream};
    use std::time::{Duration, Instant};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn each_direction_is_delayed_also_on_an_open_connection() {
        let server = echo().await;
        let link = Link::open(Upstream::from(server)).unwrap();
        let mut client = Peer::connect(link.address()).await;
        client.round_trip(b"warm").await;
        link.delay(Duration::from_millis(60)).await.unwrap();
        let started = Instant::now();
        assert_eq!(client.round_trip(b"slow").await, b"slow");
        assert!(
            started.elapsed() >= Duration::from_millis(120),
            "{:?}",
            started.elapsed()
        );
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_pieces_are_under_way_at_once() {
        // Stop-and-wait would need at least one delay per buffer: 8 MB in 64 KiB pieces, each way 100 ms, is 12 s.
        let server = echo().await;
        let link = Link::open(Upstream::from(server)).unwrap();
        link.delay(Duration::from_millis(100)).await.unwrap();
        let mut client = Peer::connect(link.address()).await;
        let sent = pattern(8_000_000);
        let started = Instant::now();
        assert_eq!(client.round_trip(&sent).await, sent);
        assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn healing_delivers_what_is_under_way_and_cutting_does_not() {
        let server = echo().await;
        let link = Link::open(Upstream::from(server)).unwrap();
        let mut client = Peer::connect(link.address()).await;
        link.delay(Duration::from_secs(3600)).await.unwrap();
        client.send(b"late").await;
        while link.traffic().connections_open == 0 {
            tokio::task::yield_now().await;
        }
        link.heal().await.unwrap();
        assert_eq!(client.receive(4).await.unwrap(), b"late");
        link.delay(Duration::from_secs(3600)).await.unwrap();
        client.send(b"never").await;
        link.cut(Cut::Dropped).await.unwrap();
        link.heal().await.unwrap();
        assert!(client.receive(5).await.is_err());
        assert_eq!(link.traffic().bytes_up, 4);
    }
}
