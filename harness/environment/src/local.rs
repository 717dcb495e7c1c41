//! The local environment: services as processes of this machine, under one supervisor, in one runtime directory.

pub(crate) mod command;
mod files;
mod logs;
mod loss;
mod program;
mod server;
pub(crate) mod service;

pub use loss::Removal;
pub use program::{Application, Store};
pub use server::{Postgres, PostgresOptions};

use crate::capability::Wire;
use crate::containers::{Containers, Quarters};
use crate::error::{EnvironmentError, Result};
use crate::ground::Ground;
use crate::postgres::{Build, PostgresChoice};
use crate::runtime::{self, JOURNAL, Runtime};
use crate::secret::Secret;
use crate::supervisor::Supervisor;
use crate::user::{Account, can_reach};
use firedrill_proxy::{Link, Upstream};
use rustix::fs::{AtFlags, CWD};
use std::collections::HashSet;
use std::fs::{self, DirBuilder, Permissions};
use std::io::{Read, Seek};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The scenario's own tools, in the runtime directory.
const TOOLS: &str = "tools";
/// What outlives the hosts, in the runtime directory.
const VAULT: &str = "vault";
/// How much of the supervisor's log goes into an error.
const LOG_BYTES_MAX: u64 = 4096;

/// Told in plain words what takes long, such as a download.
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// How to open a local environment.
#[derive(Clone)]
pub struct LocalOptions {
    /// The firedrill binary; it is started again for the supervisor, the store and the application.
    pub binary: PathBuf,
    /// Which Postgres.
    pub postgres: PostgresChoice,
    /// Whether all stays up when the harness ends, until `clean` releases it.
    pub keep: bool,
    /// Where the services' logs go, such as the run's `logs/`; in the runtime directory, and removed with it, if none. Of
    /// what is kept, copies go there when the environment is closed: its services write on.
    pub logs: Option<PathBuf>,
    /// Told what takes long.
    pub progress: Option<Progress>,
    /// In what each service is a container; as processes of this machine if none.
    pub containers: Option<Containers>,
}

impl LocalOptions {
    /// Postgres as found on the machine, nothing kept, no logs kept.
    #[must_use]
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        Self {
            binary: binary.into(),
            postgres: PostgresChoice::default(),
            keep: false,
            logs: None,
            progress: None,
            containers: None,
        }
    }
}

impl std::fmt::Debug for LocalOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalOptions")
            .field("binary", &self.binary)
            .field("postgres", &self.postgres)
            .field("keep", &self.keep)
            .field("logs", &self.logs)
            .finish_non_exhaustive()
    }
}

/// What all services of one environment share.
pub(crate) struct Site {
    pub(crate) runtime: Runtime,
    pub(crate) supervisor: Supervisor,
    pub(crate) account: Option<Account>,
    pub(crate) build: Build,
    pub(crate) binary: PathBuf,
    pub(crate) logs: PathBuf,
    pub(crate) password: Secret,
    /// Where services live that are containers.
    pub(crate) quarters: Option<Arc<dyn Quarters>>,
    names: Mutex<HashSet<String>>,
}

/// The local environment of one run. [`Local::close`] cleans up and says whether all is gone; a dropped or killed
/// harness is cleaned up after by the supervisor, without anyone waiting.
pub struct Local {
    site: Arc<Site>,
    keep: bool,
    /// Where copies of a kept run's logs go.
    copies: Option<PathBuf>,
    /// The directory with the run's evidence.
    run: OnceLock<PathBuf>,
}

impl Local {
    /// Finds (or fetches) Postgres, makes the runtime directory and starts the supervisor.
    ///
    /// # Errors
    /// The machine lacks something (the text says what to do), or the supervisor does not start.
    pub async fn open(options: LocalOptions) -> Result<Self> {
        let account = Account::choose()?;
        let build = match &options.containers {
            // That of the image; nothing of the machine's own is asked.
            Some(containers) => containers.build.clone(),
            None => crate::postgres::choose(&options.postgres, options.progress.as_ref()).await?,
        };
        let path = Runtime::choose(account.as_ref())?;
        let mut log = logs::of_supervisor(options.logs.as_deref())?;
        let supervisor = Supervisor::start(
            &options.binary,
            &path.join(JOURNAL),
            log.try_clone()
                .map_err(EnvironmentError::io("cannot share the supervisor's log"))?,
        )?;
        // The first order, so that a supervisor that did not come up is noticed here.
        if let Err(error) = supervisor.observe().await {
            supervisor.end().await;
            let mut said = String::new();
            let _ = log
                .rewind()
                .and_then(|()| log.take(LOG_BYTES_MAX).read_to_string(&mut said));
            return Err(EnvironmentError::Start {
                service: "supervise".into(),
                reason: error.to_string(),
                log: said,
            });
        }
        let furnished = Runtime::share(&path)
            .map_err(EnvironmentError::path("share the lease of", &path))
            .and_then(|runtime| {
                Ok((
                    runtime,
                    furnish(&path, &options, account.as_ref(), build)?,
                    Secret::random()?,
                ))
            });
        let (runtime, (binary, build, logs), password) = match furnished {
            Ok(furnished) => furnished,
            Err(error) => {
                supervisor.end().await;
                return Err(error);
            }
        };
        let quarters = match &options.containers {
            Some(containers) => {
                match crate::containers::open(containers, &path, &binary, account.as_ref(), &supervisor).await {
                    Ok(quarters) => Some(quarters),
                    Err(error) => {
                        supervisor.end().await;
                        return Err(error);
                    }
                }
            }
            None => None,
        };
        if options.keep {
            supervisor.hold().await?;
        }
        let site = Site {
            runtime,
            supervisor,
            account,
            build,
            binary,
            logs,
            password,
            quarters,
            names: Mutex::new(HashSet::new()),
        };
        Ok(Self {
            site: Arc::new(site),
            keep: options.keep,
            copies: options.logs.filter(|_| options.keep),
            run: OnceLock::new(),
        })
    }

    /// A host for a Postgres cluster: its directory, user and settings. Nothing runs and no data is there until
    /// [`Postgres::initdb`] or a restore has made some.
    ///
    /// # Errors
    /// The name is taken or cannot be used.
    pub fn postgres(&self, name: &str, options: PostgresOptions) -> Result<Postgres> {
        Postgres::new(&self.site, name, options)
    }

    /// A host for an S3 store; start it to have it.
    ///
    /// # Errors
    /// The name is taken or cannot be used.
    pub fn store(&self, name: &str) -> Result<Store> {
        Store::new(&self.site, name, false)
    }

    /// The same for a store that speaks TLS as well, with a certificate made for it.
    ///
    /// # Errors
    /// As [`Local::store`].
    pub fn store_with_tls(&self, name: &str) -> Result<Store> {
        Store::new(&self.site, name, true)
    }

    /// A host for the application; `config` is written to its `--config` file at each start, with `listen` and
    /// `ready_file` filled in.
    ///
    /// # Errors
    /// The name is taken or cannot be used.
    pub fn application(&self, name: &str, config: serde_json::Value) -> Result<Application> {
        Application::new(&self.site, name, config)
    }

    /// The Postgres in use, with version, origin and digest.
    #[must_use]
    pub fn build(&self) -> &Build {
        &self.site.build
    }

    /// Where all of the run's services live.
    #[must_use]
    pub fn runtime_directory(&self) -> &Path {
        &self.site.runtime.path
    }

    /// The firedrill binary where the services' user can run it, as for `archive_command`.
    #[must_use]
    pub fn binary(&self) -> &Path {
        &self.site.binary
    }

    /// The user that services run as, if not our own.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        self.site.account.as_ref()
    }

    /// Whether its services are containers.
    #[must_use]
    pub fn is_contained(&self) -> bool {
        self.site.quarters.is_some()
    }

    /// Opens a link to a service, by which clients and other services reach it. `fixed` is where that service listens in
    /// all its lives, as far as that is known.
    ///
    /// # Errors
    /// No port is free, or whoever carries links here refuses.
    pub async fn link(&self, name: &str, upstream: &Upstream, fixed: Option<SocketAddr>) -> Result<Arc<dyn Wire>> {
        match (&self.site.quarters, fixed) {
            (Some(quarters), Some(to)) => quarters.link(name, upstream, to).await,
            _ => Link::open_at(self.site.near_end(), upstream.clone())
                .map(|link| Arc::new(link) as Arc<dyn Wire>)
                .map_err(EnvironmentError::io(format!("the link {name} cannot be opened"))),
        }
    }

    /// What the run stands on, to be watched while it lasts.
    #[must_use]
    pub fn ground(&self) -> Ground {
        Ground::new(&self.site.runtime.path, &self.site.logs, self.site.supervisor.gone())
    }

    /// Where the services' logs are being written.
    #[must_use]
    pub fn logs(&self) -> &Path {
        &self.site.logs
    }

    /// Notes which directory holds the evidence of this run, so that `clean` knows the run by that name too, wherever its
    /// runtime directory lies, and nobody removes it while the run lives.
    ///
    /// # Errors
    /// The note cannot be written, or the supervisor is gone.
    pub async fn belongs_to(&self, run: &Path) -> Result<()> {
        let run = std::path::absolute(run).unwrap_or_else(|_| run.to_path_buf());
        runtime::note(&self.site.runtime.path, &run).map_err(EnvironmentError::path("write a note into", &run))?;
        self.site.supervisor.guard(&run).await?;
        let _ = self.run.set(run);
        Ok(())
    }

    /// Has `directory`, outside the runtime directory, removed with the run, whatever happens.
    ///
    /// # Errors
    /// The supervisor refuses or is gone.
    pub async fn own_directory(&self, directory: &Path) -> Result<()> {
        self.site.supervisor.register(directory).await
    }

    /// Lays out the scenario's own tools where the services' user can run them, and returns the folder. Paths are
    /// relative, of plain names.
    ///
    /// # Errors
    /// A path leads out of the folder, or cannot be written.
    pub fn lay_out_tools<'a>(&self, files: impl IntoIterator<Item = (&'a Path, &'a [u8])>) -> Result<PathBuf> {
        let folder = self.site.runtime.path.join(TOOLS);
        make_open(&folder)?;
        for (path, content) in files {
            let plain = |part| matches!(part, std::path::Component::Normal(_));
            if path.as_os_str().is_empty() || !path.components().all(plain) {
                return Err(EnvironmentError::Invalid(format!(
                    "{} cannot be the path of a tool: expected names within its folder",
                    path.display()
                )));
            }
            for above in path.ancestors().skip(1).collect::<Vec<_>>().into_iter().rev() {
                make_open(&folder.join(above))?;
            }
            let place = folder.join(path);
            fs::write(&place, content).map_err(EnvironmentError::path("write", &place))?;
            fs::set_permissions(&place, Permissions::from_mode(0o755))
                .map_err(EnvironmentError::path("make executable", &place))?;
        }
        Ok(folder)
    }

    /// A directory that outlives every host of the run, as a file server would: the services' user may write there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn vault(&self) -> Result<PathBuf> {
        let vault = self.site.runtime.path.join(VAULT);
        if !vault.exists() {
            DirBuilder::new()
                .mode(0o700)
                .create(&vault)
                .map_err(EnvironmentError::path("make", &vault))?;
            crate::user::give(self.site.account.as_ref(), &vault)?;
        }
        Ok(vault)
    }

    /// Ends every process of the run and removes what they used. Where the run is kept, it only lets go, and leaves copies
    /// of the logs.
    ///
    /// # Errors
    /// Something could not be ended, removed or copied; the text says what to do.
    pub async fn close(self) -> Result<()> {
        if self.keep {
            // Supervise holds on by itself once the pipe ends, which it does with the last service object.
            return match &self.copies {
                Some(copies) => logs::leave_copies(&self.site.logs, copies)
                    .map_err(EnvironmentError::path("copy the services' logs to", copies)),
                None => Ok(()),
            };
        }
        let path = self.site.runtime.path.clone();
        self.end(&path).await?;
        if let Some(run) = self.run.get() {
            runtime::strike_note(run);
        }
        Ok(())
    }

    async fn end(&self, path: &Path) -> Result<()> {
        if self.site.supervisor.end().await && !path.exists() {
            return Ok(());
        }
        // The supervisor was killed, or left something: do its work here. Its lease is ours to ignore.
        let swept = tokio::task::spawn_blocking({
            let path = path.to_path_buf();
            move || crate::clean::sweep_runtime(&path)
        });
        match swept.await {
            Ok(cleaned) if cleaned.complete => Ok(()),
            _ => Err(EnvironmentError::Supervisor(format!(
                "could not clean up {}; run `firedrill clean`, and see {}",
                path.display(),
                self.site.logs.join("supervise.log").display()
            ))),
        }
    }
}

impl Site {
    /// Makes the directory of a service, owned by the services' user.
    pub(crate) fn service_directory(&self, name: &str) -> Result<PathBuf> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let reserved = ["bin", "logs", "exec", "postgres-build", TOOLS, VAULT].contains(&name);
        if name.is_empty() || name.len() > 20 || !name.bytes().all(plain) || reserved {
            return Err(EnvironmentError::Invalid(format!(
                "`{name}` cannot name a service: expected 1 to 20 of a-z, 0-9 and `-`, and not bin, logs, exec, tools, \
                 vault or postgres-build"
            )));
        }
        if !self
            .names
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.into())
        {
            return Err(EnvironmentError::Invalid(format!(
                "there is a service `{name}` already"
            )));
        }
        let directory = self.runtime.path.join(name);
        DirBuilder::new()
            .mode(0o700)
            .create(&directory)
            .map_err(EnvironmentError::path("make", &directory))?;
        crate::user::give(self.account.as_ref(), &directory)?;
        Ok(directory)
    }

    pub(crate) fn near_end(&self) -> IpAddr {
        match &self.quarters {
            Some(quarters) => quarters.gateway(),
            None => Ipv4Addr::LOCALHOST.into(),
        }
    }

    /// The network of its own that the run has, such as `172.18.0.0/16`.
    pub(crate) fn network(&self) -> Option<String> {
        self.quarters.as_ref().map(|quarters| quarters.subnet())
    }

    /// What a service may be called by: its own address, and that of links to it.
    pub(crate) fn addresses_of(&self, own: IpAddr) -> [IpAddr; 2] {
        [own, self.near_end()]
    }

    pub(crate) fn user(&self) -> Option<(u32, u32)> {
        self.account.as_ref().map(|account| (account.uid, account.gid))
    }
}

/// Makes a directory that everyone may read, unless it is there.
fn make_open(path: &Path) -> Result<()> {
    if !path.is_dir() {
        fs::create_dir(path).map_err(EnvironmentError::path("make", path))?;
    }
    fs::set_permissions(path, Permissions::from_mode(0o755)).map_err(EnvironmentError::path("open up", path))
}

/// Puts into a new runtime directory what services need there: the binary, a Postgres they can reach, a place for logs.
fn furnish(
    runtime: &Path,
    options: &LocalOptions,
    account: Option<&Account>,
    build: Build,
) -> Result<(PathBuf, Build, PathBuf)> {
    let directory = |name: &str, mode: u32| {
        let path = runtime.join(name);
        DirBuilder::new()
            .mode(mode)
            .create(&path)
            .map_err(EnvironmentError::path("make", &path))
            .map(|()| path)
    };
    directory("exec", 0o700)?;
    let bin = directory("bin", 0o711)?;
    fs::set_permissions(&bin, Permissions::from_mode(0o711)).map_err(EnvironmentError::path("open up", &bin))?;
    let binary = bin.join("firedrill");
    // A link costs nothing, but works only within one file system and keeps the mode of the original. It is made to the
    // file, since the program may be named by a symbolic link.
    let executable = options
        .binary
        .metadata()
        .is_ok_and(|metadata| metadata.permissions().mode() & 0o005 == 0o005);
    let link = || rustix::fs::linkat(CWD, &options.binary, CWD, &binary, AtFlags::SYMLINK_FOLLOW);
    if !executable || link().is_err() {
        fs::copy(&options.binary, &binary).map_err(EnvironmentError::path("copy this program to", &binary))?;
        fs::set_permissions(&binary, Permissions::from_mode(0o755))
            .map_err(EnvironmentError::path("make executable", &binary))?;
    }
    let build = if options.containers.is_some() || can_reach(account, &build.directory) {
        build
    } else {
        build.copied_to(&runtime.join("postgres-build"))?
    };
    let logs = match options.logs.as_ref().filter(|_| !options.keep) {
        Some(logs) => logs.canonicalize().map_err(EnvironmentError::path("find", logs))?,
        None => directory("logs", 0o700)?,
    };
    Ok((binary, build, logs))
}
