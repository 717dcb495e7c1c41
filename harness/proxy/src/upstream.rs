//! Where a link leads: a shared cell, so that a service reborn on another port is followed.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The address a link forwards to, shared between the link and whoever starts the service.
///
/// It is read at each new connection. `None` says that there is nothing to connect to: the link then resets each
/// connection at once.
#[derive(Clone, Debug, Default)]
pub struct Upstream(Arc<Mutex<Option<SocketAddr>>>);

impl Upstream {
    /// A cell that leads to `address`, or nowhere yet.
    #[must_use]
    pub fn new(address: Option<SocketAddr>) -> Self {
        Self(Arc::new(Mutex::new(address)))
    }

    /// The address in force.
    #[must_use]
    pub fn get(&self) -> Option<SocketAddr> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leads to `address` from the next connection on; open connections stay where they are.
    pub fn set(&self, address: Option<SocketAddr>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }

    /// Leads nowhere, if it still leads to `address`: the port of a dead service may be given to a stranger.
    pub fn clear_if(&self, address: SocketAddr) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *held == Some(address) {
            *held = None;
        }
    }
}

impl From<SocketAddr> for Upstream {
    fn from(address: SocketAddr) -> Self {
        Self::new(Some(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reborn_service_is_not_forgotten_when_its_old_life_is() {
        let old: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let new: SocketAddr = "127.0.0.1:2".parse().unwrap();
        let upstream = Upstream::new(Some(old));
        upstream.set(Some(new));
        upstream.clear_if(old);
        assert_eq!(upstream.get(), Some(new));
        upstream.clear_if(new);
        assert_eq!(upstream.get(), None);
    }
}
