//! The errors of this crate, and whether a retry may help.
//!
//! Messages are lower-case fragments without a full stop, and complete "could not ...". They never
//! contain a password, a full session id or the driver's debug output. The driver's error is
//! available as the source.

use std::path::PathBuf;
use std::time::Duration;

use mongodb::error::ErrorKind;

mod connecting;
mod driver;

pub use connecting::{TlsFault, UriFault};
pub(crate) use driver::without_values;

/// How certain a [`Verdict`](crate::layout::detect::Verdict) is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// Exactly one layout clearly matches.
    Certain,
    /// One layout matches, but many collections of other kinds look the same.
    Weak,
    /// Several layouts of different families have sessions here.
    Mixed,
    /// More than one layout matches.
    Ambiguous,
    /// No layout matches.
    Nothing,
    /// The collection has no documents.
    Empty,
    /// The documents are accounts, with sessions inside.
    Accounts,
}

impl Certainty {
    /// The name used in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Weak => "weak",
            Self::Mixed => "mixed",
            Self::Ambiguous => "ambiguous",
            Self::Nothing => "none",
            Self::Empty => "empty",
            Self::Accounts => "accounts",
        }
    }
}

/// Information that only the operator has. The caller knows how to ask for it: the program names an
/// option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Which store writes the sessions.
    Layout,
    /// How long a session lives after its last touch.
    Lifetime,
    /// How long a session without an expiry may be idle.
    IdleLimit,
}

/// What happened to a collection during an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It no longer exists.
    Dropped,
    /// It no longer exists under its name, and the login may not list other collections.
    Gone,
    /// It was dropped or renamed, and another collection has its name now.
    Replaced,
    /// It has this name now, `database.collection`.
    Renamed(String),
}

/// The result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error type of this crate.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No server could be selected before the timeout.
    #[error("no server answered at {address} within {} s{}", .within.as_secs_f32(), .why.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    Unreachable {
        /// The hosts of the connection string.
        address: String,
        /// The server selection timeout.
        within: Duration,
        /// Why the attempts failed, such as `connection refused`.
        why: Option<String>,
        /// The driver's error.
        #[source]
        source: mongodb::error::Error,
    },
    /// The connection string is invalid. The message does not repeat it.
    #[error("invalid connection string: {0}")]
    Uri(UriFault),
    /// The client of the application has options that would break what a session store promises.
    #[error("the MongoDB client cannot be used for sessions: {0}")]
    UnfitClient(&'static str),
    /// TLS failed with a server.
    #[error("{}", .fault.of(.address))]
    Tls {
        /// The server.
        address: String,
        /// What is wrong with TLS.
        fault: TlsFault,
        /// The driver's error.
        #[source]
        source: mongodb::error::Error,
    },
    /// The server is in a different replica set than the connection string names, or in none.
    #[error("the connection string names the replica set {wanted}, but {address} is in {}", .found.as_deref().unwrap_or("no replica set"))]
    OtherSet {
        /// The server.
        address: String,
        /// The replica set that the connection string names.
        wanted: String,
        /// The replica set of the server, if any.
        found: Option<String>,
        /// The driver's error.
        #[source]
        source: mongodb::error::Error,
    },
    /// The server rejected the credentials.
    #[error("authentication failed")]
    Authentication(#[source] mongodb::error::Error),
    /// The login lacks a privilege.
    #[error("not authorized to run {command} on {namespace}")]
    Unauthorized {
        /// The server command, such as `delete`.
        command: String,
        /// `database.collection`.
        namespace: String,
        /// The driver's error.
        #[source]
        source: mongodb::error::Error,
    },
    /// The server returned an error.
    #[error("server error: {message} ({name}, code {code})")]
    Server {
        /// The server's numeric code, such as 85.
        code: i32,
        /// The code's name, such as `IndexOptionsConflict`.
        name: String,
        /// The server's message, without values from documents.
        message: String,
        /// The driver's error.
        #[source]
        source: Option<mongodb::error::Error>,
    },
    /// The connection was lost, or the driver failed for another reason.
    #[error("{what}")]
    Driver {
        /// What failed, in our words.
        what: String,
        /// The driver's error.
        #[source]
        source: mongodb::error::Error,
    },
    /// No reply came, and the server is not running the command. Whether it did is unknown.
    #[error("{address} sent no reply to {command} within {} s", .waited.as_secs())]
    NoReply {
        /// The hosts of the connection string.
        address: String,
        /// The server command, such as `delete`.
        command: String,
        /// How long the command waited for the reply.
        waited: Duration,
    },
    /// A reply cannot be read, or replies to another command. Whether the server did what the command
    /// asks for is unknown.
    #[error("{address} sent a malformed reply to {command}")]
    MalformedReply {
        /// The hosts of the connection string.
        address: String,
        /// The server command, such as `delete`.
        command: String,
        /// The driver's error.
        #[source]
        source: mongodb::error::Error,
    },
    /// The collection does not exist.
    #[error("there is no collection {namespace}")]
    NoCollection {
        /// `database.collection`.
        namespace: String,
        /// The namespaces on this server that hold sessions.
        session_collections: Vec<String>,
    },
    /// The collection is no longer the one with which the operation began.
    #[error("{namespace} {}", match .fate {
        Fate::Dropped => "was dropped meanwhile".to_owned(),
        Fate::Gone => "was dropped or renamed meanwhile".to_owned(),
        Fate::Replaced => "was replaced by another collection of that name meanwhile".to_owned(),
        Fate::Renamed(name) => format!("was renamed to {name} meanwhile"),
    })]
    CollectionChanged {
        /// `database.collection`.
        namespace: String,
        /// What happened to it.
        fate: Fate,
    },
    /// The server is a secondary, and the connection is direct.
    #[error("{address} is a secondary: deletes and the server's clock require the primary")]
    NotPrimary {
        /// The hosts of the connection string.
        address: String,
    },
    /// The replica set has no primary, for example during an election.
    #[error("the replica set at {address} has no primary")]
    NoPrimary {
        /// The hosts of the connection string.
        address: String,
    },
    /// There is no layout with this name.
    #[error("there is no layout named {0}")]
    UnknownLayout(String),
    /// A layout file is invalid.
    #[error("invalid layout file: {0}")]
    LayoutFile(String),
    /// The documents do not show clearly which store wrote them.
    #[error("{what}")]
    Undetected {
        /// How certain the detection is.
        certainty: Certainty,
        /// Which layouts were considered.
        what: String,
        /// The names of the layouts that its sessions have.
        layouts: Vec<String>,
    },
    /// The documents do not match the layout that was named.
    #[error("none of the {sampled} sampled documents of {namespace} matches the layout {layout}")]
    Misnamed {
        /// `database.collection`.
        namespace: String,
        /// The named layout.
        layout: String,
        /// How many documents were sampled.
        sampled: usize,
    },
    /// The documents are accounts, with the sessions inside them.
    #[error(
        "{namespace} holds accounts, with the sessions of each in the array `{sessions}` as \
         {store} writes them; sessionctl does not treat these as sessions"
    )]
    Accounts {
        /// `database.collection`.
        namespace: String,
        /// The application that writes such accounts.
        store: String,
        /// The array in each account that holds its sessions.
        sessions: String,
    },
    /// The layout does not support this operation.
    #[error("{0}")]
    Unsupported(String),
    /// The operation requires information that only the operator has.
    #[error("{what}")]
    Needs {
        /// What is missing.
        what: String,
        /// Which information would resolve it.
        need: Need,
    },
    /// The layout does not store the date that a condition compares.
    #[error("{condition} requires {date}, which the layout {layout} does not store")]
    NoDate {
        /// The condition, by its name in [`Query`](crate::Query).
        condition: &'static str,
        /// The date, such as `a last touch`.
        date: &'static str,
        /// The layout's name.
        layout: String,
    },
    /// An id prefix that matches several sessions.
    #[error("{} {} more than one session id", .0.join(", "), if .0.len() == 1 { "matches" } else { "each match" })]
    AmbiguousIds(Vec<String>),
    /// The sessions changed whenever they were about to be deleted.
    #[error("the sessions changed during each of {0} attempts to delete them")]
    KeepsChanging(u32),
    /// A different index already exists where the TTL index belongs.
    #[error("{0}")]
    IndexDiffers(String),
    /// The archive file already exists. Archives are never overwritten.
    #[error("the archive {} already exists", .path.display())]
    ArchiveExists {
        /// The file.
        path: PathBuf,
    },
    /// An archive file cannot be read or written.
    #[error("the archive {} {what}", .path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, such as `is damaged at byte 77: ...`.
        what: String,
    },
    /// A document that cannot be decoded.
    #[error("a document cannot be read: {0}")]
    Document(String),
}

impl Error {
    /// Whether a retry of the same call may succeed without any change by the operator: the server
    /// is unreachable, is changing its primary, is overloaded, or exceeded `maxTimeMS`.
    pub fn is_transient(&self) -> bool {
        match self {
            // A daemon survives the reinstallation of a server.
            Self::Unreachable { .. }
            | Self::NoPrimary { .. }
            | Self::NoReply { .. }
            | Self::MalformedReply { .. }
            | Self::Tls { .. }
            | Self::OtherSet { .. } => true,
            Self::Driver { source, .. } => is_transient(source),
            Self::Server { code, source, .. } => {
                TRANSIENT_CODES.contains(code)
                    || DAMAGED.contains(code)
                    || source.as_ref().is_some_and(is_transient)
            }
            _ => false,
        }
    }

    /// Whether the server answered that it is overloaded, so that the caller should throttle. The
    /// driver puts the same label on refused connections, where it says nothing about load.
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

    /// Whether a write was done, but not confirmed by enough members in time (`WriteConcernTimeout`).
    pub(crate) fn is_unconfirmed(&self) -> bool {
        self.code() == Some(WRITE_CONCERN_TIMEOUT)
    }

    /// Whether a read took longer than its `maxTimeMS`.
    pub(crate) fn is_over_time(&self) -> bool {
        self.code() == Some(MAX_TIME_MS_EXPIRED)
    }

    /// Whether a busy server refused the command before it began, and asks for a later retry.
    pub(crate) fn is_busy(&self) -> bool {
        self.code() == Some(REQUEST_RATE_TOO_LARGE)
            || self.is_overload() && self.asked_pause().is_some()
    }

    /// How long an overloaded server asks to wait. MongoDB says so in a field of its reply, Cosmos
    /// DB in its message.
    pub(crate) fn asked_pause(&self) -> Option<Duration> {
        let Self::Server { message, source, .. } = self else { return None };
        let field = source.as_ref().and_then(|source| match source.kind.as_ref() {
            ErrorKind::Command(command) => command.base_backoff,
            _ => None,
        });
        field.or_else(|| {
            let (_, rest) = message.split_once("RetryAfterMs=")?;
            let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next()?;
            digits.parse().ok().map(Duration::from_millis)
        })
    }

    /// Whether the index that a command names as a hint is gone or hidden.
    pub(crate) fn is_of_lost_index(&self) -> bool {
        match self {
            Self::Server { .. } if self.is_refused_hint() => true,
            Self::Server { code: QUERY_PLAN_KILLED, message, .. } => message.contains("index '"),
            _ => false,
        }
    }

    /// Whether a statement was not begun because the index of its hint is gone.
    pub(crate) fn is_refused_hint(&self) -> bool {
        matches!(self, Self::Server { code: BAD_VALUE, message, .. } if message.contains(NO_SUCH_HINT))
    }

    /// Whether the server refused to write one document because of its content: it would become too
    /// large, a validator forbids it, a field is in the way, or a unique index already has its
    /// value.
    pub(crate) fn is_of_document(&self) -> bool {
        matches!(self, Self::Server { code, .. } if OF_DOCUMENTS.contains(code))
    }

    /// Whether the command or its reply was lost or damaged on the way.
    pub(crate) fn is_lost_message(&self) -> bool {
        match self {
            Self::NoReply { .. } | Self::MalformedReply { .. } => true,
            Self::Server { code, .. } => DAMAGED.contains(code),
            _ => false,
        }
    }

    /// A task of ours panicked; its message was printed.
    pub(crate) fn lost_task() -> Self {
        Self::Unsupported("an internal task panicked".to_owned())
    }

    /// Whether it is certain that no part of the command was carried out: it was never sent, or the
    /// server rejected it before it began.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::NoPrimary { .. }
            | Self::Tls { .. }
            | Self::OtherSet { .. }
            | Self::Authentication(_)
            | Self::Unauthorized { .. }
            | Self::NotPrimary { .. } => true,
            Self::Server { code, .. } => REFUSALS.contains(code) || DAMAGED.contains(code),
            _ => false,
        }
    }

    /// The server's error code, if a server answered.
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Server { code, .. } => Some(*code),
            Self::Unauthorized { .. } => Some(UNAUTHORIZED),
            _ => None,
        }
    }

    /// The driver's error in its own words, without values from documents.
    pub fn driver_text(&self) -> Option<String> {
        self.driver().map(driver::described)
    }

    /// The driver's error. Its text may repeat values from documents.
    pub fn driver(&self) -> Option<&mongodb::error::Error> {
        match self {
            Self::Unreachable { source, .. }
            | Self::Tls { source, .. }
            | Self::OtherSet { source, .. }
            | Self::Authentication(source)
            | Self::Unauthorized { source, .. }
            | Self::MalformedReply { source, .. }
            | Self::Driver { source, .. } => Some(source),
            Self::Server { source, .. } => source.as_ref(),
            _ => None,
        }
    }
}

pub(crate) const UNAUTHORIZED: i32 = 13;
pub(crate) const AUTHENTICATION_FAILED: i32 = 18;

/// `NotWritablePrimary` and `NotPrimaryNoSecondaryOk`, which the server returns before it writes
/// anything. A primary that steps down during a write returns `PrimarySteppedDown` (189) or 11602.
const REFUSALS: [i32; 2] = [10107, 13435];

/// `InvalidBSON`, and the error for a command without `$db`: the command was damaged on its way,
/// because the driver never sends such a command. The server has not started it.
const DAMAGED: [i32; 2] = [22, 40571];

/// `MaxTimeMSExpired`, `WriteConcernTimeout`, `ExceededTimeLimit`, `IngressRequestRateLimitExceeded`
/// and Cosmos DB's `RequestRateTooLarge`.
const OVERLOADS: [i32; 5] = [50, 64, 262, 462, 16500];

/// The retryable codes of the drivers' "retryable writes" and "retryable reads" specifications, and
/// `MaxTimeMSExpired` (50), `CursorNotFound` (43), `CursorKilled` (237), `Interrupted` (11601) and
/// `QueryPlanKilled` (175): an index or a collection was dropped under a cursor, and a new one finds
/// what there is. A router whose shard has no primary returns `FailedToSatisfyReadPreference` (133) or
/// `NetworkInterfaceExceededTimeLimit` (202).
const TRANSIENT_CODES: [i32; 23] = [
    6, 7, 43, 50, 64, 89, 91, 133, 134, 175, 189, 202, 237, 262, 462, 9001, 10107, 11600, 11601,
    11602, 13435, 13436, 16500,
];

/// Cosmos DB refuses commands beyond the provisioned request units.
const REQUEST_RATE_TOO_LARGE: i32 = 16500;
const BAD_VALUE: i32 = 2;
const MAX_TIME_MS_EXPIRED: i32 = 50;
const WRITE_CONCERN_TIMEOUT: i32 = 64;
const QUERY_PLAN_KILLED: i32 = 175;
/// The server's message about a hint that names no usable index.
const NO_SUCH_HINT: &str = "hint provided does not correspond to an existing index";

/// `TypeMismatch`, `PathNotViable`, `DocumentValidationFailure`, `BSONObjectTooLarge` in its three
/// forms, `KeyTooLong`, `DuplicateKey`, `CannotIndexParallelArrays`, and the errors of `2dsphere` and
/// hashed indexes about values that they cannot index.
const OF_DOCUMENTS: [i32; 11] = [14, 28, 121, 10334, 17419, 17420, 17280, 11000, 171, 16755, 16766];

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

/// The operating system's reason, without its error number.
pub fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        std::io::ErrorKind::Other => error.to_string(),
        kind => kind.to_string(),
    }
}
