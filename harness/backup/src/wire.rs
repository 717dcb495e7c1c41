//! A replication session with a Postgres server: start-up, authentication, simple queries, a copied stream.
//!
//! The one idea: an error that the server reports after the last byte of a stream fails the stream all the same; that
//! is where Postgres tells of damaged pages.

use std::collections::HashMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use postgres_protocol::authentication::{md5_hash, sasl};
use postgres_protocol::message::backend::{ErrorFields, Message};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::config::Database;
use crate::error::{Error, Result};

use fallible_iterator::FallibleIterator;

const CONNECT_MAX: Duration = Duration::from_secs(10);
/// A frame of a base backup holds 32 KiB; anything far beyond is no Postgres.
const FRAME_BYTES_MAX: usize = 16 << 20;

trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Socket for T {}

/// A session in replication mode.
pub(crate) struct Replication {
    socket: Box<dyn Socket>,
    input: BytesMut,
    action: String,
    idle_max: Duration,
    /// What the server told of itself, such as `server_version`.
    pub(crate) parameters: HashMap<String, String>,
    /// Warnings the server gave, at most a hundred.
    pub(crate) notices: Vec<String>,
}

/// One row of text values.
pub(crate) type Row = Vec<Option<String>>;

impl Replication {
    pub(crate) async fn connect(database: &Database, idle_max: Duration) -> Result<Self> {
        let action = format!("connect to {}:{} for replication", database.host, database.port);
        let stalled = || Error::Stalled {
            action: action.clone(),
            seconds: CONNECT_MAX.as_secs(),
            advice: "is the server up, and does it listen there?".into(),
        };
        let connecting = async {
            let socket: std::io::Result<Box<dyn Socket>> = if database.host.starts_with('/') {
                let path = format!("{}/.s.PGSQL.{}", database.host, database.port);
                tokio::net::UnixStream::connect(path)
                    .await
                    .map(|socket| Box::new(socket) as _)
            } else {
                match tokio::net::TcpStream::connect((database.host.as_str(), database.port)).await {
                    Ok(socket) => socket.set_nodelay(true).map(|()| Box::new(socket) as _),
                    Err(error) => Err(error),
                }
            };
            let socket = socket.map_err(Error::io(
                "connect to the server at",
                format!("{}:{}", database.host, database.port),
            ))?;
            let mut session = Self {
                socket,
                input: BytesMut::with_capacity(512 << 10),
                action: action.clone(),
                idle_max: CONNECT_MAX,
                parameters: HashMap::new(),
                notices: Vec::new(),
            };
            session.start(database).await?;
            Ok(session)
        };
        let mut session = tokio::time::timeout(CONNECT_MAX, connecting)
            .await
            .map_err(|_| stalled())??;
        session.idle_max = idle_max;
        Ok(session)
    }

    async fn start(&mut self, database: &Database) -> Result<()> {
        let parameters = [
            ("user", database.user.as_str()),
            ("replication", "true"),
            ("client_encoding", "UTF8"),
            ("application_name", "firedrill-backup"),
        ];
        self.send(|out| frontend::startup_message(parameters, out)).await?;
        loop {
            match self.receive().await? {
                Message::AuthenticationOk => break,
                Message::AuthenticationCleartextPassword => {
                    self.send(|out| frontend::password_message(database.password.as_bytes(), out))
                        .await?;
                }
                Message::AuthenticationMd5Password(body) => {
                    let hash = md5_hash(database.user.as_bytes(), database.password.as_bytes(), body.salt());
                    self.send(|out| frontend::password_message(hash.as_bytes(), out))
                        .await?;
                }
                Message::AuthenticationSasl(body) => {
                    let mut mechanisms = body.mechanisms();
                    let mut offered = false;
                    while let Some(mechanism) = mechanisms.next().map_err(|error| self.misfit(error.to_string()))? {
                        offered |= mechanism == sasl::SCRAM_SHA_256;
                    }
                    if !offered {
                        return Err(self.misfit("no SCRAM-SHA-256 among the ways to authenticate"));
                    }
                    self.authenticate(database.password.as_bytes()).await?;
                }
                other => return Err(self.unexpected(&other)),
            }
        }
        loop {
            match self.receive().await? {
                Message::BackendKeyData(_) => {}
                Message::ReadyForQuery(_) => return Ok(()),
                other => return Err(self.unexpected(&other)),
            }
        }
    }

    async fn authenticate(&mut self, password: &[u8]) -> Result<()> {
        let mut scram = sasl::ScramSha256::new(password, sasl::ChannelBinding::unsupported());
        let first = scram.message().to_vec();
        self.send(|out| frontend::sasl_initial_response(sasl::SCRAM_SHA_256, &first, out))
            .await?;
        match self.receive().await? {
            Message::AuthenticationSaslContinue(body) => {
                scram
                    .update(body.data())
                    .map_err(|error| self.misfit(error.to_string()))?;
            }
            other => return Err(self.unexpected(&other)),
        }
        let answer = scram.message().to_vec();
        self.send(|out| frontend::sasl_response(&answer, out)).await?;
        match self.receive().await? {
            Message::AuthenticationSaslFinal(body) => scram
                .finish(body.data())
                .map_err(|error| self.misfit(error.to_string())),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Names what follows in errors, and asks it.
    pub(crate) async fn ask(&mut self, action: &str, statement: &str) -> Result<()> {
        self.action = action.to_owned();
        self.send(|out| frontend::query(statement, out)).await
    }

    /// A whole question with one set of rows.
    pub(crate) async fn rows(&mut self, action: &str, statement: &str) -> Result<Vec<Row>> {
        self.ask(action, statement).await?;
        let rows = self.result_set().await?;
        self.ready().await?;
        Ok(rows)
    }

    /// One set of rows, up to its completion.
    pub(crate) async fn result_set(&mut self) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        loop {
            match self.receive().await? {
                Message::RowDescription(_) => {}
                Message::DataRow(body) => {
                    let mut ranges = body.ranges();
                    let mut row = Row::new();
                    while let Some(range) = ranges.next().map_err(|error| self.misfit(error.to_string()))? {
                        row.push(range.map(|range| String::from_utf8_lossy(&body.buffer()[range]).into_owned()));
                    }
                    rows.push(row);
                    if rows.len() > 10_000 {
                        return Err(self.misfit("more than 10000 rows"));
                    }
                }
                Message::CommandComplete(_) => return Ok(rows),
                other => return Err(self.unexpected(&other)),
            }
        }
    }

    /// The server's word that it is done, after which nothing more can fail.
    pub(crate) async fn ready(&mut self) -> Result<()> {
        loop {
            match self.receive().await? {
                Message::CommandComplete(_) => {}
                Message::ReadyForQuery(_) => return Ok(()),
                other => return Err(self.unexpected(&other)),
            }
        }
    }

    /// The begin of a copied stream.
    pub(crate) async fn copy_begins(&mut self) -> Result<()> {
        match self.receive().await? {
            Message::CopyOutResponse(_) => Ok(()),
            other => Err(self.unexpected(&other)),
        }
    }

    /// The next frame of a copied stream; nothing at its end.
    pub(crate) async fn copied(&mut self) -> Result<Option<Bytes>> {
        match self.receive().await? {
            Message::CopyData(body) => Ok(Some(body.into_bytes())),
            Message::CopyDone => Ok(None),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Says goodbye; the server would also take a closed socket.
    pub(crate) async fn end(mut self) {
        let mut out = BytesMut::new();
        frontend::terminate(&mut out);
        let _ = tokio::time::timeout(Duration::from_secs(1), self.socket.write_all(&out)).await;
    }

    fn send<'a>(&'a mut self, fill: impl FnOnce(&mut BytesMut) -> std::io::Result<()>) -> BoxFuture<'a, Result<()>> {
        let mut out = BytesMut::new();
        let filled = fill(&mut out);
        Box::pin(async move {
            filled.map_err(|error| self.misfit(error.to_string()))?;
            let written = tokio::time::timeout(CONNECT_MAX, self.socket.write_all(&out)).await;
            match written {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(self.misfit(format!("the connection broke: {error}"))),
                Err(_) => Err(self.stalled()),
            }
        })
    }

    /// The next message that is not a notice; errors of the server become errors here.
    async fn receive(&mut self) -> Result<Message> {
        loop {
            let parsed = Message::parse(&mut self.input).map_err(|error| self.misfit(error.to_string()))?;
            match parsed {
                Some(Message::ErrorResponse(body)) => {
                    let (severity, code, message) = described(body.fields());
                    return Err(Error::Server {
                        action: self.action.clone(),
                        severity,
                        code,
                        message,
                    });
                }
                Some(Message::NoticeResponse(body)) => {
                    let (severity, _, message) = described(body.fields());
                    if self.notices.len() < 100 {
                        self.notices.push(format!("{severity}: {message}"));
                    }
                }
                Some(Message::ParameterStatus(body)) => {
                    if let (Ok(name), Ok(value)) = (body.name(), body.value()) {
                        self.parameters.insert(name.to_owned(), value.to_owned());
                    }
                }
                Some(message) => return Ok(message),
                None => self.fill().await?,
            }
        }
    }

    async fn fill(&mut self) -> Result<()> {
        if self.input.len() > FRAME_BYTES_MAX {
            return Err(self.misfit(format!("a message of more than {FRAME_BYTES_MAX} bytes")));
        }
        self.input.reserve(256 << 10);
        match tokio::time::timeout(self.idle_max, self.socket.read_buf(&mut self.input)).await {
            Ok(Ok(0)) => Err(self.misfit("the connection was closed in the middle")),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(self.misfit(format!("the connection broke: {error}"))),
            Err(_) => Err(self.stalled()),
        }
    }

    fn stalled(&self) -> Error {
        let notices = match self.notices.last() {
            Some(notice) => format!("the server's last notice was {notice:?}"),
            None => "is the server stopped, its archive_command failing, or the link cut?".into(),
        };
        Error::Stalled {
            action: self.action.clone(),
            seconds: self.idle_max.as_secs(),
            advice: notices,
        }
    }

    fn misfit(&self, found: impl Into<String>) -> Error {
        Error::Protocol {
            action: self.action.clone(),
            found: found.into(),
        }
    }

    fn unexpected(&self, message: &Message) -> Error {
        let name = match message {
            Message::CopyData(_) => "CopyData",
            Message::CopyDone => "CopyDone",
            Message::CopyOutResponse(_) => "CopyOutResponse",
            Message::CommandComplete(_) => "CommandComplete",
            Message::ReadyForQuery(_) => "ReadyForQuery",
            Message::RowDescription(_) => "RowDescription",
            Message::DataRow(_) => "DataRow",
            Message::EmptyQueryResponse => "EmptyQueryResponse",
            _ => "a message that does not belong here",
        };
        self.misfit(name)
    }
}

fn described(mut fields: ErrorFields<'_>) -> (String, String, String) {
    let (mut severity, mut code, mut message) = (String::new(), String::new(), String::new());
    while let Ok(Some(field)) = fields.next() {
        let value = String::from_utf8_lossy(field.value_bytes()).into_owned();
        match field.type_() {
            b'S' => severity = value,
            b'C' => code = value,
            b'M' => message.insert_str(0, &value),
            b'D' => message.push_str(&format!("; detail: {value}")),
            b'H' => message.push_str(&format!("; hint: {value}")),
            _ => {}
        }
    }
    (severity, code, message)
}
