//! The object store, as far as backups need it.
//!
//! The one idea: names inside this crate are relative to a place (bucket and prefix); only this file knows absolute keys.
//! Nothing here deletes an object.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::{
    BackoffConfig, ClientOptions, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, RetryConfig,
};

use crate::config::BucketConfig;
use crate::error::{Error, Result};

/// One request, body included; every body here is at most [`PART_BYTES`] or a WAL segment.
const REQUEST_MAX: Duration = Duration::from_secs(30);
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// How long a store that answers with errors is tried again; a drill waits for this, so it is short.
const RETRY_MAX: Duration = Duration::from_secs(15);
/// What is moved in one request.
pub(crate) const PART_BYTES: usize = 8 << 20;
/// S3's own limit on the parts of one object.
pub(crate) const PARTS_MAX: u64 = 10_000;
/// A listing longer than this is refused, so that memory stays bounded.
pub(crate) const LISTED_MAX: usize = 1_000_000;

/// A place in an object store.
#[derive(Clone)]
pub(crate) struct Store {
    s3: Arc<AmazonS3>,
    prefix: Key,
}

impl Store {
    pub(crate) fn open(place: &BucketConfig) -> Result<Self> {
        let secure = place.endpoint.starts_with("https://");
        if !secure && !place.plain_http && !is_loopback(&place.endpoint) {
            return Err(Error::Config {
                what: "endpoint of the object store".into(),
                found: place.endpoint.clone(),
                expected: "https://HOST, or http://127.0.0.1:PORT (plain http is for this machine only)".into(),
            });
        }
        for (what, value) in [
            ("bucket", &place.bucket),
            ("access_key", &place.access_key),
            ("secret_key", &place.secret_key),
            ("region", &place.region),
        ] {
            if value.is_empty() {
                return Err(Error::Config {
                    what: format!("{what} of the object store"),
                    found: "nothing".into(),
                    expected: "a value".into(),
                });
            }
        }
        // The process may have chosen already; either choice is ring here.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = ClientOptions::new()
            .with_allow_http(!secure)
            // Reading the system's certificates costs more than a whole push of a segment; plain http needs none.
            .with_no_system_certificates(!secure)
            .with_timeout(REQUEST_MAX)
            .with_connect_timeout(CONNECT_MAX);
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
            base: 2.0,
        };
        let s3 = AmazonS3Builder::new()
            .with_endpoint(&place.endpoint)
            .with_bucket_name(&place.bucket)
            .with_access_key_id(&place.access_key)
            .with_secret_access_key(&place.secret_key)
            .with_region(&place.region)
            .with_virtual_hosted_style_request(false)
            .with_client_options(client)
            .with_retry(RetryConfig {
                backoff,
                max_retries: 8,
                retry_timeout: RETRY_MAX,
            })
            .build()
            .map_err(failed("open", &place.bucket))?;
        Ok(Self {
            s3: Arc::new(s3),
            prefix: Key::from(place.prefix.as_str()),
        })
    }

    fn absolute(&self, name: &str) -> Key {
        Key::from_iter(self.prefix.parts().chain(Key::from(name).parts()))
    }

    /// The name that [`Store`]'s methods take, of a key that a listing told.
    pub(crate) fn relative(&self, key: &Key) -> String {
        let key = key.as_ref();
        let prefix = self.prefix.as_ref();
        key.strip_prefix(prefix)
            .unwrap_or(key)
            .trim_start_matches('/')
            .to_owned()
    }

    /// The stored size in bytes, or nothing where there is no such object.
    pub(crate) async fn size(&self, name: &str) -> Result<Option<u64>> {
        match self.s3.head(&self.absolute(name)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed("look at", name)(error)),
        }
    }

    /// The whole of a small object, or nothing where there is none.
    pub(crate) async fn get(&self, name: &str, bytes_max: u64) -> Result<Option<Bytes>> {
        Ok(self.get_described(name, bytes_max).await?.map(|(bytes, _)| bytes))
    }

    /// Likewise, with the store's description of what was got.
    pub(crate) async fn get_described(&self, name: &str, bytes_max: u64) -> Result<Option<(Bytes, ObjectMeta)>> {
        let answer = match self.s3.get(&self.absolute(name)).await {
            Ok(answer) => answer,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed("get", name)(error)),
        };
        if answer.meta.size > bytes_max {
            return Err(Error::Limit {
                what: format!("size of {name}"),
                found: answer.meta.size,
                limit: bytes_max,
            });
        }
        let meta = answer.meta.clone();
        let size = meta.size;
        let bytes = answer.bytes().await.map_err(failed("get", name))?;
        if bytes.len() as u64 != size {
            return Err(Error::damaged(
                name,
                format!("{} bytes came, {size} were announced", bytes.len()),
            ));
        }
        Ok(Some((bytes, meta)))
    }

    /// A part of an object.
    pub(crate) async fn range(&self, name: &str, range: std::ops::Range<u64>) -> Result<Bytes> {
        match self.s3.get_range(&self.absolute(name), range.clone()).await {
            Ok(bytes) if bytes.len() as u64 == range.end - range.start => Ok(bytes),
            Ok(bytes) => Err(Error::damaged(
                name,
                format!(
                    "{} of {} bytes came from offset {}: it was cut",
                    bytes.len(),
                    range.end - range.start,
                    range.start
                ),
            )),
            Err(object_store::Error::NotFound { .. }) => Err(Error::Missing {
                key: name.into(),
                needed_for: "it was there when reading began".into(),
            }),
            Err(error) => Err(failed("get", name)(error)),
        }
    }

    /// Stores a whole object, over an older one if need be.
    pub(crate) async fn put(&self, name: &str, payload: PutPayload) -> Result<()> {
        self.s3
            .put(&self.absolute(name), payload)
            .await
            .map(drop)
            .map_err(failed("put", name))
    }

    /// Stores a whole object if there is none of that name. False: there is one.
    pub(crate) async fn create(&self, name: &str, payload: PutPayload) -> Result<bool> {
        let options = PutOptions::from(PutMode::Create);
        match self.s3.put_opts(&self.absolute(name), payload, options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(failed("put", name)(error)),
        }
    }

    /// Begins an object of unknown size.
    pub(crate) async fn multipart(&self, name: &str) -> Result<Box<dyn object_store::MultipartUpload>> {
        self.s3
            .put_multipart(&self.absolute(name))
            .await
            .map_err(failed("begin", name))
    }

    /// All objects below a name, as (relative name, description).
    pub(crate) async fn list(&self, below: &str) -> Result<Vec<(String, ObjectMeta)>> {
        let under = self.absolute(below);
        let under = (!under.as_ref().is_empty()).then_some(under);
        let found: Vec<_> = self
            .s3
            .list(under.as_ref())
            .take(LISTED_MAX + 1)
            .map_ok(|meta| (self.relative(&meta.location), meta))
            .try_collect()
            .await
            .map_err(failed("list", below))?;
        if found.len() > LISTED_MAX {
            return Err(Error::Limit {
                what: format!("objects below {below:?}"),
                found: found.len() as u64,
                limit: LISTED_MAX as u64,
            });
        }
        Ok(found)
    }

    /// The names directly below a name that have something below them.
    pub(crate) async fn folders(&self, below: &str) -> Result<Vec<String>> {
        let under = self.absolute(below);
        let found = self
            .s3
            .list_with_delimiter(Some(&under))
            .await
            .map_err(failed("list", below))?;
        Ok(found
            .common_prefixes
            .iter()
            .filter_map(|key| key.filename().map(str::to_owned))
            .collect())
    }
}

fn is_loopback(endpoint: &str) -> bool {
    let Some(rest) = endpoint.strip_prefix("http://") else {
        return false;
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

pub(crate) fn failed(action: &'static str, key: &str) -> impl FnOnce(object_store::Error) -> Error {
    let key = key.to_owned();
    move |source| Error::Store { action, key, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for yes in [
            "http://127.0.0.1:9",
            "http://localhost:9/x",
            "http://[::1]:9",
            "http://127.8.0.1",
        ] {
            assert!(is_loopback(yes), "{yes}");
        }
        for no in [
            "http://10.0.0.1:9",
            "http://127.0.0.1.example.org",
            "https://example.org",
            "http://localhost.example.org",
        ] {
            assert!(!is_loopback(no), "{no}");
        }
    }
}
