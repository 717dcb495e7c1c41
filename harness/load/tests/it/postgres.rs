//! A Postgres server of the test's own, run as an unprivileged user.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use firedrill_load::SqlConfig;
use tempfile::TempDir;

const TABLES: &str = "CREATE TABLE payments (key bigint PRIMARY KEY, version int NOT NULL, body text NOT NULL); \
    CREATE TABLE chat (key bigint PRIMARY KEY, version int NOT NULL, body text NOT NULL);";
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Postgres {
    directory: TempDir,
    programs: PathBuf,
    user: Option<(u32, u32)>,
    port: u16,
    server: Child,
}

fn programs() -> PathBuf {
    for major in ["15", "16", "17", "18"] {
        let directory = PathBuf::from(format!("/usr/lib/postgresql/{major}/bin"));
        if directory.join("postgres").exists() {
            return directory;
        }
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .find(|directory| directory.join("postgres").exists() && directory.join("initdb").exists())
        .expect("these tests want a Postgres in /usr/lib/postgresql or on PATH; install postgresql")
}

/// Postgres does not run as root: `nobody` then, by what the system's own list of users says.
fn unprivileged(probe: &Path) -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    if fs::metadata(probe).expect("a directory that was just made").uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("/etc/passwd can be read");
    let line = users
        .lines()
        .find(|line| line.starts_with("nobody:"))
        .expect("there is a user nobody");
    let mut fields = line
        .split(':')
        .skip(2)
        .map(|field| field.parse().expect("an id is a number"));
    Some((fields.next().unwrap(), fields.next().unwrap()))
}

impl Postgres {
    pub(crate) async fn start() -> Postgres {
        let directory = tempfile::Builder::new().prefix("fd-load-").tempdir_in("/tmp").unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let user = unprivileged(directory.path());
        let home = directory.path().join("home");
        fs::create_dir(&home).unwrap();
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
        if let Some((uid, gid)) = user {
            chown(&home, Some(uid), Some(gid)).unwrap();
        }
        let programs = programs();
        let made = command(&programs, "initdb", &home, user)
            .args([
                "-D",
                "data",
                "-U",
                "postgres",
                "-A",
                "trust",
                "--no-sync",
                "-k",
                "-E",
                "UTF8",
                "--no-locale",
            ])
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        // Bound and released: another process could take it, and the server would then say so.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let server = serve(&programs, &home, user, port);
        let postgres = Postgres {
            directory,
            programs,
            user,
            port,
            server,
        };
        postgres.wait().await;
        postgres.run(TABLES).await;
        postgres
    }

    pub(crate) fn config(&self) -> SqlConfig {
        SqlConfig {
            host: "127.0.0.1".into(),
            port: self.port,
            user: "postgres".into(),
            password: String::new(),
            dbname: "postgres".into(),
        }
    }

    pub(crate) async fn run(&self, statements: &str) {
        let text = format!("host=127.0.0.1 port={} user=postgres dbname=postgres", self.port);
        let (client, connection) = tokio_postgres::connect(&text, tokio_postgres::NoTls).await.unwrap();
        let task = tokio::spawn(connection);
        client.batch_execute(statements).await.unwrap();
        drop(client);
        let _ = task.await;
    }

    /// Adds a line to the configuration and makes the server read it.
    pub(crate) async fn set(&self, line: &str) {
        let path = self.directory.path().join("home/data/postgresql.conf");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}\n{line}\n")).unwrap();
        self.run("SELECT pg_reload_conf()").await;
    }

    async fn wait(&self) {
        let until = Instant::now() + PATIENCE;
        while firedrill_load::incarnation_of(&self.config()).await.is_err() {
            assert!(
                Instant::now() < until,
                "the server does not serve; see {:?}",
                self.directory.path()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// kill -9 of the postmaster; its backends notice and end.
    pub(crate) fn kill(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }

    pub(crate) async fn restart(&mut self) {
        let home = self.directory.path().join("home");
        let until = Instant::now() + PATIENCE;
        // The old server's backends may take a moment to leave its shared memory; the new one refuses until then.
        loop {
            self.server = serve(&self.programs, &home, self.user, self.port);
            loop {
                if firedrill_load::incarnation_of(&self.config()).await.is_ok() {
                    return;
                }
                assert!(Instant::now() < until, "the server does not come back");
                tokio::time::sleep(Duration::from_millis(50)).await;
                if self.server.try_wait().unwrap().is_some() {
                    break;
                }
            }
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // A fast shutdown leaves no shared memory behind; a killed server has none of its children left to tell.
        let home = self.directory.path().join("home");
        let _ = command(&self.programs, "pg_ctl", &home, self.user)
            .args(["-D", "data", "-m", "immediate", "-w", "-t", "20", "stop"])
            .output();
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn command(programs: &Path, name: &str, home: &Path, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(programs.join(name));
    command.current_dir(home).env("HOME", home).stdin(Stdio::null());
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

fn serve(programs: &Path, home: &Path, user: Option<(u32, u32)>, port: u16) -> Child {
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(home.join("log"))
        .unwrap();
    command(programs, "postgres", home, user)
        .args([
            "-D",
            "data",
            "-p",
            &port.to_string(),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "max_connections=60",
        ])
        .args(["-c", "unix_socket_directories=", "-c", "log_min_messages=fatal"])
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}
