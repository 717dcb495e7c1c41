//! One connection through a link: it follows the link's wish from its first byte to its end.

use crate::cut::Cut;
use crate::link::{Mode, Shared};
use crate::pass::{Direction, End};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};

/// How long the service may take to accept.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// A connection's place in the link's tally, given back when it ends in whatever way.
pub(crate) struct Slot {
    shared: Arc<Shared>,
    held: bool,
    _permit: OwnedSemaphorePermit,
}

impl Slot {
    pub(crate) fn take(shared: Arc<Shared>, permit: OwnedSemaphorePermit, held: bool) -> Self {
        shared.tally.places.send_modify(|places| {
            places.total += 1;
            *(if held { &mut places.held } else { &mut places.passing }) += 1;
        });
        Self {
            shared,
            held,
            _permit: permit,
        }
    }

    fn hold(&mut self) {
        if !self.held {
            self.held = true;
            self.shared.tally.places.send_modify(|places| {
                places.passing -= 1;
                places.held += 1;
            });
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let held = self.held;
        self.shared
            .tally
            .places
            .send_modify(|places| *(if held { &mut places.held } else { &mut places.passing }) -= 1);
    }
}

enum Fate {
    Pass(Duration),
    Hold,
    Reset,
}

/// Serves one accepted connection to its end. `severed` is the link's count of cuts when it was accepted.
pub(crate) async fn serve(client: TcpStream, mut slot: Slot, severed: u64) {
    // The sockets are dropped before the slot is given back: who waits for "no connection passes" may believe it.
    let shared = Arc::clone(&slot.shared);
    let mut wishes = shared.wish.subscribe();
    let mut client = Some(client);
    let mut server: Option<TcpStream> = None;
    let mut up = Direction::default();
    let mut down = Direction::default();
    loop {
        let wish = *wishes.borrow_and_update();
        let fate = match wish.mode {
            Mode::Closed | Mode::Cut(Cut::Refused) => Fate::Reset,
            Mode::Cut(Cut::Dropped) => Fate::Hold,
            Mode::Pass | Mode::Draining if slot.held || wish.severed != severed => Fate::Reset,
            Mode::Pass | Mode::Draining => Fate::Pass(wish.delay),
        };
        let ended = match (fate, client.as_mut(), server.as_mut()) {
            (Fate::Hold, _, _) => {
                slot.hold();
                hold(&mut wishes, &mut client, server.is_some()).await
            }
            (Fate::Pass(_), Some(_), None) => match connect(&mut wishes, &shared).await {
                Connected::Yes(stream) => {
                    server = Some(stream);
                    None
                }
                Connected::Interrupted => None,
                Connected::No => Some(Ended::Reset),
            },
            (Fate::Pass(delay), Some(client), Some(server)) => {
                let (mut from_client, mut to_client) = client.split();
                let (mut from_server, mut to_server) = server.split();
                let tally = &shared.tally;
                tokio::select! {
                    biased;
                    changed = wishes.changed() => changed.err().map(|_| Ended::Reset),
                    ended = both(
                        up.run(&mut from_client, &mut to_server, delay, &tally.up),
                        down.run(&mut from_server, &mut to_client, delay, &tally.down),
                    ) => Some(ended),
                }
            }
            (Fate::Reset, _, _) | (Fate::Pass(_), None, _) => Some(Ended::Reset),
        };
        if let Some(ended) = ended {
            if matches!(ended, Ended::Reset) {
                for stream in client.iter().chain(server.iter()) {
                    // Closing with a linger of zero sends a reset instead of an orderly end.
                    let _ = stream.set_zero_linger();
                }
            }
            drop(client);
            drop(server);
            drop(slot);
            return;
        }
    }
}

enum Ended {
    Orderly,
    Reset,
}

enum Connected {
    Yes(TcpStream),
    No,
    Interrupted,
}

async fn connect(wishes: &mut watch::Receiver<crate::link::Wish>, shared: &Shared) -> Connected {
    let Some(address) = shared.upstream.get() else {
        return Connected::No;
    };
    tokio::select! {
        biased;
        _ = wishes.changed() => Connected::Interrupted,
        connected = tokio::time::timeout(CONNECT_DEADLINE, TcpStream::connect(address)) => match connected {
            Ok(Ok(stream)) => {
                let _ = stream.set_nodelay(true);
                Connected::Yes(stream)
            }
            _ => Connected::No,
        },
    }
}

/// Runs both directions until the connection is over.
async fn both(up: impl Future<Output = End>, down: impl Future<Output = End>) -> Ended {
    let (mut up, mut down) = (pin!(up), pin!(down));
    let (mut up_end, mut down_end) = (None, None);
    loop {
        tokio::select! {
            end = &mut up, if up_end.is_none() => up_end = Some(end),
            end = &mut down, if down_end.is_none() => down_end = Some(end),
        }
        match (up_end, down_end) {
            // A peer that was reset hears and says nothing more: tell the other side.
            (Some(End::ReadFailed), _) | (_, Some(End::ReadFailed)) => return Ended::Reset,
            (Some(End::Orderly), Some(End::Orderly)) => return Ended::Orderly,
            (Some(_), Some(_)) => return Ended::Reset,
            // One direction may go on alone: a half-closed connection, or the last words of a peer that no longer
            // listens (Postgres says why it ends a session while the client still sends).
            _ => {}
        }
    }
}

/// Holds a connection of a silently dropping link until the wish changes: nothing is read, so nothing flows.
async fn hold(
    wishes: &mut watch::Receiver<crate::link::Wish>,
    client: &mut Option<TcpStream>,
    has_server: bool,
) -> Option<Ended> {
    loop {
        tokio::select! {
            biased;
            changed = wishes.changed() => return changed.err().map(|_| Ended::Reset),
            () = gone(client.as_ref()) => {
                // The client gave up: let its socket go, so that a client that tries again and again does not fill
                // the link. The service must not learn of it before the link is healed.
                *client = None;
                if !has_server {
                    return Some(Ended::Orderly);
                }
            }
        }
    }
}

/// Ends when the peer has closed, data left unread or not.
async fn gone(stream: Option<&TcpStream>) {
    match stream {
        // PRIORITY is the one interest that wakes for "peer closed" without waking for readable data.
        Some(stream) => loop {
            match stream.ready(Interest::PRIORITY).await {
                Ok(ready) if ready.is_read_closed() => return,
                Ok(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(_) => return,
            }
        },
        None => std::future::pending().await,
    }
}
