//! Why a connection cannot be made: the fault of a connection string, and of a server's TLS.
//!
//! No message repeats a value of the connection string, other than the path of a file.

use std::path::PathBuf;

/// Why a connection string cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriFault {
    /// It does not have the form of a connection string.
    #[error("{0}")]
    Form(&'static str),
    /// A user name or a password has characters that must be percent-encoded.
    #[error("a user name or password in it has characters that must be percent-encoded")]
    Encoding,
    /// No such option.
    #[error("it has an unknown option{}", .name.as_ref().map(|name| format!(", {name}")).unwrap_or_default())]
    UnknownOption {
        /// Its name, unless that may be a part of a password.
        name: Option<String>,
        /// An option with a similar name.
        similar: Option<&'static str>,
    },
    /// Another driver's name of an option.
    #[error("its option {name} is called {here} here")]
    OtherName {
        /// What another driver calls it.
        name: &'static str,
        /// What it is called here.
        here: &'static str,
    },
    /// An option has a value that it does not take.
    #[error("its option {option} takes {takes}")]
    Value {
        /// The option.
        option: &'static str,
        /// The values that it takes, in words.
        takes: &'static str,
    },
    /// An option is given more than once.
    #[error("its option {0} is given more than once")]
    Repeated(&'static str),
    /// An option asks for what this build does not include.
    #[error("{0} is not built in")]
    NotBuiltIn(&'static str),
    /// Parts of it contradict each other.
    #[error("{0}")]
    Contradiction(&'static str),
    /// The file that an option names cannot be used.
    #[error("the {option} {} {what}", .path.display())]
    File {
        /// The option.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it, such as `holds no certificate`.
        what: String,
    },
    /// The private key is encrypted, and none can be decrypted here.
    #[error("the private key in the tlsCertificateKeyFile {} is encrypted, and decrypting it is not built in", .path.display())]
    EncryptedKey {
        /// The file.
        path: PathBuf,
    },
}

/// What keeps TLS from working with a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFault {
    /// The connection string asks for TLS, and the server does not speak it.
    Unsupported,
    /// The server speaks nothing but TLS, and the connection string does not ask for it.
    Required,
    /// No authority that is trusted has signed the server's certificate.
    UnknownAuthority {
        /// The file of trusted authorities; without one, the public ones are trusted.
        trusted: Option<PathBuf>,
    },
    /// The certificate is for other hosts.
    OtherHost {
        /// The hosts that it is for.
        names: Vec<String>,
    },
    /// The certificate has expired.
    Expired,
    /// The certificate is not valid yet.
    NotYetValid,
    /// The certificate cannot be used for another reason.
    Certificate(String),
    /// The server ends the connection without a reason.
    Closed {
        /// Whether the connection string names a client certificate.
        with_certificate: bool,
    },
    /// The server refuses the handshake, for this reason.
    Refused(String),
    /// The handshake fails for another reason.
    Handshake(String),
}

impl TlsFault {
    /// As a sentence about the server at `address`.
    pub(crate) fn of(&self, address: &str) -> String {
        let certificate = format!("the certificate of {address}");
        match self {
            Self::Unsupported => {
                format!("the connection string asks for TLS, which {address} does not use")
            }
            Self::Required => {
                format!("{address} requires TLS, which the connection string does not ask for")
            }
            Self::UnknownAuthority { trusted: Some(file) } => {
                format!("{certificate} is not signed by an authority in {}", file.display())
            }
            Self::UnknownAuthority { trusted: None } => {
                format!("{certificate} is not signed by a public authority")
            }
            Self::OtherHost { names } if names.is_empty() => {
                format!("{certificate} names no host (it has no subjectAltName)")
            }
            Self::OtherHost { names } => {
                format!("{certificate} is for another host: {}", names.join(", "))
            }
            Self::Expired => format!("{certificate} has expired"),
            Self::NotYetValid => format!("{certificate} is not valid yet"),
            Self::Certificate(why) => format!("{certificate} cannot be used: {why}"),
            Self::Closed { with_certificate: false } => {
                format!("{address} closes the TLS connection, and no client certificate is given")
            }
            Self::Closed { with_certificate: true } => {
                format!("{address} closes the TLS connection in spite of the client certificate")
            }
            Self::Refused(why) => format!("{address} refuses the TLS handshake: {why}"),
            Self::Handshake(why) => format!("the TLS handshake with {address} fails: {why}"),
        }
    }
}
