//! Connection strings where the driver's handling falls short: options of other drivers that it
//! rejects are removed, and errors name what is wrong.
//!
//! The driver does the parsing. This module only reads the names and values of options.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use mongodb::error::ErrorKind;
use mongodb::options::{Acknowledgment, AuthMechanism, ClientOptions, Tls};

use crate::error::{Error, UriFault, reason};

mod options;

pub use options::IgnoredOption;
use options::{HARMLESS, KNOWN, OTHER_NAMES, SOCKET_TIMEOUT};

/// The string without the options that the driver does not accept, and those that have no effect. A
/// string without such options is unchanged.
pub(super) fn readable(uri: &str) -> (Cow<'_, str>, Vec<IgnoredOption>) {
    let mut ignored = Vec::new();
    let Some((before, query)) = split(uri) else { return (Cow::Borrowed(uri), ignored) };
    let is_kept = |pair: &&str| {
        if is_harmless(pair, SOCKET_TIMEOUT.name) {
            return false;
        }
        let harmless = HARMLESS.iter().find(|harmless| is_harmless(pair, harmless.option));
        ignored.extend(harmless.copied());
        harmless.is_none()
    };
    let kept: Vec<_> = query.split('&').filter(is_kept).collect();
    match (kept.len() == query.split('&').count(), kept.is_empty()) {
        (true, _) => (Cow::Borrowed(uri), ignored),
        (false, true) => (Cow::Owned(before.to_owned()), ignored),
        (false, false) => (Cow::Owned(format!("{before}?{}", kept.join("&"))), ignored),
    }
}

/// The `socketTimeoutMS` of the string, if it has one. The driver does not know this option.
pub(super) fn socket_timeout(uri: &str) -> Result<Option<Duration>, UriFault> {
    let pairs = split(uri).into_iter().flat_map(|(_, query)| query.split('&'));
    let mut given = pairs.filter(|pair| is_harmless(pair, SOCKET_TIMEOUT.name));
    let Some((_, value)) = given.next().and_then(|pair| pair.split_once('=')) else {
        return Ok(None);
    };
    if given.next().is_some() {
        return Err(UriFault::Repeated(SOCKET_TIMEOUT.name));
    }
    match (SOCKET_TIMEOUT.fault(value), value.parse()) {
        (Some(fault), _) => Err(fault),
        // With 0, other drivers wait forever.
        (None, Ok(0) | Err(_)) => Ok(None),
        (None, Ok(millis)) => Ok(Some(Duration::from_millis(millis))),
    }
}

/// `harmless` is the name of an option, or `name=value`.
fn is_harmless(pair: &str, harmless: &str) -> bool {
    let Some((name, value)) = pair.split_once('=') else { return false };
    match harmless.split_once('=') {
        Some(only) => name.eq_ignore_ascii_case(only.0) && value.eq_ignore_ascii_case(only.1),
        None => name.eq_ignore_ascii_case(harmless),
    }
}

/// What precedes the options, and the options.
fn split(uri: &str) -> Option<(&str, &str)> {
    let start = uri.find("://")? + "://".len();
    let mark = start + uri[start..].find('?')?;
    Some((&uri[..mark], &uri[mark + 1..]))
}

/// Corrects the options where the driver parses them wrongly.
pub(super) fn corrected(
    asked: &mut ClientOptions,
    ignored: &mut Vec<IgnoredOption>,
) -> Result<(), Error> {
    if let Some(concern) = &mut asked.write_concern
        && concern.w == Some(Acknowledgment::Nodes(0))
    {
        // The driver refuses to read with w=0. Without it, writes that set no write concern of their
        // own use the server's default.
        concern.w = None;
        ignored.push(IgnoredOption { option: "w=0", reason: options::MAJORITY });
    }
    check_files(asked).map_err(Error::Uri)?;
    let has_certificate =
        matches!(&asked.tls, Some(Tls::Enabled(tls)) if tls.cert_key_file_path.is_some());
    let Some(login) = &mut asked.credential else { return Ok(()) };
    match login.mechanism {
        Some(AuthMechanism::MongoDbX509) if !has_certificate => {
            let what =
                "authMechanism=MONGODB-X509 requires a client certificate (tlsCertificateKeyFile)";
            Err(Error::Uri(UriFault::Contradiction(what)))
        }
        Some(AuthMechanism::MongoDbX509) => {
            // Driver 3.9.1 sends it as `username`, which servers reject. Without it, they use the
            // subject of the certificate, which is the only user that may log in with it.
            login.username = None;
            Ok(())
        }
        // The driver notices this only when it logs in.
        Some(AuthMechanism::MongoDbCr) => {
            Err(Error::Uri(UriFault::NotBuiltIn("authMechanism=MONGODB-CR")))
        }
        Some(AuthMechanism::MongoDbOidc) => {
            let environment = login.mechanism_properties.as_ref();
            match environment.and_then(|properties| properties.get_str("ENVIRONMENT").ok()) {
                Some("k8s" | "test") => Ok(()),
                _ => Err(Error::Uri(UriFault::NotBuiltIn(
                    "authMechanism=MONGODB-OIDC outside of Kubernetes (ENVIRONMENT:k8s)",
                ))),
            }
        }
        _ => Ok(()),
    }
}

/// Checks the TLS files. The driver's errors name neither the option nor, mostly, the file, and it
/// accepts a CA file without certificates, which trusts nobody.
fn check_files(options: &ClientOptions) -> Result<(), UriFault> {
    let Some(Tls::Enabled(tls)) = &options.tls else { return Ok(()) };
    if let Some(path) = &tls.ca_file_path {
        let text = pem("tlsCAFile", path)?;
        if !has(&text, "CERTIFICATE") {
            return Err(file("tlsCAFile", path, "contains no PEM certificate"));
        }
    }
    if let Some(path) = &tls.cert_key_file_path {
        let text = pem(KEY_FILE, path)?;
        if has(&text, "ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(UriFault::EncryptedKey { path: path.clone() });
        }
        if !has(&text, "CERTIFICATE") {
            return Err(file(KEY_FILE, path, "contains no PEM certificate"));
        }
        if !["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"].iter().any(|key| has(&text, key)) {
            return Err(file(KEY_FILE, path, "contains no PEM private key"));
        }
    }
    Ok(())
}

const KEY_FILE: &str = "tlsCertificateKeyFile";

fn pem(option: &'static str, path: &Path) -> Result<String, UriFault> {
    // A pipe would block, and the driver reads the file once more.
    if path.exists() && !path.is_file() && !path.is_dir() {
        return Err(file(option, path, "is not a regular file"));
    }
    match std::fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => Err(file(option, path, format!("cannot be read: {}", reason(&error)))),
    }
}

fn has(pem: &str, label: &str) -> bool {
    pem.contains(&format!("-----BEGIN {label}-----"))
}

fn file(option: &'static str, path: &Path, what: impl Into<String>) -> UriFault {
    UriFault::File { option, path: path.to_owned(), what: what.into() }
}

/// Why the driver cannot create a client from the parsed options.
pub(super) fn client_fault(tls: Option<&Tls>, error: &mongodb::error::Error) -> UriFault {
    let message = error.to_string();
    match (error.kind.as_ref(), tls) {
        (ErrorKind::InvalidTlsConfig { .. }, Some(Tls::Enabled(tls))) => {
            let what = if message.contains("KeyMismatch") {
                "contains a private key that does not match its certificate"
            } else if message.contains("UnsupportedCertVersion") {
                "contains an X.509 version 1 certificate, but version 3 is required"
            } else {
                "contains an unusable certificate or private key"
            };
            match (&tls.cert_key_file_path, &tls.ca_file_path) {
                (Some(path), _) => file(KEY_FILE, path, what),
                (None, Some(path)) => file("tlsCAFile", path, "is unusable"),
                (None, None) => UriFault::Form("the TLS options are unusable"),
            }
        }
        _ => from_driver(&message).unwrap_or(UriFault::Form(FORM)),
    }
}

const FORM: &str = "expected mongodb://HOST:PORT/DATABASE?OPTIONS";

/// Why the driver cannot parse a string. Its message may repeat parts of the string, so it is only
/// inspected, never shown.
pub(super) fn unparsed(uri: &str, error: mongodb::error::Error) -> Error {
    let message = error.to_string();
    match error.kind.as_ref() {
        // A DNS failure may be temporary.
        ErrorKind::DnsResolve { .. } => {
            Error::Driver { what: lookup(uri, &message), source: error }
        }
        _ => Error::Uri(fault(uri, &message)),
    }
}

fn fault(uri: &str, message: &str) -> UriFault {
    if !uri.starts_with("mongodb://") && !uri.starts_with("mongodb+srv://") {
        return UriFault::Form("it must begin with mongodb:// or mongodb+srv://");
    }
    let query = split(uri).map(|(_, query)| query);
    match from_driver(message) {
        // A ? in a password looks like the start of the options.
        Some(UriFault::Form(_))
            if query.is_some_and(|query| query.contains('@'))
                && !split(uri).is_some_and(|(before, _)| before.contains('@')) =>
        {
            UriFault::Encoding
        }
        Some(fault) => fault,
        None => {
            query.and_then(|query| option_fault(query, message)).unwrap_or(UriFault::Form(FORM))
        }
    }
}

/// A `mongodb+srv` string is well-formed when its name is looked up, so the host is not secret.
fn lookup(uri: &str, message: &str) -> String {
    let host = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let host = host.split(['/', '?']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    if message.contains("does not match domain name") {
        format!("an SRV record of {host} names a server outside its domain")
    } else if message.contains("TXT") {
        format!("the TXT record of {host} is invalid")
    } else {
        format!("the SRV records of _mongodb._tcp.{host} cannot be looked up")
    }
}

fn from_driver(message: &str) -> Option<UriFault> {
    let known = options::DRIVER_FAULTS.iter().find(|(words, _)| message.contains(words));
    known.map(|(_, fault)| fault.clone())
}

/// The first option with an error.
fn option_fault(query: &str, message: &str) -> Option<UriFault> {
    let mut seen: Vec<String> = Vec::new();
    for pair in query.split('&') {
        let Some((name, value)) = pair.split_once('=') else {
            return Some(UriFault::Form("an option is not of the form name=value"));
        };
        let lower = name.to_ascii_lowercase();
        if let Some((name, here)) = OTHER_NAMES.iter().find(|(other, _)| is_same(other, name)) {
            return Some(UriFault::OtherName { name, here });
        }
        let Some(known) = KNOWN.iter().find(|known| is_same(known.name, name)) else {
            return Some(unknown(query, name, message));
        };
        if seen.contains(&lower) && known.name != "readPreferenceTags" {
            return Some(UriFault::Repeated(known.name));
        }
        seen.push(lower);
        if let Some(fault) = known.fault(&decoded(value)) {
            return Some(fault);
        }
    }
    None
}

fn is_same(known: &str, name: &str) -> bool {
    known.eq_ignore_ascii_case(name)
}

/// A name is shown only if it cannot be part of a password: options consist of letters, and an
/// unencoded password with a `&` makes options of what follows.
fn unknown(query: &str, name: &str, message: &str) -> UriFault {
    const LONGEST: usize = 40;
    let lower = query.to_ascii_lowercase();
    let is_shown = (1..=LONGEST).contains(&name.len())
        && name.bytes().all(|letter| letter.is_ascii_alphabetic())
        && !["password", "token", "@"].iter().any(|secret| lower.contains(secret));
    // The driver names a similar option, in lower case.
    let similar = message.rsplit_once("similar name exists: ").map(|(_, name)| name);
    let similar = similar.and_then(|similar| {
        let similar = similar.split(',').next().unwrap_or_default();
        KNOWN.iter().find(|known| is_same(known.name, similar)).map(|known| known.name)
    });
    UriFault::UnknownOption {
        name: is_shown.then(|| name.to_owned()),
        similar: similar.filter(|_| is_shown),
    }
}

/// Percent-decodes like the driver.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                digit(*high).zip(digit(*low)).map(|(high, low)| (high * 16 + low, after))
            }
            _ => None,
        };
        let (byte, after) = escaped.unwrap_or((*first, tail));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digit(letter: u8) -> Option<u8> {
    char::from(letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests;
