//! Turns the driver's errors into ours, with the context of the call.

use std::time::Duration;

use mongodb::error::{CommandError, ErrorKind, WriteFailure};

use crate::error::{AUTHENTICATION_FAILED, Error, TlsFault, UNAUTHORIZED, reason, without_values};

/// Why no server could be selected, according to the heartbeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// TLS failed.
    Tls { address: String, fault: TlsFault },
    /// The server is in a different replica set than the connection string names, or in none.
    OtherSet { address: String, wanted: String, found: Option<String> },
    /// Members answer, but none is the primary.
    NoPrimary,
    /// No answer, for this reason.
    Silence(String),
}

/// The context of a call, for error messages.
#[derive(Debug, Clone)]
pub(crate) struct Scene<'a> {
    pub(crate) command: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) address: &'a str,
    pub(crate) within: Duration,
    /// The last known obstacle.
    pub(crate) obstacle: Option<Obstacle>,
}

impl Scene<'_> {
    /// Our error for the driver's error.
    pub(crate) fn error(self, source: mongodb::error::Error) -> Error {
        match source.kind.as_ref() {
            // A login that fails while the pool connects is reported as a failed server selection.
            ErrorKind::Authentication { .. } => Error::Authentication(source),
            ErrorKind::ServerSelection { message, .. } if message.contains("SCRAM failure") => {
                Error::Authentication(source)
            }
            ErrorKind::ServerSelection { .. } | ErrorKind::DnsResolve { .. } => {
                self.selection_error(source)
            }
            ErrorKind::Command(command) => self.command_error(command.clone(), source),
            ErrorKind::Write(WriteFailure::WriteError(error)) => Error::Server {
                code: error.code,
                name: error.code_name.clone().unwrap_or_else(|| "WriteError".into()),
                message: without_values(&error.message),
                source: Some(source),
            },
            ErrorKind::Write(WriteFailure::WriteConcernError(error)) => Error::Server {
                code: error.code,
                name: error.code_name.clone(),
                message: without_values(&error.message),
                source: Some(source),
            },
            ErrorKind::Io(error) => Error::Driver {
                what: format!("lost the connection to {}: {}", self.address, reason(error)),
                source,
            },
            ErrorKind::ConnectionPoolCleared { .. } => Error::Driver {
                what: format!("the connections to {} were closed", self.address),
                source,
            },
            ErrorKind::InvalidTlsConfig { .. } => Error::Driver {
                what: "the TLS options of the connection string are unusable".into(),
                source,
            },
            ErrorKind::IncompatibleServer { .. } => Error::Driver {
                what: format!(
                    "the server at {} is not supported: its version is too old",
                    self.address
                ),
                source,
            },
            kind if is_malformed(kind) => Error::MalformedReply {
                address: self.address.to_owned(),
                command: self.command.to_owned(),
                source,
            },
            _ => {
                Error::Driver { what: format!("the driver failed to run {}", self.command), source }
            }
        }
    }

    fn selection_error(self, source: mongodb::error::Error) -> Error {
        let address = self.address.to_owned();
        let why = match self.obstacle {
            Some(Obstacle::Tls { address, fault }) => return Error::Tls { address, fault, source },
            Some(Obstacle::OtherSet { address, wanted, found }) => {
                return Error::OtherSet { address, wanted, found, source };
            }
            Some(Obstacle::NoPrimary) => return Error::NoPrimary { address },
            Some(Obstacle::Silence(why)) => Some(why),
            None => None,
        };
        Error::Unreachable { address, within: self.within, why, source }
    }

    fn command_error(self, command: CommandError, source: mongodb::error::Error) -> Error {
        match command.code {
            UNAUTHORIZED => Error::Unauthorized {
                command: self.command.to_owned(),
                namespace: self.namespace.to_owned(),
                source,
            },
            AUTHENTICATION_FAILED => Error::Authentication(source),
            code => Error::Server {
                code,
                name: command.code_name,
                message: without_values(&command.message),
                source: Some(source),
            },
        }
    }
}

/// Whether the driver could not read a reply, or it replies to another command.
fn is_malformed(kind: &ErrorKind) -> bool {
    use bson::error::ErrorKind as Fault;
    match kind {
        ErrorKind::InvalidResponse { .. }
        | ErrorKind::BsonDeserialization(_)
        | ErrorKind::Custom(_) => true,
        // An impossible length.
        ErrorKind::InvalidArgument { message, .. } => {
            message.contains("checked arithmetic") || message.contains("integral type conversion")
        }
        // A command that cannot be encoded was never sent.
        ErrorKind::Bson(error) => !matches!(error.kind, Fault::Serialization { .. }),
        _ => false,
    }
}
