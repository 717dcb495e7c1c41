//! A host for a Postgres of this machine, with the life that the team expects of one.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use firedrill_backup::{Database, RepositoryConfig};
use firedrill_environment::{EnvironmentError, Lifecycle, State};
use firedrill_respond::DatabaseHost;
use rustix::process::{Pid, Signal, kill_process};
use tokio_postgres::{Client, NoTls};

const PASSWORD: &str = "not for argv";

fn bin(program: &str) -> PathBuf {
    let fixed = Path::new("/usr/lib/postgresql/15/bin").join(program);
    if fixed.exists() { fixed } else { PathBuf::from(program) }
}

/// As root, Postgres must run as somebody else.
fn unprivileged() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let ids = |name: &str| {
        users.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            (fields[0] == name).then(|| (fields[2].parse().unwrap(), fields[3].parse().unwrap()))
        })
    };
    ids("postgres").or_else(|| ids("nobody"))
}

fn own(path: &Path) {
    if let Some((uid, gid)) = unprivileged() {
        chown(path, Some(uid), Some(gid)).unwrap();
    }
}

/// A directory that the unprivileged user owns and reaches.
pub(crate) struct Home(tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Home {
        let directory = tempfile::Builder::new().prefix("fdr").tempdir_in("/tmp").unwrap();
        own(directory.path());
        Home(directory)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The program that archives and fetches WAL, and its configuration, both in reach of the database's user.
    pub(crate) fn wal_program(&self, config: &RepositoryConfig) -> (PathBuf, PathBuf) {
        let built = std::env::current_exe().unwrap();
        let built = built.parent().unwrap().parent().unwrap().join("examples/wal_commands");
        assert!(
            built.exists(),
            "{} is built by `cargo test` without `--test`",
            built.display()
        );
        let (program, file) = (self.path().join("wal"), self.path().join("repository.json"));
        std::fs::copy(built, &program).unwrap();
        config.write(&file).unwrap();
        own(&file);
        (program, file)
    }
}

pub(crate) struct Host {
    data: PathBuf,
    log: PathBuf,
    port: u16,
    settings: Mutex<BTreeMap<String, String>>,
    child: Mutex<Option<Child>>,
}

impl Host {
    pub(crate) fn new(home: &Home, name: &str, settings: &[(&str, &str)]) -> Host {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let password = home.path().join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o644)).unwrap();
        Host {
            data: home.path().join(name),
            log: home.path().join(format!("{name}.log")),
            port,
            settings: Mutex::new(
                settings
                    .iter()
                    .map(|(name, value)| ((*name).into(), (*value).into()))
                    .collect(),
            ),
            child: Mutex::new(None),
        }
    }

    pub(crate) fn database(&self) -> Database {
        Database {
            host: "127.0.0.1".into(),
            port: self.port,
            user: "drill".into(),
            password: PASSWORD.into(),
            dbname: "postgres".into(),
        }
    }

    pub(crate) async fn client(&self) -> Client {
        let (client, connection) = self.config().connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    fn config(&self) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config
            .host("127.0.0.1")
            .port(self.port)
            .user("drill")
            .password(PASSWORD)
            .dbname("postgres");
        config
    }

    fn command(&self, program: &str) -> Command {
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

    fn signal(&self, signal: Signal) {
        if let Some(child) = self.child.lock().unwrap().as_ref() {
            let _ = kill_process(Pid::from_child(child), signal);
        }
    }

    fn is_down(&self) -> bool {
        let mut child = self.child.lock().unwrap();
        if child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_some()) {
            *child = None;
        }
        child.is_none()
    }

    async fn until_down(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.is_down() {
            assert!(Instant::now() < deadline, "still up");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

#[async_trait]
impl Lifecycle for Host {
    async fn start(&self) -> Result<(), EnvironmentError> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .unwrap();
        let mut command = self.command("postgres");
        command.arg("-D").arg(&self.data).args(["-p", &self.port.to_string()]);
        let fixed = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "shared_buffers=16MB",
            "fsync=off",
        ];
        for setting in fixed {
            command.args(["-c", setting]);
        }
        for (name, value) in self.settings.lock().unwrap().iter() {
            command.args(["-c", &format!("{name}={value}")]);
        }
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        *self.child.lock().unwrap() = Some(child);
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Ok((client, connection)) = self.config().connect(NoTls).await {
                tokio::spawn(connection);
                if client.simple_query("SELECT 1").await.is_ok() {
                    return Ok(());
                }
            }
            if self.is_down() || Instant::now() > deadline {
                return Err(EnvironmentError::Invalid(format!("it did not start: {}", self.said())));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn stop(&self) -> Result<(), EnvironmentError> {
        self.signal(Signal::INT);
        self.until_down().await;
        Ok(())
    }

    async fn kill(&self) -> Result<(), EnvironmentError> {
        self.signal(Signal::KILL);
        self.until_down().await;
        Ok(())
    }

    async fn kill_all(&self) -> Result<(), EnvironmentError> {
        self.kill().await
    }

    async fn pause(&self) -> Result<(), EnvironmentError> {
        self.signal(Signal::STOP);
        Ok(())
    }

    async fn resume(&self) -> Result<(), EnvironmentError> {
        self.signal(Signal::CONT);
        Ok(())
    }

    async fn state(&self) -> Result<State, EnvironmentError> {
        Ok(if self.is_down() { State::Down } else { State::Running })
    }
}

#[async_trait]
impl DatabaseHost for Host {
    fn data_directory(&self) -> PathBuf {
        self.data.clone()
    }

    async fn create(&self) -> Result<(), EnvironmentError> {
        let password = self.data.with_file_name("password");
        let output = self
            .command("initdb")
            .arg("-D")
            .arg(&self.data)
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
        Ok(())
    }

    async fn adopt(&self) -> Result<(), EnvironmentError> {
        assert!(self.data.join("PG_VERSION").is_file());
        Ok(())
    }

    async fn write_settings(&self, settings: &[(String, String)]) -> Result<(), EnvironmentError> {
        self.settings.lock().unwrap().extend(settings.iter().cloned());
        Ok(())
    }

    fn connection(&self) -> Result<Database, EnvironmentError> {
        Ok(self.database())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let Some(mut child) = self.child.lock().unwrap().take() else {
            return;
        };
        // Immediate shutdown: the postmaster takes its children with it.
        let _ = kill_process(Pid::from_child(&child), Signal::CONT);
        let _ = kill_process(Pid::from_child(&child), Signal::QUIT);
        let _ = child.wait();
    }
}
