use bson::doc;
use mongodb::options::TlsOptions;

use super::*;

fn heartbeats(set: Option<&str>, tls: bool) -> Heartbeats {
    let mut options = ClientOptions::default();
    options.repl_set_name = set.map(str::to_owned);
    options.tls = tls.then(|| Tls::Enabled(TlsOptions::default()));
    Heartbeats::listen(&mut options, Known::default(), Flavour::default())
}

fn at(address: &str) -> ServerAddress {
    ServerAddress::parse(address).unwrap()
}

/// Errors of reading and TLS, as the driver passes them on.
fn failing(error: io::Error) -> mongodb::error::Error {
    mongodb::error::Error::from(error)
}

fn tls(error: rustls::Error) -> mongodb::error::Error {
    failing(io::Error::new(io::ErrorKind::InvalidData, error))
}

fn silence(why: &str) -> Option<Obstacle> {
    Some(Obstacle::Silence(why.to_owned()))
}

#[test]
fn a_fault_of_tls_is_read_from_what_the_driver_hands_on() {
    use rustls::Error::{AlertReceived, InvalidCertificate};
    let said = |error| {
        let heartbeats = heartbeats(None, true);
        heartbeats.failed(&at("db:1"), &tls(error));
        match heartbeats.obstacle("db:1") {
            Some(Obstacle::Tls { address, fault }) => fault.of(&address),
            other => panic!("{other:?}"),
        }
    };
    let expired = InvalidCertificate(CertificateError::Expired);
    assert_eq!(said(expired), "the certificate of db:1 has expired");
    let early = InvalidCertificate(CertificateError::NotValidYet);
    assert_eq!(said(early), "the certificate of db:1 is not valid yet");
    let purpose = InvalidCertificate(CertificateError::InvalidPurpose);
    let why = "its extended key usage does not include server authentication";
    assert_eq!(said(purpose), format!("the certificate of db:1 is not usable: {why}"));
    let alert = AlertReceived(AlertDescription::CertificateRequired);
    let why = "it requires a client certificate";
    assert_eq!(said(alert), format!("db:1 rejected the TLS handshake: {why}"));
    let nameless = InvalidCertificate(CertificateError::NotValidForNameContext {
        expected: rustls::pki_types::ServerName::try_from("db").unwrap(),
        presented: Vec::new(),
    });
    assert_eq!(said(nameless), "the certificate of db:1 names no host (it has no subjectAltName)");
}

#[test]
fn a_closed_connection_is_explained_by_what_the_server_speaks() {
    let closed = || failing(io::ErrorKind::UnexpectedEof.into());
    for (asks_for_tls, speaks_other, fault) in [
        (false, Some(true), Some(TlsFault::Required)),
        (false, Some(false), None),
        (false, None, None),
        (true, Some(true), Some(TlsFault::Unsupported)),
        (true, Some(false), Some(TlsFault::Closed { with_certificate: false })),
        (true, None, None),
    ] {
        let heartbeats = heartbeats(None, asks_for_tls);
        heartbeats.failed(&at("db:1"), &closed());
        heartbeats.seen().speaks_other.insert("db:1".to_owned(), speaks_other);
        let address = "db:1".to_owned();
        let wanted = match fault {
            Some(fault) => Some(Obstacle::Tls { address, fault }),
            None => silence("the server closed the connection"),
        };
        assert_eq!(heartbeats.obstacle("db:1"), wanted, "{asks_for_tls} {speaks_other:?}");
    }
}

#[test]
fn a_server_that_answers_again_is_no_obstacle() {
    let heartbeats = heartbeats(None, true);
    heartbeats.failed(&at("db:1"), &tls(rustls::Error::DecryptError));
    assert!(heartbeats.obstacle("db:1").is_some());
    heartbeats.answered(&at("db:1"), &doc! { "isWritablePrimary": true });
    assert_eq!(heartbeats.obstacle("db:1"), None);
}

#[test]
fn another_set_counts_only_where_no_member_is_of_the_right_one() {
    let heartbeats = heartbeats(Some("shop"), false);
    heartbeats.answered(&at("a:1"), &doc! { "setName": "blog", "secondary": true });
    heartbeats.left(&at("a:1"));
    let other = |found: Option<&str>| {
        let (address, wanted) = ("a:1".to_owned(), "shop".to_owned());
        Some(Obstacle::OtherSet { address, wanted, found: found.map(str::to_owned) })
    };
    assert_eq!(heartbeats.obstacle("a:1,b:1"), other(Some("blog")));
    heartbeats.answered(&at("a:1"), &doc! { "isWritablePrimary": true });
    assert_eq!(heartbeats.obstacle("a:1,b:1"), other(None));
    heartbeats.answered(&at("b:1"), &doc! { "setName": "shop", "secondary": true });
    assert_eq!(heartbeats.obstacle("a:1,b:1"), Some(Obstacle::NoPrimary));
}

#[test]
fn reasons_name_the_server_where_they_differ_or_the_string_does_not() {
    let refused = || failing(io::ErrorKind::ConnectionRefused.into());
    let heartbeats = heartbeats(Some("shop"), false);
    assert_eq!(heartbeats.obstacle("a:1,b:1"), None);
    heartbeats.failed(&at("a:1"), &refused());
    assert_eq!(heartbeats.obstacle("a:1"), silence("connection refused"));
    heartbeats.failed(&at("b:1"), &refused());
    assert_eq!(heartbeats.obstacle("b:1,a:1"), silence("connection refused"));
    heartbeats.failed(&at("b:1"), &failing(io::ErrorKind::TimedOut.into()));
    assert_eq!(heartbeats.obstacle("b:1,a:1"), silence("a:1: connection refused"));
    heartbeats.left(&at("a:1"));
    // The members have other names for each other.
    assert_eq!(heartbeats.obstacle("seed:1"), silence("b:1: timed out"));
}
