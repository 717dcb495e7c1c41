//! The network of a run: its own, labelled, with addresses of our choosing, since a service keeps its address from life to
//! life.
//!
//! An engine gives addresses of one's choosing only where the network was made with its range named, and only the engine
//! knows which ranges are free: so it is asked for one, which is then named.

use super::engine::refused;
use crate::error::{EnvironmentError, Result};
use bollard::Docker;
use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest};
use std::collections::HashMap;
use std::net::Ipv4Addr;

/// How often another range is asked for when someone was faster.
const TRIES: u32 = 5;
/// Where the addresses of services begin, above that of the gateway.
const FIRST: u32 = 16;
/// Smallest network that is of use: a /24.
const PREFIX_MAX: u8 = 24;

/// A network that was made.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) name: String,
    pub(super) subnet: Subnet,
    pub(super) gateway: Ipv4Addr,
}

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subnet {
    base: u32,
    prefix: u8,
}

impl Subnet {
    fn parse(text: &str) -> Option<Self> {
        let (base, prefix) = text.split_once('/')?;
        let base: Ipv4Addr = base.parse().ok()?;
        let prefix = prefix.parse().ok().filter(|prefix| (8..=PREFIX_MAX).contains(prefix))?;
        Some(Self {
            base: base.to_bits(),
            prefix,
        })
    }

    /// The address of the service of this number; none where the lower half is used up.
    pub(super) fn address(self, number: u32) -> Option<Ipv4Addr> {
        let offset = FIRST.checked_add(number)?;
        (offset < 1 << (31 - self.prefix)).then(|| Ipv4Addr::from_bits(self.base + offset))
    }

    /// The upper half, for what takes any address.
    fn upper_half(self) -> Self {
        Self {
            base: self.base + (1 << (31 - self.prefix)),
            prefix: self.prefix + 1,
        }
    }
}

impl std::fmt::Display for Subnet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from_bits(self.base), self.prefix)
    }
}

/// Makes a network of this name.
pub(super) async fn make(docker: &Docker, name: &str, labels: &HashMap<String, String>) -> Result<Network> {
    let mut last = String::new();
    for _ in 0..TRIES {
        let request = NetworkCreateRequest {
            name: name.into(),
            driver: Some("bridge".into()),
            labels: Some(labels.clone()),
            ..NetworkCreateRequest::default()
        };
        let any = docker
            .create_network(request.clone())
            .await
            .map_err(refused(format!("making the network {name}")))?;
        let found = docker.inspect_network(&any.id, None).await;
        docker
            .remove_network(&any.id)
            .await
            .map_err(refused(format!("removing the network {name} to name its range")))?;
        let configs = found
            .map_err(refused(format!("looking at the network {name}")))?
            .ipam
            .and_then(|ipam| ipam.config)
            .unwrap_or_default();
        let given = configs.iter().find_map(|config| {
            let subnet = Subnet::parse(config.subnet.as_deref()?)?;
            let gateway: Option<Ipv4Addr> = config.gateway.as_deref().and_then(|gateway| gateway.parse().ok());
            Some((subnet, gateway.unwrap_or_else(|| Ipv4Addr::from_bits(subnet.base + 1))))
        });
        let Some((subnet, gateway)) = given else {
            return Err(EnvironmentError::Missing(format!(
                "the engine gives networks of {configs:?}: expected IPv4 and at least a /{PREFIX_MAX}; see \
                 `default-address-pools` in its daemon.json"
            )));
        };
        let named = NetworkCreateRequest {
            ipam: Some(Ipam {
                config: Some(vec![IpamConfig {
                    subnet: Some(subnet.to_string()),
                    ip_range: Some(subnet.upper_half().to_string()),
                    gateway: Some(gateway.to_string()),
                    ..IpamConfig::default()
                }]),
                ..Ipam::default()
            }),
            ..request
        };
        match docker.create_network(named).await {
            Ok(_) => {
                return Ok(Network {
                    name: name.into(),
                    subnet,
                    gateway,
                });
            }
            Err(error) => last = super::engine::told(&error),
        }
    }
    Err(EnvironmentError::Command {
        what: format!("making the network {name}"),
        detail: last,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_have_the_lower_half_and_all_else_the_upper() {
        let subnet = Subnet::parse("172.18.0.0/16").unwrap();
        assert_eq!(subnet.address(0), Some(Ipv4Addr::new(172, 18, 0, 16)));
        assert_eq!(subnet.upper_half().to_string(), "172.18.128.0/17");
        let small = Subnet::parse("10.1.2.0/24").unwrap();
        assert_eq!(small.address(111), Some(Ipv4Addr::new(10, 1, 2, 127)));
        assert_eq!(small.address(112), None);
        assert_eq!(small.upper_half().to_string(), "10.1.2.128/25");
        assert_eq!(Subnet::parse("10.1.2.0/28"), None);
        assert_eq!(Subnet::parse("fd00::/64"), None);
    }
}
