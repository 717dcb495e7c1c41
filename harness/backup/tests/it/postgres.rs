//! A Postgres cluster of this machine, in a directory of its own.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use firedrill_backup::{Database, RepositoryConfig};
use tokio_postgres::Client;

const PASSWORD: &str = "a 'quoted' pass\\word";

pub(crate) fn bin(program: &str) -> PathBuf {
    let fixed = Path::new("/usr/lib/postgresql/15/bin").join(program);
    if fixed.exists() { fixed } else { PathBuf::from(program) }
}

/// As root, Postgres must run as somebody else.
fn unprivileged() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let user = |name: &str| {
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some(name)).then(|| {
                let mut ids = fields.skip(1).map(|id| id.parse::<u32>().unwrap());
                (ids.next().unwrap(), ids.next().unwrap())
            })
        })
    };
    user("postgres").or_else(|| user("nobody"))
}

fn command(program: &str) -> Command {
    let mut command = Command::new(bin(program));
    command
        .env("LC_ALL", "C")
        .env_remove("PGDATA")
        .current_dir("/")
        .stdin(Stdio::null());
    if let Some((uid, gid)) = unprivileged() {
        command.uid(uid).gid(gid);
    }
    command
}

/// A directory that the unprivileged user owns and reaches.
pub(crate) struct Home {
    directory: tempfile::TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("fdb").tempdir_in("/tmp").unwrap();
        own(directory.path());
        Self { directory }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The commands that archive to, and fetch from, a repository.
    pub(crate) fn wal_commands(&self, config: &RepositoryConfig) -> (String, String) {
        let program = self.path().join("wal");
        let file = self.path().join("repository.json");
        if !program.exists() {
            let built = std::env::current_exe().unwrap();
            let built = built.parent().unwrap().parent().unwrap().join("examples/wal");
            assert!(
                built.exists(),
                "{} is built by `cargo test` without `--test`",
                built.display()
            );
            std::fs::copy(built, &program).unwrap();
            config.write(&file).unwrap();
            own(&file);
        }
        let (program, file) = (program.display(), file.display());
        (
            format!("{program} wal-push --config {file} %p"),
            format!("{program} wal-fetch --config {file} %f %p"),
        )
    }
}

fn own(path: &Path) {
    if let Some((uid, gid)) = unprivileged() {
        chown(path, Some(uid), Some(gid)).unwrap();
    }
}

pub(crate) struct Cluster {
    pub(crate) data: PathBuf,
    pub(crate) port: u16,
    log: PathBuf,
    child: Child,
}

impl Cluster {
    /// A new cluster; `settings` as for `postgres -c`.
    pub(crate) fn create(home: &Home, name: &str, settings: &[&str]) -> Self {
        let data = home.path().join(name);
        let password = home.path().join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o644)).unwrap();
        let output = command("initdb")
            .arg("-D")
            .arg(&data)
            .args([
                "-U",
                "drill",
                "-A",
                "scram-sha-256",
                "--data-checksums",
                "--no-sync",
                "-E",
                "UTF8",
            ])
            .arg(format!("--pwfile={}", password.display()))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self::start(home, &data, settings)
    }

    /// Starts a cluster that is there.
    pub(crate) fn start(home: &Home, data: &Path, settings: &[&str]) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let log = home.path().join(format!("{}.log", data.file_name().unwrap().display()));
        let output = std::fs::File::options().create(true).append(true).open(&log).unwrap();
        let mut start = command("postgres");
        start.arg("-D").arg(data).args(["-p", &port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "shared_buffers=16MB",
            "fsync=off",
            "max_connections=20",
        ]
        .iter()
        .chain(settings)
        {
            start.args(["-c", setting]);
        }
        let child = start
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        Self {
            data: data.to_owned(),
            port,
            log,
            child,
        }
    }

    pub(crate) fn database(&self, dbname: &str) -> Database {
        Database {
            host: "127.0.0.1".into(),
            port: self.port,
            user: "drill".into(),
            password: PASSWORD.into(),
            dbname: dbname.into(),
        }
    }

    pub(crate) async fn connect(&self, dbname: &str) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::Config::new()
            .host("127.0.0.1")
            .port(self.port)
            .user("drill")
            .password(PASSWORD)
            .dbname(dbname)
            .connect(tokio_postgres::NoTls)
            .await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Waits until the cluster takes writes. Panics with the log where it ends or a minute passes.
    pub(crate) async fn ready(&mut self) -> Client {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("postgres ended, {status}: {}", self.log());
            }
            if let Ok(client) = self.connect("postgres").await
                && let Ok(row) = client.query_one("SELECT pg_is_in_recovery()", &[]).await
                && !row.get::<_, bool>(0)
            {
                return client;
            }
            assert!(Instant::now() < deadline, "not ready: {}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the server has ended by itself.
    pub(crate) async fn ends(&mut self) -> String {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "still up: {}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.log()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Immediate shutdown: the postmaster takes its children with it.
        let pid = rustix::process::Pid::from_child(&self.child);
        if self.child.try_wait().ok().flatten().is_none() {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
        }
        let _ = self.child.wait();
    }
}

/// Asks until the server's archiver has stored everything that was written before.
pub(crate) async fn archived(client: &Client) {
    let segment: String = client
        .query_one("SELECT pg_walfile_name(pg_switch_wal())", &[])
        .await
        .unwrap()
        .get(0);
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let row = client
            .query_one("SELECT last_archived_wal, last_failed_wal FROM pg_stat_archiver", &[])
            .await
            .unwrap();
        let (done, failed): (Option<String>, Option<String>) = (row.get(0), row.get(1));
        // The note of a backup, `SEGMENT.OFFSET.backup`, follows its segment.
        if done
            .as_deref()
            .and_then(|done| done.get(..24))
            .is_some_and(|done| done >= segment.as_str())
        {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{segment} is not archived; last {done:?}, failed {failed:?}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) async fn text(client: &Client, statement: &str) -> String {
    client.query_one(statement, &[]).await.unwrap().get(0)
}
