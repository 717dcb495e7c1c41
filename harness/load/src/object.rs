//! Objects that rows point at: fetched whole and digested, so that a row without its object does not pass as kept.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig};
use sha2::{Digest, Sha256};

use crate::error::LoadError;

const REQUEST_MAX: Duration = Duration::from_secs(10);
const RETRY_MAX: Duration = Duration::from_secs(10);

/// What is known of an object: its size and the SHA-256 of its content, lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundObject {
    /// Bytes.
    pub bytes: u64,
    /// Digest.
    pub sha256: String,
}

/// A place with objects.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Fetches an object and digests it; `None` when the store says that there is none.
    ///
    /// # Errors
    /// The store cannot be asked: not the same as no object.
    async fn digest(&self, name: &str) -> Result<Option<FoundObject>, LoadError>;
}

/// How to reach a bucket.
#[derive(Clone)]
pub struct StoreConfig {
    /// `http://127.0.0.1:PORT` or `https://HOST`.
    pub endpoint: String,
    /// Bucket.
    pub bucket: String,
    /// Access key.
    pub access_key: String,
    /// Secret key.
    pub secret_key: String,
    /// Region.
    pub region: String,
}

impl fmt::Debug for StoreConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StoreConfig")
            .field("endpoint", &self.endpoint)
            .field("bucket", &self.bucket)
            .field("credentials", &"(hidden)")
            .field("region", &self.region)
            .finish()
    }
}

/// A bucket that can be changed, for whoever spoils objects on purpose.
pub struct Bucket(AmazonS3);

impl StoreConfig {
    /// Opens the bucket; asks nothing of it yet.
    ///
    /// # Errors
    /// The configuration makes no sense.
    pub fn open(&self) -> Result<Arc<dyn Objects>, LoadError> {
        Ok(Arc::new(self.bucket()?))
    }

    /// Opens the bucket so that its objects can be changed; asks nothing of it yet.
    ///
    /// # Errors
    /// The configuration makes no sense.
    pub fn bucket(&self) -> Result<Bucket, LoadError> {
        // The process may have chosen already; either choice is ring here.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let plain = self.endpoint.starts_with("http://");
        let client = ClientOptions::new()
            .with_allow_http(plain)
            .with_no_system_certificates(plain)
            .with_timeout(REQUEST_MAX)
            .with_connect_timeout(Duration::from_secs(3));
        let store = AmazonS3Builder::new()
            .with_endpoint(&self.endpoint)
            .with_bucket_name(&self.bucket)
            .with_access_key_id(&self.access_key)
            .with_secret_access_key(&self.secret_key)
            .with_region(&self.region)
            .with_virtual_hosted_style_request(false)
            .with_client_options(client)
            .with_retry(RetryConfig {
                max_retries: 5,
                retry_timeout: RETRY_MAX,
                ..RetryConfig::default()
            })
            .build()
            .map_err(|error| failed("opening the bucket", &error))?;
        Ok(Bucket(store))
    }
}

impl Bucket {
    /// An object whole; `None` when the store says that there is none.
    ///
    /// # Errors
    /// The store cannot be asked, or the object is larger than `bytes_max`.
    pub async fn get(&self, name: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, LoadError> {
        let what = format!("fetching {name}");
        let got = match self.0.get(&Path::from(name)).await {
            Ok(got) => got,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(&what, &error)),
        };
        if got.meta.size > bytes_max {
            return Err(LoadError::Unexpected {
                what,
                found: format!("{} bytes", got.meta.size),
                expected: format!("at most {bytes_max}"),
            });
        }
        let bytes = got.bytes().await.map_err(|error| failed(&what, &error))?;
        Ok(Some(bytes.to_vec()))
    }

    /// Writes an object over whatever is there.
    ///
    /// # Errors
    /// The store did not take it.
    pub async fn put(&self, name: &str, content: Vec<u8>) -> Result<(), LoadError> {
        let put = self.0.put(&Path::from(name), content.into()).await;
        put.map(drop)
            .map_err(|error| failed(&format!("writing {name}"), &error))
    }

    /// Names of the objects that the store says were written within a range of wall-clock milliseconds since 1970.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn written(&self, within: Range<u64>) -> Result<Vec<String>, LoadError> {
        let mut names = Vec::new();
        let mut listed = self.0.list(None);
        while let Some(meta) = listed.next().await {
            let meta = meta.map_err(|error| failed("listing the bucket", &error))?;
            let at = u64::try_from(meta.last_modified.timestamp_millis()).unwrap_or(0);
            if within.contains(&at) {
                names.push(meta.location.to_string());
            }
        }
        Ok(names)
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// The store did not do it.
    pub async fn remove(&self, name: &str) -> Result<(), LoadError> {
        let removed = self.0.delete(&Path::from(name)).await;
        removed.map_err(|error| failed(&format!("deleting {name}"), &error))
    }
}

fn failed(what: &str, error: &object_store::Error) -> LoadError {
    LoadError::Store {
        what: what.into(),
        reason: error.to_string(),
    }
}

#[async_trait]
impl Objects for Bucket {
    async fn digest(&self, name: &str) -> Result<Option<FoundObject>, LoadError> {
        let what = format!("fetching {name}");
        let got = match self.0.get(&Path::from(name)).await {
            Ok(got) => got,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(&what, &error)),
        };
        let mut stream = got.into_stream();
        let (mut bytes, mut digest) = (0, Sha256::new());
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| failed(&what, &error))?;
            bytes += chunk.len() as u64;
            digest.update(&chunk);
        }
        let sha256 = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Some(FoundObject { bytes, sha256 }))
    }
}
