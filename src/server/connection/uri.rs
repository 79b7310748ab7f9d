//! What a connection string asks for, where the driver says too little: options that other drivers
//! take and this one refuses are left out, and the fault of a string that cannot be used is named.
//!
//! The driver stays the one that parses. What is read here is only the names and values of options.

use std::borrow::Cow;
use std::path::Path;

use mongodb::error::ErrorKind;
use mongodb::options::{Acknowledgment, AuthMechanism, ClientOptions, Tls};

use crate::error::{Error, UriFault, reason};

mod options;

pub use options::IgnoredOption;
use options::{HARMLESS, KNOWN, OTHER_NAMES};

/// The string without options that have no effect here, and those options. A string without any is
/// what it was.
pub(super) fn readable(uri: &str) -> (Cow<'_, str>, Vec<IgnoredOption>) {
    let mut ignored = Vec::new();
    let Some((before, query)) = split(uri) else { return (Cow::Borrowed(uri), ignored) };
    let is_kept = |pair: &&str| {
        let harmless = HARMLESS.iter().find(|harmless| is_harmless(pair, harmless.option));
        ignored.extend(harmless.copied());
        harmless.is_none()
    };
    let kept: Vec<_> = query.split('&').filter(is_kept).collect();
    match (ignored.is_empty(), kept.is_empty()) {
        (true, _) => (Cow::Borrowed(uri), ignored),
        (false, true) => (Cow::Owned(before.to_owned()), ignored),
        (false, false) => (Cow::Owned(format!("{before}?{}", kept.join("&"))), ignored),
    }
}

/// `harmless` is the name of an option, or a name and a value.
fn is_harmless(pair: &str, harmless: &str) -> bool {
    let Some((name, value)) = pair.split_once('=') else { return false };
    match harmless.split_once('=') {
        Some(only) => name.eq_ignore_ascii_case(only.0) && value.eq_ignore_ascii_case(only.1),
        None => name.eq_ignore_ascii_case(harmless),
    }
}

/// What stands before the options, and the options.
fn split(uri: &str) -> Option<(&str, &str)> {
    let start = uri.find("://")? + "://".len();
    let mark = start + uri[start..].find('?')?;
    Some((&uri[..mark], &uri[mark + 1..]))
}

/// Changes what the driver makes of a string where it is wrong about it.
pub(super) fn corrected(
    asked: &mut ClientOptions,
    ignored: &mut Vec<IgnoredOption>,
) -> Result<(), Error> {
    if let Some(concern) = &mut asked.write_concern
        && concern.w == Some(Acknowledgment::Nodes(0))
    {
        // The driver refuses to read with it. Writes name a write concern of their own.
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
                "authMechanism=MONGODB-X509 needs a client certificate, tlsCertificateKeyFile";
            Err(Error::Uri(UriFault::Contradiction(what)))
        }
        Some(AuthMechanism::MongoDbX509) => {
            // Driver 3.9.1 sends it as `username`, which servers refuse. Without it they take the
            // subject of the certificate, which is the only user that may log in with it.
            login.username = None;
            Ok(())
        }
        // The driver finds this out only when it logs in.
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

/// The driver names neither the option nor, for most faults, the file, and takes a file of
/// authorities without any for one that trusts nobody.
fn check_files(options: &ClientOptions) -> Result<(), UriFault> {
    let Some(Tls::Enabled(tls)) = &options.tls else { return Ok(()) };
    if let Some(path) = &tls.ca_file_path {
        let text = pem("tlsCAFile", path)?;
        if !has(&text, "CERTIFICATE") {
            return Err(file("tlsCAFile", path, "holds no certificate in PEM format"));
        }
    }
    if let Some(path) = &tls.cert_key_file_path {
        let text = pem(KEY_FILE, path)?;
        if has(&text, "ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(UriFault::EncryptedKey { path: path.clone() });
        }
        if !has(&text, "CERTIFICATE") {
            return Err(file(KEY_FILE, path, "holds no certificate in PEM format"));
        }
        if !["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"].iter().any(|key| has(&text, key)) {
            return Err(file(KEY_FILE, path, "holds no private key in PEM format"));
        }
    }
    Ok(())
}

const KEY_FILE: &str = "tlsCertificateKeyFile";

fn pem(option: &'static str, path: &Path) -> Result<String, UriFault> {
    // A pipe would block, and the driver reads the file once more.
    if path.exists() && !path.is_file() {
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

/// Why the driver makes no client of what it has parsed.
pub(super) fn client_fault(tls: Option<&Tls>, error: &mongodb::error::Error) -> UriFault {
    let said = error.to_string();
    match (error.kind.as_ref(), tls) {
        (ErrorKind::InvalidTlsConfig { .. }, Some(Tls::Enabled(tls))) => {
            let what = if said.contains("KeyMismatch") {
                "holds a private key that does not belong to its certificate"
            } else if said.contains("UnsupportedCertVersion") {
                "holds a certificate of X.509 version 1, and version 3 is needed"
            } else {
                "holds a certificate or a private key that cannot be used"
            };
            match (&tls.cert_key_file_path, &tls.ca_file_path) {
                (Some(path), _) => file(KEY_FILE, path, what),
                (None, Some(path)) => file("tlsCAFile", path, "cannot be used"),
                (None, None) => UriFault::Form("its TLS options cannot be used"),
            }
        }
        _ => said_by_driver(&said).unwrap_or(UriFault::Form(FORM)),
    }
}

const FORM: &str = "it is not of the form mongodb://HOST:PORT/DATABASE?OPTIONS";

/// Why the driver cannot parse a string. Its message may repeat parts of the string, so it is only
/// looked at.
pub(super) fn unparsed(uri: &str, error: mongodb::error::Error) -> Error {
    let said = error.to_string();
    match error.kind.as_ref() {
        // That may pass.
        ErrorKind::DnsResolve { .. } => Error::Driver { what: lookup(uri, &said), source: error },
        _ => Error::Uri(fault(uri, &said)),
    }
}

fn fault(uri: &str, said: &str) -> UriFault {
    if !uri.starts_with("mongodb://") && !uri.starts_with("mongodb+srv://") {
        return UriFault::Form("it begins with neither mongodb:// nor mongodb+srv://");
    }
    let query = split(uri).map(|(_, query)| query);
    match said_by_driver(said) {
        // A ? in a password looks like the end of the hosts.
        Some(UriFault::Form(_))
            if query.is_some_and(|query| query.contains('@'))
                && !split(uri).is_some_and(|(before, _)| before.contains('@')) =>
        {
            UriFault::Encoding
        }
        Some(fault) => fault,
        None => query.and_then(|query| option_fault(query, said)).unwrap_or(UriFault::Form(FORM)),
    }
}

/// A `mongodb+srv` string is well-formed when its name is looked up, so the host is no secret.
fn lookup(uri: &str, said: &str) -> String {
    let host = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let host = host.split(['/', '?']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    if said.contains("does not match domain name") {
        format!("an SRV record of {host} names a server outside of its domain")
    } else if said.contains("TXT") {
        format!("the TXT record of {host} cannot be used")
    } else {
        format!("the SRV records of _mongodb._tcp.{host} cannot be looked up")
    }
}

fn said_by_driver(said: &str) -> Option<UriFault> {
    let known = options::SAID.iter().find(|(words, _)| said.contains(words));
    known.map(|(_, fault)| fault.clone())
}

/// The first option that is at fault.
fn option_fault(query: &str, said: &str) -> Option<UriFault> {
    let mut seen: Vec<String> = Vec::new();
    for pair in query.split('&') {
        let Some((name, value)) = pair.split_once('=') else {
            return Some(UriFault::Form("an option in it is not of the form name=value"));
        };
        let lower = name.to_ascii_lowercase();
        if let Some((name, here)) = OTHER_NAMES.iter().find(|(other, _)| is_same(other, name)) {
            return Some(UriFault::OtherName { name, here });
        }
        let Some(known) = KNOWN.iter().find(|known| is_same(known.name, name)) else {
            return Some(unknown(query, name, said));
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

/// A name is shown only where it cannot be a part of a password: options are all letters, and a
/// password that is not percent-encoded makes options of what follows a `&` in it.
fn unknown(query: &str, name: &str, said: &str) -> UriFault {
    const LONGEST: usize = 40;
    let lower = query.to_ascii_lowercase();
    let is_shown = (1..=LONGEST).contains(&name.len())
        && name.bytes().all(|letter| letter.is_ascii_alphabetic())
        && !["password", "token", "@"].iter().any(|secret| lower.contains(secret));
    // The driver knows what it resembles, and writes that in small letters.
    let similar = said.rsplit_once("similar name exists: ").map(|(_, name)| name);
    let similar = similar.and_then(|similar| {
        let similar = similar.split(',').next().unwrap_or_default();
        KNOWN.iter().find(|known| is_same(known.name, similar)).map(|known| known.name)
    });
    UriFault::UnknownOption {
        name: is_shown.then(|| name.to_owned()),
        similar: similar.filter(|_| is_shown),
    }
}

/// Percent-decoded, as the driver does.
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
