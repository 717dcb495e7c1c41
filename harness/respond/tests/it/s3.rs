//! An S3 server in this process.

use firedrill_backup::RepositoryConfig;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;

pub(crate) struct S3 {
    _directory: tempfile::TempDir,
    endpoint: String,
}

impl S3 {
    pub(crate) async fn start() -> S3 {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("backups")).unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(directory.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single("team", "secret-of-the-team"));
        let service = builder.build();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let connection = hyper::server::conn::http1::Builder::new();
                    let _ = connection.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        S3 {
            _directory: directory,
            endpoint,
        }
    }

    pub(crate) fn config(&self) -> RepositoryConfig {
        RepositoryConfig {
            endpoint: self.endpoint.clone(),
            bucket: "backups".into(),
            prefix: "team".into(),
            access_key: "team".into(),
            secret_key: "secret-of-the-team".into(),
            region: "us-east-1".into(),
            plain_http: false,
            key: "5e".repeat(32),
        }
    }
}
