//! Links of the proxy as things that can be hurt.

use crate::capability::{Shape, Wire};
use crate::error::{EnvironmentError, Result};
use async_trait::async_trait;
use firedrill_proxy::{Cut, Link};
use std::net::SocketAddr;
use std::time::Duration;

#[async_trait]
impl Shape for Link {
    async fn cut(&self, cut: Cut) -> Result<()> {
        Link::cut(self, cut).await.map_err(EnvironmentError::io(format!(
            "cannot cut the link at {}",
            self.address()
        )))
    }

    async fn delay(&self, one_way: Duration) -> Result<()> {
        let what = format!("cannot delay the link at {}", self.address());
        Link::delay(self, one_way).await.map_err(EnvironmentError::io(what))
    }

    async fn heal(&self) -> Result<()> {
        Link::heal(self).await.map_err(EnvironmentError::io(format!(
            "cannot heal the link at {}",
            self.address()
        )))
    }
}

#[async_trait]
impl Wire for Link {
    fn address(&self) -> SocketAddr {
        Link::address(self)
    }

    async fn close(&self) {
        let _ = Link::close(self).await;
    }
}
