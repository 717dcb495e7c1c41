//! The bucket: opened by the standard AWS_* variables, listed, read, written. Nothing here deletes an object.

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path as Key;
use object_store::{
    Certificate, ClientOptions, ObjectStore as _, ObjectStoreExt as _, PutPayload, RetryConfig, WriteMultipart,
};

use super::place::{Prefix, is_name};
use crate::command::Failure;

const REQUEST_MAX: Duration = Duration::from_secs(60);
const CONNECT_MAX: Duration = Duration::from_secs(5);
const RETRY_MAX: Duration = Duration::from_secs(20);
const RETRIES_MAX: usize = 5;
/// More objects than a history has: the prefix is another one.
const OBJECTS_MAX: usize = 500_000;
/// What is moved in one request.
const PART_BYTES: usize = 8 << 20;
const PARTS_AT_ONCE: usize = 2;
/// Of what a store says, in a message.
const SAID_CHARS_MAX: usize = 300;
/// No bundle of certificates is larger.
const BUNDLE_BYTES_MAX: u64 = 4 << 20;

/// A file of a run in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    /// The run.
    pub(super) run: String,
    /// The file, relative to the run.
    pub(super) file: String,
    /// Its size.
    pub(super) bytes: u64,
}

/// A prefix of a bucket, open.
pub(super) struct Bucket {
    s3: AmazonS3,
    place: Prefix,
    endpoint: String,
    /// What no message may repeat.
    secrets: Vec<String>,
}

impl Bucket {
    /// Opens it as the environment says; the store is not asked anything yet.
    pub(super) fn open(place: &Prefix) -> Result<Bucket, Failure> {
        let refused =
            |what: String, help: &str| Failure::Input(miette::miette!(help = help.to_owned(), "{place}: {what}"));
        let builder = AmazonS3Builder::from_env();
        let of = |key| builder.get_config_value(&key).unwrap_or_default();
        let mut secrets = vec![
            of(AmazonS3ConfigKey::SecretAccessKey),
            of(AmazonS3ConfigKey::Token),
            of(AmazonS3ConfigKey::AccessKeyId),
        ];
        // A proxy's address may hold a password.
        let others = [
            "AWS_CONTAINER_AUTHORIZATION_TOKEN",
            "AWS_PROXY_URL",
            "HTTPS_PROXY",
            "https_proxy",
        ];
        secrets.extend(others.iter().filter_map(|name| std::env::var(name).ok()));
        let endpoint = match of(AmazonS3ConfigKey::S3Endpoint) {
            none if none.is_empty() => of(AmazonS3ConfigKey::Endpoint),
            endpoint => endpoint,
        };
        let mut client = ClientOptions::new()
            .with_timeout(REQUEST_MAX)
            .with_connect_timeout(CONNECT_MAX);
        let mut http_is_meant = false;
        for (name, value) in std::env::vars_os() {
            let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else {
                continue;
            };
            if !name.starts_with("AWS_") {
                continue;
            }
            if name == "AWS_ALLOW_HTTP" {
                http_is_meant = matches!(value.to_ascii_lowercase().as_str(), "true" | "1" | "yes" | "on" | "y");
            } else if let Ok(AmazonS3ConfigKey::Client(key)) = name.to_ascii_lowercase().parse() {
                client = client.with_config(key, value);
            }
        }
        match endpoint.split_once("://") {
            None if endpoint.is_empty() => {}
            _ if endpoint.contains('@') => {
                return Err(refused(
                    "the endpoint holds a user or a password".into(),
                    "leave it out of AWS_ENDPOINT_URL; credentials go into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                ));
            }
            Some(("https", _)) => {}
            Some(("http", rest)) if http_is_meant || is_loopback(rest) => client = client.with_allow_http(true),
            Some(("http", _)) => {
                return Err(refused(
                    format!("the endpoint {endpoint} is plain http"),
                    "evidence and credentials would travel open: use https, or set AWS_ALLOW_HTTP=true if that is meant",
                ));
            }
            _ => {
                return Err(refused(
                    format!("the endpoint is `{endpoint}`"),
                    "AWS_ENDPOINT_URL is https://HOST[:PORT]; leave it unset for S3 of AWS",
                ));
            }
        }
        for certificate in bundle().map_err(|why| refused(why, "AWS_CA_BUNDLE names a file of certificates in PEM"))? {
            client = client.with_root_certificate(certificate);
        }
        // The process may have chosen already; either choice is ring here.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let s3 = builder
            .with_bucket_name(&place.bucket)
            .with_client_options(client)
            .with_retry(RetryConfig {
                max_retries: RETRIES_MAX,
                retry_timeout: RETRY_MAX,
                ..RetryConfig::default()
            })
            .build()
            .map_err(|error| {
                refused(
                    said(&error.to_string(), &secrets),
                    "look at the AWS_* variables: docs/suites.md tells which are read",
                )
            })?;
        Ok(Bucket {
            s3,
            place: place.clone(),
            endpoint,
            secrets,
        })
    }

    /// What tells this history from any other.
    pub(super) fn identity(&self) -> String {
        format!("{}\n{}", self.endpoint, self.place)
    }

    /// As messages name it.
    pub(super) fn place(&self) -> &Prefix {
        &self.place
    }

    fn key(&self, run: &str, file: &str) -> Result<Key, Failure> {
        let above = if self.place.prefix.is_empty() {
            String::new()
        } else {
            format!("{}/", self.place.prefix)
        };
        let file = if file.is_empty() {
            String::new()
        } else {
            format!("/{file}")
        };
        Key::parse(format!("{above}{run}{file}"))
            .map_err(|error| Failure::Input(miette::miette!("{}: {run}{file} can be no key: {error}", self.place)))
    }

    /// The files of all runs, or of one.
    pub(super) async fn list(&self, run: Option<&str>) -> Result<Vec<Object>, Failure> {
        let prefix = match run {
            Some(run) => Some(self.key(run, "")?),
            None if self.place.prefix.is_empty() => None,
            None => Some(Key::parse(&self.place.prefix).map_err(|error| self.failed("list", "", &error.into()))?),
        };
        let skipped = if self.place.prefix.is_empty() {
            0
        } else {
            self.place.prefix.split('/').count()
        };
        let mut listing = self.s3.list(prefix.as_ref());
        let (mut objects, mut seen) = (Vec::new(), 0_usize);
        while let Some(meta) = listing.next().await {
            let meta = meta.map_err(|error| self.failed("list", "", &error))?;
            seen += 1;
            if seen > OBJECTS_MAX {
                return Err(Failure::Input(miette::miette!(
                    help = "name a prefix that holds nothing but runs",
                    "{} holds more than {OBJECTS_MAX} objects",
                    self.place
                )));
            }
            let parts: Vec<&str> = meta.location.as_ref().split('/').skip(skipped).collect();
            if let [run, file @ ..] = parts.as_slice()
                && !file.is_empty()
                && parts.iter().all(|part| is_name(part))
            {
                objects.push(Object {
                    run: (*run).to_owned(),
                    file: file.join("/"),
                    bytes: meta.size,
                });
            }
        }
        Ok(objects)
    }

    /// Reads an object into `into`; no more than `bytes_max`, which it must not exceed.
    pub(super) async fn get(&self, object: &Object, bytes_max: u64, into: &mut impl Write) -> Result<(), Failure> {
        let key = self.key(&object.run, &object.file)?;
        let name = format!("{}/{}", object.run, object.file);
        let answer = self
            .s3
            .get(&key)
            .await
            .map_err(|error| self.failed("get", &name, &error))?;
        let mut stream = answer.into_stream();
        let mut room = bytes_max;
        while let Some(bytes) = stream
            .try_next()
            .await
            .map_err(|error| self.failed("get", &name, &error))?
        {
            room = room.checked_sub(bytes.len() as u64).ok_or_else(|| {
                Failure::Harness(miette::miette!("{}/{name} has more than {bytes_max} bytes", self.place))
            })?;
            into.write_all(&bytes).map_err(not_written)?;
        }
        Ok(())
    }

    /// Stores a file, over an older one of that name.
    pub(super) async fn put(&self, run: &str, file: &str, from: &Path) -> Result<u64, Failure> {
        let key = self.key(run, file)?;
        let name = format!("{run}/{file}");
        let failed = |error: object_store::Error| self.failed("put", &name, &error);
        let unreadable = |error: io::Error| Failure::Input(miette::miette!("{}: {error}", from.display()));
        let mut source = std::fs::File::open(from).map_err(unreadable)?;
        let mut part = Vec::with_capacity(PART_BYTES.min(1 << 16));
        let mut take = |part: &mut Vec<u8>| {
            part.clear();
            Read::take(&mut source, PART_BYTES as u64).read_to_end(part)
        };
        let mut bytes = take(&mut part).map_err(unreadable)? as u64;
        if part.len() < PART_BYTES {
            self.s3.put(&key, PutPayload::from(part)).await.map_err(failed)?;
            return Ok(bytes);
        }
        let upload = self.s3.put_multipart(&key).await.map_err(failed)?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        let sent = loop {
            if part.is_empty() {
                break Ok(());
            }
            if let Err(error) = upload.wait_for_capacity(PARTS_AT_ONCE).await {
                break Err(failed(error));
            }
            upload.write(&part);
            match take(&mut part) {
                Ok(more) => bytes += more as u64,
                Err(error) => break Err(unreadable(error)),
            }
        };
        if let Err(failure) = sent {
            // Parts that never become an object are paid for until a rule of the bucket removes them.
            let _ = upload.abort().await;
            return Err(failure);
        }
        upload.finish().await.map_err(failed)?;
        Ok(bytes)
    }

    fn failed(&self, action: &str, name: &str, error: &object_store::Error) -> Failure {
        let what = if name.is_empty() {
            self.place.to_string()
        } else {
            format!("{}/{name}", self.place)
        };
        let what = format!("{action} {what}: {}", said(&error.to_string(), &self.secrets));
        match Refusal::of(error) {
            Some(Refusal::Missing) => Failure::Input(miette::miette!(
                help = "is the bucket there, and is AWS_ENDPOINT_URL its endpoint? firedrill makes no bucket",
                "{what}"
            )),
            Some(Refusal::Forbidden) => Failure::Input(miette::miette!(
                help = "look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; reading needs s3:ListBucket \
                        and s3:GetObject, `runs push` s3:PutObject too",
                "{what}"
            )),
            None => Failure::Harness(miette::miette!(
                help = "is the store there? Endpoint: AWS_ENDPOINT_URL; region: AWS_REGION; credentials: AWS_ACCESS_KEY_ID \
                        and AWS_SECRET_ACCESS_KEY, else the role of the machine; own certificates: AWS_CA_BUNDLE",
                "{what}"
            )),
        }
    }
}

/// What a store answers to those who ask for the wrong thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Missing,
    Forbidden,
}

impl Refusal {
    fn of(error: &object_store::Error) -> Option<Refusal> {
        // Of a listing the library tells the status in words alone.
        let text = error.to_string();
        let status = |code: &str| text.contains(&format!("status code: {code}"));
        match error {
            object_store::Error::NotFound { .. } => Some(Refusal::Missing),
            object_store::Error::Unauthenticated { .. } | object_store::Error::PermissionDenied { .. } => {
                Some(Refusal::Forbidden)
            }
            _ if status("404") => Some(Refusal::Missing),
            _ if status("401") || status("403") => Some(Refusal::Forbidden),
            _ => None,
        }
    }
}

/// A file here could not be written.
pub(super) fn not_written(error: io::Error) -> Failure {
    Failure::Harness(miette::miette!(
        help = "the cache of histories lies below XDG_CACHE_HOME (~/.cache)",
        "the cache cannot be written: {error}"
    ))
}

/// The certificates that AWS_CA_BUNDLE names beside those of the system.
fn bundle() -> Result<Vec<Certificate>, String> {
    let Some(path) = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) else {
        return Ok(Vec::new());
    };
    let path = Path::new(&path);
    let unreadable = |why: &dyn std::fmt::Display| format!("AWS_CA_BUNDLE={}: {why}", path.display());
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(BUNDLE_BYTES_MAX).read_to_end(&mut bytes))
        .map_err(|error| unreadable(&error))?;
    let found = Certificate::from_pem_bundle(&bytes).map_err(|error| unreadable(&error))?;
    if found.is_empty() {
        return Err(unreadable(&"there is no certificate in it"));
    }
    Ok(found)
}

/// Whether `HOST[:PORT][/...]` is this machine.
fn is_loopback(rest: &str) -> bool {
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What a store said, on one line and without secrets.
fn said(text: &str, secrets: &[String]) -> String {
    let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret.as_str(), "[redacted]");
    }
    if text.chars().count() <= SAID_CHARS_MAX {
        return text;
    }
    let kept: String = text.chars().take(SAID_CHARS_MAX).collect();
    format!("{kept}...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_store_says_is_short_and_holds_no_secret() {
        let secrets = ["hunter2".to_owned(), String::new()];
        assert_eq!(said("a\n  b hunter2, c", &secrets), "a b [redacted], c");
        assert!(said(&"x".repeat(10_000), &secrets).len() < 400);
    }

    #[test]
    fn plain_http_is_for_this_machine() {
        for here in ["localhost:9000", "127.0.0.1", "127.3.0.1:1/x", "[::1]:80"] {
            assert!(is_loopback(here), "{here}");
        }
        for there in [
            "s3.example.com",
            "10.0.0.1:80",
            "127.0.0.1.example.com",
            "localhost.example.com",
            "[::2]",
            "",
        ] {
            assert!(!is_loopback(there), "{there}");
        }
    }
}
