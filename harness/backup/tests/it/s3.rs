//! An S3 server in this process, whose objects are files that a test can spoil.

use std::path::{Path, PathBuf};

use firedrill_backup::{BucketConfig, Repository, RepositoryConfig};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;

pub(crate) struct S3 {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) endpoint: String,
}

impl S3 {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for bucket in ["backups", "app", "restored"] {
            std::fs::create_dir(directory.path().join(bucket)).unwrap();
        }
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(directory.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single("drill", "secret-of-the-drill"));
        let service = builder.build();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                });
            }
        });
        Self { directory, endpoint }
    }

    pub(crate) fn bucket(&self, bucket: &str) -> BucketConfig {
        BucketConfig {
            endpoint: self.endpoint.clone(),
            bucket: bucket.into(),
            prefix: String::new(),
            access_key: "drill".into(),
            secret_key: "secret-of-the-drill".into(),
            region: "us-east-1".into(),
            plain_http: false,
        }
    }

    pub(crate) fn config(&self) -> RepositoryConfig {
        let place = self.bucket("backups");
        RepositoryConfig {
            endpoint: place.endpoint,
            bucket: place.bucket,
            prefix: "drills/one".into(),
            access_key: place.access_key,
            secret_key: place.secret_key,
            region: place.region,
            plain_http: place.plain_http,
            key: "5e".repeat(32),
        }
    }

    pub(crate) fn repository(&self) -> Repository {
        Repository::open(&self.config()).unwrap()
    }

    /// Where the server keeps a repository's object.
    pub(crate) fn file(&self, key: &str) -> PathBuf {
        self.directory.path().join("backups/drills/one").join(key)
    }
}

/// Every file below a directory, with its content, in order of names; the server's own notes are left out.
pub(crate) fn contents(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if !path.file_name().unwrap().to_string_lossy().starts_with('.') {
                let name = path.strip_prefix(directory).unwrap().display().to_string();
                found.push((name, std::fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}
