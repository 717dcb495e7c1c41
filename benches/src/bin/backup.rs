//! The reference backup against BASE_BACKUP piped through zstd, AES and a multipart PUT to the same store.

use std::process::Stdio;
use std::time::{Duration, Instant};

use firedrill_backup::{Database, Repository, RepositoryConfig};
use firedrill_benches::{Arguments, Bed, Failure, Goal, Samples, Table, found};
use firedrill_environment::Store;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{ClientOptions, ObjectStoreExt, WriteMultipart, path::Path};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::timeout;

const ROUNDS: u64 = 5;
const BUCKET: &str = "backups";
const PART_BYTES: usize = 8 << 20;
/// Parts of the peer's object under way.
const PARTS_FLYING: usize = 4;
const DEADLINE: Duration = Duration::from_secs(120);
/// Rows of some 240 bytes, half of it digits that compress badly: about 200 MB with the cluster itself.
const FILL: &str = "CREATE TABLE bulk AS SELECT i AS key, repeat(md5(i::text), 3) || md5((i * 7)::text) || md5((i * 13)::text) AS body \
     FROM generate_series(1, 800000) i; CHECKPOINT";

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let rounds = Arguments::read("backup [--rounds N]", ROUNDS)?.rounds_alone()?;
    let table = Table::new(&format!(
        "Reference backup against pg_basebackup | zstd -1 | openssl aes-256-ctr | multipart PUT, {rounds} rounds in turn"
    ));
    let missing: Vec<&str> = ["pg_basebackup", "zstd", "openssl", "bash"]
        .into_iter()
        .filter(|program| found(program).is_none())
        .collect();
    if !missing.is_empty() {
        return Err(format!("the peer is missing: {} not on PATH", missing.join(", ")).into());
    }
    Bed::measured(table, async |bed, table| measure(bed, rounds, table).await).await
}

async fn measure(bed: &Bed, rounds: u64, table: &mut Table) -> Result<(), Failure> {
    bed.execute(FILL).await?;
    let store = bed.store(BUCKET).await?;
    let address = store.address().ok_or("the store has no address")?;
    let sql = bed.sql();
    let database = Database {
        host: sql.host,
        port: sql.port,
        user: sql.user,
        password: sql.password,
        dbname: sql.dbname,
    };
    let repository = Repository::open(&RepositoryConfig {
        endpoint: format!("http://{address}"),
        bucket: BUCKET.into(),
        prefix: "ours".into(),
        access_key: store.access_key().into(),
        secret_key: store.secret_key().reveal().into(),
        region: store.region().into(),
        plain_http: false,
        key: "5e".repeat(32),
    })?;
    let target = peer_store(&store, &format!("http://{address}"))?;
    let (mut plain, mut same) = (Samples::default(), Samples::default());
    let (mut ours, mut theirs, mut theirs_same) = (Samples::default(), Samples::default(), Samples::default());
    let (mut read, mut stored) = (0, 0);
    for round in 0..rounds {
        let begun = Instant::now();
        let record = timeout(DEADLINE, repository.base_backup(&database, "bench", &|_| {})).await??;
        let own = begun.elapsed().as_secs_f64();
        read = record.objects.iter().map(|object| object.plain_bytes).sum();
        let peer = piped(bed, &target, "CRC32C", round).await?;
        let like = piped(bed, &target, "SHA256", round).await?;
        stored = like.bytes;
        plain.add(own / peer.seconds);
        same.add(own / like.seconds);
        ours.add(own);
        theirs.add(peer.seconds);
        theirs_same.add(like.seconds);
    }
    let own = format!("{:.2} s", ours.median());
    table.row(
        &format!("base backup of {} MB / pipe", read / 1_000_000),
        Goal::AtMost(1.15),
        &plain,
        " x",
        &own,
        &format!("{:.2} s", theirs.median()),
    );
    table.row(
        &format!("/ pipe with SHA-256 in the manifest ({} MB stored)", stored / 1_000_000),
        Goal::Shown,
        &same,
        " x",
        &own,
        &format!("{:.2} s", theirs_same.median()),
    );
    Ok(())
}

fn peer_store(store: &Store, endpoint: &str) -> Result<AmazonS3, Failure> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_bucket_name(BUCKET)
        .with_access_key_id(store.access_key())
        .with_secret_access_key(store.secret_key().reveal())
        .with_region(store.region())
        .with_virtual_hosted_style_request(false)
        .with_client_options(
            ClientOptions::new()
                .with_allow_http(true)
                .with_no_system_certificates(true),
        )
        .build()?)
}

struct Piped {
    seconds: f64,
    bytes: u64,
}

async fn piped(bed: &Bed, target: &AmazonS3, checksums: &str, round: u64) -> Result<Piped, Failure> {
    let connection = bed.connection();
    let begun = Instant::now();
    let script = "set -o pipefail; pg_basebackup --pgdata=- --format=tar --wal-method=fetch --checkpoint=fast --no-password \
         --manifest-checksums=\"$CHECKSUMS\" | zstd -1 --quiet --stdout - | openssl enc -aes-256-ctr -pbkdf2 -iter 1000 -pass env:PASSPHRASE";
    let mut child = Command::new("bash")
        .args(["-c", script])
        .env("CHECKSUMS", checksums)
        .env("PASSPHRASE", "5e".repeat(16))
        .env("PGHOST", &connection.host)
        .env("PGPORT", connection.port.to_string())
        .env("PGUSER", &connection.user)
        .env("PGPASSWORD", connection.password.reveal())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut pipe = child.stdout.take().ok_or("no pipe")?;
    let moving = async {
        let path = Path::from(format!("peer/{checksums}-{round}"));
        let mut upload = WriteMultipart::new_with_chunk_size(target.put_multipart(&path).await?, PART_BYTES);
        let (mut buffer, mut bytes) = (vec![0; 256 << 10], 0);
        loop {
            let count = pipe.read(&mut buffer).await?;
            if count == 0 {
                break;
            }
            bytes += count as u64;
            upload.wait_for_capacity(PARTS_FLYING).await?;
            upload.write(&buffer[..count]);
        }
        upload.finish().await?;
        Ok::<u64, Failure>(bytes)
    };
    let bytes = timeout(DEADLINE, moving).await??;
    let status = timeout(DEADLINE, child.wait()).await??;
    if !status.success() {
        return Err(format!("the pipe failed: {status}").into());
    }
    Ok(Piped {
        seconds: begun.elapsed().as_secs_f64(),
        bytes,
    })
}
