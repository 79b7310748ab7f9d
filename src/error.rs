//! What can go wrong, in words that complete "could not ...", and whether trying again may help.
//!
//! Messages are lower-case fragments without a stop. They never hold a password, a full session id
//! or the driver's own dump; the driver's error stays reachable as the source.

use std::path::PathBuf;
use std::time::Duration;

use mongodb::error::ErrorKind;

mod connecting;

pub use connecting::{TlsFault, UriFault};

/// How sure a [`Verdict`](crate::layout::detect::Verdict) is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// One layout fits, and no other comes near.
    Certain,
    /// One layout fits, but many other collections look like this too.
    Weak,
    /// More than one layout fits.
    Ambiguous,
    /// No layout fits.
    Nothing,
    /// There are no documents to judge by.
    Empty,
    /// The documents are accounts, with sessions inside.
    Accounts,
}

impl Certainty {
    /// The word for it in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Weak => "weak",
            Self::Ambiguous => "ambiguous",
            Self::Nothing => "none",
            Self::Empty => "empty",
            Self::Accounts => "accounts",
        }
    }
}

/// What only the operator can say. Whoever prints it knows how it is said: the program by an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Which store writes the sessions.
    Layout,
    /// How long a session lives after its last touch.
    Lifetime,
    /// How long a session without an expiry may be idle.
    IdleLimit,
}

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No server could be selected in time.
    #[error("no server answered at {address} within {} s{}", .within.as_secs_f32(), .why.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    Unreachable {
        /// The hosts of the connection string.
        address: String,
        /// The server selection timeout.
        within: Duration,
        /// What became of the attempts, such as `connection refused`.
        why: Option<String>,
        /// The driver's account of it.
        #[source]
        source: mongodb::error::Error,
    },
    /// The connection string cannot be used. The message does not repeat it.
    #[error("the connection string is not usable: {0}")]
    Uri(UriFault),
    /// TLS does not work with a server.
    #[error("{}", .fault.of(.address))]
    Tls {
        /// The server.
        address: String,
        /// What is wrong.
        fault: TlsFault,
        /// The driver's account of it.
        #[source]
        source: mongodb::error::Error,
    },
    /// The server is in another replica set than the connection string says, or in none.
    #[error("the connection string asks for the replica set {wanted}, and {address} belongs to {}", .found.as_deref().unwrap_or("none"))]
    OtherSet {
        /// The server.
        address: String,
        /// The replica set that the connection string asks for.
        wanted: String,
        /// The one that the server belongs to.
        found: Option<String>,
        /// The driver's account of it.
        #[source]
        source: mongodb::error::Error,
    },
    /// The server does not know this login.
    #[error("the server refused the login")]
    Authentication(#[source] mongodb::error::Error),
    /// The login lacks a right.
    #[error("this login may not run {command} on {namespace}")]
    Unauthorized {
        /// The server command, such as `delete`.
        command: String,
        /// `database.collection`.
        namespace: String,
        /// The driver's account of it.
        #[source]
        source: mongodb::error::Error,
    },
    /// The server answered with an error.
    #[error("the server said: {message} ({name}, code {code})")]
    Server {
        /// The server's numeric code, such as 85.
        code: i32,
        /// The code's name, such as `IndexOptionsConflict`.
        name: String,
        /// The server's own sentence, without values of documents.
        message: String,
        /// The driver's account of it.
        #[source]
        source: Option<mongodb::error::Error>,
    },
    /// The connection broke, or the driver failed in another way.
    #[error("{what}")]
    Driver {
        /// What happened, in our words.
        what: String,
        /// The driver's account of it.
        #[source]
        source: mongodb::error::Error,
    },
    /// The collection does not exist.
    #[error("there is no collection {namespace}")]
    NoCollection {
        /// `database.collection`.
        namespace: String,
        /// Namespaces on this server that hold sessions.
        session_collections: Vec<String>,
    },
    /// It answered, but only as a secondary.
    #[error("{address} is a secondary, and only a primary can delete or tell the time")]
    NotPrimary {
        /// The hosts of the connection string.
        address: String,
    },
    /// The replica set is between two primaries.
    #[error("the replica set at {address} has no primary now")]
    NoPrimary {
        /// The hosts of the connection string.
        address: String,
    },
    /// No layout of this name.
    #[error("there is no layout named {0}")]
    UnknownLayout(String),
    /// A layout file cannot be used.
    #[error("the layout file is not usable: {0}")]
    LayoutFile(String),
    /// The documents do not say clearly enough which store wrote them.
    #[error("{what}")]
    Undetected {
        /// How sure it is.
        certainty: Certainty,
        /// Which layouts are in question.
        what: String,
    },
    /// The layout that was named is not that of the documents.
    #[error(
        "none of the {sampled} documents of {namespace} that were looked at fits the layout {layout}"
    )]
    Misnamed {
        /// `database.collection`.
        namespace: String,
        /// The layout that was named.
        layout: String,
        /// How many documents were looked at.
        sampled: usize,
    },
    /// The documents are accounts, and the sessions are inside of them.
    #[error(
        "{namespace} holds accounts, with the sessions of each in the array `{sessions}` as {store} \
         writes them; sessionctl neither reads nor writes these as sessions"
    )]
    Accounts {
        /// `database.collection`.
        namespace: String,
        /// The application that writes such accounts.
        store: String,
        /// The array in each account that holds its sessions.
        sessions: String,
    },
    /// The layout cannot do this.
    #[error("{0}")]
    Unsupported(String),
    /// The layout cannot do this before the operator has said more.
    #[error("{what}")]
    Needs {
        /// What is not known.
        what: String,
        /// What would tell it.
        need: Need,
    },
    /// A condition that sessions of this layout cannot be judged by.
    #[error("{condition} requires {date}, which the layout {layout} does not store")]
    NoDate {
        /// The condition, by its name in [`Query`](crate::Query).
        condition: &'static str,
        /// The date, such as `a last touch`.
        date: &'static str,
        /// The layout's name.
        layout: String,
    },
    /// A prefix that several sessions share.
    #[error("{} {} the beginning of more than one session id", .0.join(", "), if .0.len() == 1 { "is" } else { "are each" })]
    AmbiguousIds(Vec<String>),
    /// A TTL index stands in the way.
    #[error("{0}")]
    IndexDiffers(String),
    /// There is an archive file of this name, and none is ever overwritten.
    #[error("the archive {} exists already", .path.display())]
    ArchiveExists {
        /// The file.
        path: PathBuf,
    },
    /// An archive file cannot be used.
    #[error("the archive {} {what}", .path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, such as `is damaged at byte 77: ...`.
        what: String,
    },
    /// A document that cannot be read at all.
    #[error("a document cannot be read: {0}")]
    Document(String),
}

impl Error {
    /// Whether the same call may succeed later without anybody changing anything: the server is
    /// away, changes its primary, is overloaded or gave up after `maxTimeMS`.
    pub fn is_transient(&self) -> bool {
        match self {
            // A daemon outlives a server that is set up again.
            Self::Unreachable { .. }
            | Self::NoPrimary { .. }
            | Self::Tls { .. }
            | Self::OtherSet { .. } => true,
            Self::Driver { source, .. } => is_transient(source),
            Self::Server { code, source, .. } => {
                TRANSIENT_CODES.contains(code) || source.as_ref().is_some_and(is_transient)
            }
            _ => false,
        }
    }

    /// Whether a server that answers has too much to do, so that it should be asked less. A refused
    /// connection carries the same label, and proves nothing of the kind.
    pub(crate) fn is_overload(&self) -> bool {
        let is_labelled = |source: &mongodb::error::Error| {
            matches!(*source.kind, ErrorKind::Command(_))
                && source.contains_label("SystemOverloadedError")
        };
        match self {
            Self::Server { code, source, .. } => {
                OVERLOADS.contains(code) || source.as_ref().is_some_and(is_labelled)
            }
            _ => false,
        }
    }

    /// Whether the command was certainly not carried out, in no part: it was never sent, or refused
    /// before it began.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::NoPrimary { .. }
            | Self::Tls { .. }
            | Self::OtherSet { .. }
            | Self::Authentication(_)
            | Self::Unauthorized { .. }
            | Self::NotPrimary { .. } => true,
            Self::Server { code, .. } => REFUSALS.contains(code),
            _ => false,
        }
    }

    /// The server's code, if a server answered.
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Server { code, .. } => Some(*code),
            Self::Unauthorized { .. } => Some(UNAUTHORIZED),
            _ => None,
        }
    }

    /// What the driver made of it, for `-v`.
    pub fn driver(&self) -> Option<&mongodb::error::Error> {
        match self {
            Self::Unreachable { source, .. }
            | Self::Tls { source, .. }
            | Self::OtherSet { source, .. }
            | Self::Authentication(source)
            | Self::Unauthorized { source, .. }
            | Self::Driver { source, .. } => Some(source),
            Self::Server { source, .. } => source.as_ref(),
            _ => None,
        }
    }
}

pub(crate) const UNAUTHORIZED: i32 = 13;
pub(crate) const AUTHENTICATION_FAILED: i32 = 18;

/// `NotWritablePrimary` and `NotPrimaryNoSecondaryOk`, which are found out before anything is
/// written; one that steps down in mid-write says `PrimarySteppedDown` (189) or 11602.
const REFUSALS: [i32; 2] = [10107, 13435];

/// `MaxTimeMSExpired`, `WriteConcernTimeout`, `ExceededTimeLimit`, `IngressRequestRateLimitExceeded`
/// and Cosmos DB's `RequestRateTooLarge`.
const OVERLOADS: [i32; 5] = [50, 64, 262, 462, 16500];

/// The retryable codes of the drivers' "retryable writes" and "retryable reads" specifications,
/// `MaxTimeMSExpired` (50), `CursorNotFound` (43), `CursorKilled` (237) and `Interrupted` (11601).
const TRANSIENT_CODES: [i32; 20] = [
    6, 7, 43, 50, 64, 89, 91, 134, 189, 237, 262, 462, 9001, 10107, 11600, 11601, 11602, 13435,
    13436, 16500,
];

fn is_transient(error: &mongodb::error::Error) -> bool {
    match error.kind.as_ref() {
        ErrorKind::Io(_)
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::DnsResolve { .. } => true,
        ErrorKind::Command(command) => TRANSIENT_CODES.contains(&command.code),
        _ => error.contains_label(mongodb::error::RETRYABLE_WRITE_ERROR),
    }
}

/// The operating system's reason, without its number.
pub fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        std::io::ErrorKind::Other => error.to_string(),
        kind => kind.to_string(),
    }
}
