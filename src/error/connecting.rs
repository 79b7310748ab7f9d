//! Why a connection failed: an invalid connection string, or TLS.
//!
//! Messages repeat no value of the connection string, except file paths.

use std::path::PathBuf;

/// Why a connection string is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriFault {
    /// The string is not a well-formed connection string.
    #[error("{0}")]
    Form(&'static str),
    /// The user name or password has characters that must be percent-encoded.
    #[error("the user name or password has characters that must be percent-encoded")]
    Encoding,
    /// There is no such option.
    #[error("unknown option{}", .name.as_ref().map(|name| format!(" {name}")).unwrap_or_default())]
    UnknownOption {
        /// The name, unless it may be part of a password.
        name: Option<String>,
        /// An option with a similar name.
        similar: Option<&'static str>,
    },
    /// An option under the name that another driver uses.
    #[error("unsupported option {name}: use {here} instead")]
    OtherName {
        /// The name that the other driver uses.
        name: &'static str,
        /// The name here.
        here: &'static str,
    },
    /// An option has an invalid value.
    #[error("option {option} must be {takes}")]
    Value {
        /// The option.
        option: &'static str,
        /// The valid values, in words.
        takes: &'static str,
    },
    /// An option is given more than once.
    #[error("option {0} is given more than once")]
    Repeated(&'static str),
    /// An option requires a feature that this build lacks.
    #[error("{0} is not supported by this build")]
    NotBuiltIn(&'static str),
    /// Options contradict each other.
    #[error("{0}")]
    Contradiction(&'static str),
    /// The file that an option names is unusable.
    #[error("{option} {} {what}", .path.display())]
    File {
        /// The option.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it, such as `contains no PEM certificate`.
        what: String,
    },
    /// The private key is encrypted, and this build cannot decrypt it.
    #[error("the private key in tlsCertificateKeyFile {} is encrypted, which this build does not support", .path.display())]
    EncryptedKey {
        /// The file.
        path: PathBuf,
    },
}

/// Why TLS failed with a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFault {
    /// The connection string enables TLS, but the server does not use it.
    Unsupported,
    /// The server requires TLS, but the connection string does not enable it.
    Required,
    /// The server's certificate is not signed by a trusted authority.
    UnknownAuthority {
        /// The file of trusted authorities. Without one, the public authorities are trusted.
        trusted: Option<PathBuf>,
    },
    /// The certificate is for other hosts.
    OtherHost {
        /// The hosts that it is valid for.
        names: Vec<String>,
    },
    /// The certificate has expired.
    Expired,
    /// The certificate is not valid yet.
    NotYetValid,
    /// The certificate is invalid for another reason.
    Certificate(String),
    /// The server closed the connection without a reason.
    Closed {
        /// Whether the connection string names a client certificate.
        with_certificate: bool,
    },
    /// The server rejected the handshake, for this reason.
    Refused(String),
    /// The handshake failed for another reason.
    Handshake(String),
}

impl TlsFault {
    /// A sentence about the server at `address`.
    pub(crate) fn of(&self, address: &str) -> String {
        let certificate = format!("the certificate of {address}");
        match self {
            Self::Unsupported => {
                format!("the connection string enables TLS, but {address} does not use it")
            }
            Self::Required => {
                format!("{address} requires TLS, but the connection string does not enable it")
            }
            Self::UnknownAuthority { trusted: Some(file) } => {
                format!(
                    "{certificate} is not signed by a certificate authority in {}",
                    file.display()
                )
            }
            Self::UnknownAuthority { trusted: None } => {
                format!("{certificate} is not signed by a public certificate authority")
            }
            Self::OtherHost { names } if names.is_empty() => {
                format!("{certificate} names no host (it has no subjectAltName)")
            }
            Self::OtherHost { names } => {
                format!("{certificate} is for another host: {}", names.join(", "))
            }
            Self::Expired => format!("{certificate} has expired"),
            Self::NotYetValid => format!("{certificate} is not valid yet"),
            Self::Certificate(why) => format!("{certificate} is not usable: {why}"),
            Self::Closed { with_certificate: false } => {
                format!("{address} closed the TLS connection, and no client certificate was given")
            }
            Self::Closed { with_certificate: true } => {
                format!("{address} closed the TLS connection despite the client certificate")
            }
            Self::Refused(why) => format!("{address} rejected the TLS handshake: {why}"),
            Self::Handshake(why) => format!("the TLS handshake with {address} failed: {why}"),
        }
    }
}
