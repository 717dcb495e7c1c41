//! What the tests of this crate run against: an echo server and a client.

use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
                let _ = to.shutdown().await;
            });
        }
    });
    address
}

pub(crate) fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes as u64)
        .map(|index| (index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
        .collect()
}

pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
}

impl Peer {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self {
            stream: TcpStream::connect(address).await.unwrap(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn receive(&mut self, bytes: usize) -> io::Result<Vec<u8>> {
        let mut got = vec![0; bytes];
        self.stream.read_exact(&mut got).await?;
        Ok(got)
    }

    pub(crate) async fn round_trip(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut got = vec![0; bytes.len()];
        let (mut from, mut to) = self.stream.split();
        let (sent, read) = tokio::join!(to.write_all(bytes), from.read_exact(&mut got));
        sent.unwrap();
        read.unwrap();
        got
    }
}
