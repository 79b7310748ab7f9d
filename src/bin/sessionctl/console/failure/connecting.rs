//! Hints about unusable connection strings, and about TLS failures.

use sessionctl::error::{TlsFault, UriFault};

pub(super) fn uri(fault: &UriFault) -> Option<String> {
    Some(match fault {
        UriFault::Form(_) => {
            "write mongodb://HOST:PORT/DATABASE, with USER:PASSWORD@ before HOST if a login is required"
                .to_owned()
        }
        UriFault::Encoding => {
            "write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23 and % as %25".to_owned()
        }
        UriFault::UnknownOption { similar: Some(similar), .. } => format!("did you mean {similar}?"),
        UriFault::OtherName { here: "tlsCertificateKeyFile", .. } => {
            "write tlsCertificateKeyFile=FILE, with the certificate and its private key in one file"
                .to_owned()
        }
        UriFault::NotBuiltIn(what) if what.starts_with("authMechanism") => {
            "log in with a password (SCRAM) or a client certificate (MONGODB-X509)".to_owned()
        }
        UriFault::NotBuiltIn("tlsCertificateKeyFilePassword") | UriFault::EncryptedKey { .. } => {
            "decrypt the private key: openssl pkey -in FILE -out NEW".to_owned()
        }
        _ => return None,
    })
}

pub(super) fn tls(fault: &TlsFault) -> Option<String> {
    Some(match fault {
        TlsFault::Unsupported => {
            "remove tls=true and the other TLS options; with mongodb+srv, add tls=false".to_owned()
        }
        TlsFault::Required => {
            "add tls=true to the connection string, and tlsCAFile=FILE if a private authority \
             signed the certificate"
                .to_owned()
        }
        TlsFault::UnknownAuthority { trusted: Some(_) } => {
            "put the certificate of the server's authority into that file".to_owned()
        }
        TlsFault::UnknownAuthority { trusted: None } => {
            "add tlsCAFile=FILE, with the certificate of the server's authority, to the connection string"
                .to_owned()
        }
        TlsFault::OtherHost { names } if !names.is_empty() => {
            "connect to the server by a name in its certificate".to_owned()
        }
        TlsFault::Closed { with_certificate: false } => {
            "if the server requires one, add tlsCertificateKeyFile=FILE to the connection string"
                .to_owned()
        }
        TlsFault::Closed { with_certificate: true } | TlsFault::Refused(_) => {
            "the log of the server shows the reason".to_owned()
        }
        _ => return None,
    })
}
