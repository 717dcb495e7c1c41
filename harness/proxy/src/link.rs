//! A link: one listening address, the state it is wished to be in, and the task that accepts.

use crate::connection::{self, Slot};
use crate::cut::Cut;
use crate::traffic::{Places, Tally, Traffic};
use crate::upstream::Upstream;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, watch};

/// Most connections that a link holds at once. Further ones wait in the kernel's backlog.
pub const CONNECTIONS_MAX: usize = 1024;

/// How long a change of state may take to reach every connection before it is reported as failed.
const EFFECT_DEADLINE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Pass,
    Cut(Cut),
    Draining,
    Closed,
}

/// The state a link is wished to be in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) mode: Mode,
    pub(crate) delay: Duration,
    /// Counts the cuts, so that a connection that slept through cut and heal still knows that it was cut.
    pub(crate) severed: u64,
    serial: u64,
}

#[derive(Clone, Debug, Default)]
struct Applied {
    serial: u64,
    trouble: Option<(io::ErrorKind, String)>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) upstream: Upstream,
    pub(crate) wish: watch::Sender<Wish>,
    pub(crate) tally: Tally,
    applied: watch::Sender<Applied>,
}

/// A TCP proxy on loopback between the clients of a service and the service, that can be hurt.
///
/// Dropping it closes it.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Link {
    /// Opens a link on a free port of 127.0.0.1 that leads to `upstream`. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// No port could be bound.
    pub fn open(upstream: Upstream) -> io::Result<Self> {
        Self::open_at(Ipv4Addr::LOCALHOST.into(), upstream)
    }

    /// The same on another address of this machine, such as the one by which containers reach it.
    ///
    /// # Errors
    /// No port could be bound: the address is none of this machine's, for one.
    pub fn open_at(host: IpAddr, upstream: Upstream) -> io::Result<Self> {
        // The first socket never listens: it keeps the port ours while the link refuses. Both carry SO_REUSEPORT, and
        // neither SO_REUSEADDR, which would let a stranger be given the port while nobody listens on it.
        let reserve = socket()?;
        reserve.bind(SocketAddr::from((host, 0)))?;
        let address = reserve.local_addr()?;
        let listener = listen(address)?;
        let wish = Wish {
            mode: Mode::Pass,
            delay: Duration::ZERO,
            severed: 0,
            serial: 0,
        };
        let shared = Arc::new(Shared {
            upstream,
            wish: watch::Sender::new(wish),
            tally: Tally::new(),
            applied: watch::Sender::new(Applied::default()),
        });
        tokio::spawn(accept(reserve, listener, address, Arc::clone(&shared)));
        Ok(Self { address, shared })
    }

    /// Where clients connect to; the same through the link's whole life.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The cell that says where the link leads.
    #[must_use]
    pub fn upstream(&self) -> &Upstream {
        &self.shared.upstream
    }

    /// Cuts the link. When this returns, no byte flows any more. A second cut replaces the first.
    ///
    /// # Errors
    /// The link is closed, or a connection did not let go in time.
    pub async fn cut(&self, cut: Cut) -> io::Result<()> {
        self.wish(|wish| {
            wish.mode = Mode::Cut(cut);
            wish.severed += 1;
        })
        .await?;
        self.settled(move |places| places.passing == 0 && (cut == Cut::Dropped || places.held == 0))
            .await
    }

    /// Delays each byte by `one_way` in each direction; throughput stays, up to 16 MiB under way per direction.
    /// The clock behind it ticks in milliseconds. A cut stays a cut.
    ///
    /// # Errors
    /// The link is closed.
    pub async fn delay(&self, one_way: Duration) -> io::Result<()> {
        self.wish(|wish| wish.delay = one_way).await
    }

    /// Makes the link whole: no cut, no delay. Connections that a cut had held are reset; nothing is delivered late.
    /// Healing a whole link changes nothing.
    ///
    /// # Errors
    /// The link is closed, or its port could not be listened on again.
    pub async fn heal(&self) -> io::Result<()> {
        self.wish(|wish| {
            wish.mode = Mode::Pass;
            wish.delay = Duration::ZERO;
        })
        .await?;
        self.settled(|places| places.held == 0).await
    }

    /// Takes no new connection (they are refused), waits for the open ones to end until `deadline` has passed, then
    /// closes the link. Tells how many connections had to be reset.
    ///
    /// # Errors
    /// The link is already closed.
    pub async fn drain(&self, deadline: Duration) -> io::Result<u64> {
        self.wish(|wish| wish.mode = Mode::Draining).await?;
        let mut places = self.shared.tally.places.subscribe();
        let _ = tokio::time::timeout(deadline, places.wait_for(|places| places.passing + places.held == 0)).await;
        let left = self.traffic().connections_open;
        self.close().await?;
        Ok(left)
    }

    /// Resets every connection and gives the port back. Closing twice is fine.
    ///
    /// # Errors
    /// A connection did not let go in time.
    pub async fn close(&self) -> io::Result<()> {
        self.shared.wish.send_modify(|wish| wish.mode = Mode::Closed);
        self.settled(|places| places.passing + places.held == 0).await?;
        let gone = tokio::time::timeout(EFFECT_DEADLINE, self.shared.applied.closed()).await;
        gone.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the link's listener did not end in time"))
    }

    /// What the link has carried so far.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.shared.tally.traffic()
    }

    async fn wish(&self, change: impl FnOnce(&mut Wish)) -> io::Result<()> {
        let mut serial = None;
        let mut applied = self.shared.applied.subscribe();
        self.shared.wish.send_if_modified(|wish| {
            if matches!(wish.mode, Mode::Closed | Mode::Draining) {
                return false;
            }
            change(wish);
            wish.serial += 1;
            serial = Some(wish.serial);
            true
        });
        let Some(serial) = serial else {
            return Err(io::Error::new(
                io::ErrorKind::NotConnected,
                "the link is closed; open another one",
            ));
        };
        let waited = tokio::time::timeout(EFFECT_DEADLINE, applied.wait_for(|applied| applied.serial >= serial)).await;
        match waited {
            Ok(Ok(applied)) => match &applied.trouble {
                Some((kind, text)) => Err(io::Error::new(*kind, text.clone())),
                None => Ok(()),
            },
            _ => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the link did not take the change in time",
            )),
        }
    }

    async fn settled(&self, condition: impl Fn(&Places) -> bool) -> io::Result<()> {
        let mut places = self.shared.tally.places.subscribe();
        match tokio::time::timeout(EFFECT_DEADLINE, places.wait_for(|places| condition(places))).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "a connection of the link did not take the change in time",
            )),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.wish.send_modify(|wish| wish.mode = Mode::Closed);
    }
}

fn socket() -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    Ok(socket)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket()?;
    socket.bind(address)?;
    socket.listen(1024)
}

async fn accept(reserve: TcpSocket, listener: TcpListener, address: SocketAddr, shared: Arc<Shared>) {
    let mut wishes = shared.wish.subscribe();
    // Held for as long as the link lives: `close` waits until nobody listens to `applied` from here any more.
    let alive = shared.applied.subscribe();
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut listener = Some(listener);
    loop {
        let wish = *wishes.borrow_and_update();
        let mut trouble = None;
        match wish.mode {
            Mode::Closed => break,
            Mode::Cut(Cut::Refused) | Mode::Draining => listener = None,
            Mode::Pass | Mode::Cut(Cut::Dropped) if listener.is_none() => match listen(address) {
                Ok(again) => listener = Some(again),
                Err(error) => trouble = Some((error.kind(), format!("cannot listen on {address} again: {error}"))),
            },
            Mode::Pass | Mode::Cut(Cut::Dropped) => {}
        }
        shared.applied.send_if_modified(|applied| {
            let news = applied.serial != wish.serial;
            *applied = Applied {
                serial: wish.serial,
                trouble,
            };
            news
        });
        tokio::select! {
            biased;
            changed = wishes.changed() => if changed.is_err() { break },
            accepted = next(listener.as_ref(), &room) => match accepted {
                Ok((permit, client)) => {
                    let _ = client.set_nodelay(true);
                    let slot = Slot::take(Arc::clone(&shared), permit, wish.mode == Mode::Cut(Cut::Dropped));
                    tokio::spawn(connection::serve(client, slot, wish.severed));
                }
                // Out of file descriptors, mostly: wait for connections to end rather than spin.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
        }
    }
    drop(listener);
    drop(reserve);
    drop(alive);
}

async fn next(
    listener: Option<&TcpListener>,
    room: &Arc<Semaphore>,
) -> io::Result<(tokio::sync::OwnedSemaphorePermit, tokio::net::TcpStream)> {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    let permit = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (client, _) = listener.accept().await?;
    Ok((permit, client))
}

#[cfg(test)]
mod tests {
    use crate::testbed::{Peer, echo};
    use crate::{Cut, Link, Upstream};
    use std::time::Duration;
    use tokio::net::TcpStream;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn draining_refuses_the_new_waits_for_the_open_and_closes() {
        let server = echo().await;
        let link = std::sync::Arc::new(Link::open(Upstream::from(server)).unwrap());
        let mut client = Peer::connect(link.address()).await;
        client.round_trip(b"open").await;
        let draining = tokio::spawn({
            let link = link.clone();
            async move { link.drain(Duration::from_secs(30)).await }
        });
        while TcpStream::connect(link.address()).await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert_eq!(client.round_trip(b"still").await, b"still");
        drop(client);
        assert_eq!(draining.await.unwrap().unwrap(), 0);
        assert!(link.cut(Cut::Refused).await.is_err());
        assert!(link.heal().await.is_err());
        link.close().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_drain_past_its_deadline_resets_what_is_left() {
        let server = echo().await;
        let link = Link::open(Upstream::from(server)).unwrap();
        let mut client = Peer::connect(link.address()).await;
        client.round_trip(b"open").await;
        assert_eq!(link.drain(Duration::from_millis(20)).await.unwrap(), 1);
        assert!(client.receive(1).await.is_err());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_dropped_link_leaves_neither_port_nor_connection() {
        let server = echo().await;
        let link = Link::open(Upstream::from(server)).unwrap();
        let address = link.address();
        let mut client = Peer::connect(address).await;
        client.round_trip(b"open").await;
        drop(link);
        assert!(client.receive(1).await.is_err());
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).await.is_ok() {
            assert!(tokio::time::Instant::now() < deadline);
            tokio::task::yield_now().await;
        }
    }
}
