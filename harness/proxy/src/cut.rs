//! The two ways in which a link is cut.

/// How a cut link behaves towards those who use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// As when a firewall rejects: open connections are reset, new ones refused. The port stays reserved.
    Refused,
    /// As when packets vanish: nothing flows and nobody is told. New connections are accepted (the kernel does that)
    /// and hear nothing. After healing, connections that lived through the cut are reset, so that nothing held back is
    /// delivered late.
    Dropped,
}

#[cfg(test)]
mod tests {
    use super::Cut;
    use crate::testbed::{Peer, echo};
    use crate::{Link, Upstream};
    use std::io::ErrorKind;
    use std::time::Duration;
    use tokio::net::TcpStream;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn refused_resets_open_connections_and_refuses_new_ones_until_healed() {
        let server = echo().await;
        let link = Link::open(Upstream::from(server)).unwrap();
        for _ in 0..20 {
            let mut client = Peer::connect(link.address()).await;
            client.round_trip(b"open").await;
            link.cut(Cut::Refused).await.unwrap();
            assert_eq!(client.receive(1).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
            let refused = TcpStream::connect(link.address()).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            assert_eq!(link.traffic().connections_open, 0);
            // The port is nobody else's meanwhile.
            assert!(std::net::TcpListener::bind(link.address()).is_err());
            link.heal().await.unwrap();
            link.heal().await.unwrap();
            assert_eq!(Peer::connect(link.address()).await.round_trip(b"again").await, b"again");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn dropped_is_silent_and_delivers_nothing_late() {
        let server = echo().await;
        let link = Link::open(Upstream::from(server)).unwrap();
        let mut old = Peer::connect(link.address()).await;
        old.round_trip(b"open").await;
        link.cut(Cut::Dropped).await.unwrap();
        old.send(b"into the void").await;
        let mut new = Peer::connect(link.address()).await;
        new.send(b"hello?").await;
        for peer in [&mut old, &mut new] {
            assert!(
                tokio::time::timeout(Duration::from_millis(150), peer.receive(1))
                    .await
                    .is_err()
            );
        }
        assert_eq!(link.traffic().connections_open, 2);
        link.heal().await.unwrap();
        for peer in [&mut old, &mut new] {
            assert!(peer.receive(1).await.is_err());
        }
        assert_eq!(link.traffic().bytes_up, 4);
        assert_eq!(Peer::connect(link.address()).await.round_trip(b"again").await, b"again");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn clients_that_give_up_on_a_dropping_link_do_not_fill_it() {
        let server = echo().await;
        let link = Link::open(Upstream::from(server)).unwrap();
        link.cut(Cut::Dropped).await.unwrap();
        for _ in 0..50 {
            Peer::connect(link.address()).await.send(b"anyone?").await;
        }
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        while link.traffic().connections_total < 50 || link.traffic().connections_open > 0 {
            assert!(tokio::time::Instant::now() < deadline, "{:?}", link.traffic());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        link.cut(Cut::Refused).await.unwrap();
        assert!(TcpStream::connect(link.address()).await.is_err());
    }
}
