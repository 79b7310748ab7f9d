//! The results of the driver's heartbeats, by server. When no server can be selected, the driver
//! gives its reasons only as text; this module keeps the reasons themselves.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bson::Document;
use mongodb::error::ErrorKind;
use mongodb::event::EventHandler;
use mongodb::event::sdam::SdamEvent;
use mongodb::options::{ClientOptions, ServerAddress, Tls};
use rustls::{AlertDescription, CertificateError};

use super::logical::Known;
use super::probe::{Protocol, speaks};
use crate::error::{TlsFault, reason};
use crate::server::flavour::Flavour;
use crate::server::scene::Obstacle;

/// How often to check whether a host has answered.
const GLANCE: Duration = Duration::from_millis(10);

/// The result of the last heartbeat of each server.
#[derive(Debug, Clone)]
pub(super) struct Heartbeats {
    asked: Arc<Asked>,
    seen: Arc<Mutex<Seen>>,
}

/// What the connection string requests.
#[derive(Debug)]
struct Asked {
    set: Option<String>,
    tls: bool,
    authorities: Option<PathBuf>,
    with_certificate: bool,
}

#[derive(Debug, Default)]
struct Seen {
    servers: BTreeMap<String, Server>,
    /// Whether a server that closes the connection speaks the other protocol: TLS if the connection
    /// string does not enable it, else plain.
    speaks_other: HashMap<String, Option<bool>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Server {
    Answered { set: Option<String>, is_member: bool },
    Failed(Failure),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Failure {
    Tls(TlsFault),
    /// The connection was closed without an answer.
    Closed,
    /// The answer belongs to another protocol.
    Foreign,
    Silent(Option<String>),
}

impl Heartbeats {
    /// Listens to the heartbeats, for `sessions` as well: the driver accepts only one listener.
    pub(super) fn listen(options: &mut ClientOptions, sessions: Known, flavour: Flavour) -> Self {
        let tls = match &options.tls {
            Some(Tls::Enabled(tls)) => Some(tls),
            _ => None,
        };
        let asked = Asked {
            set: options.repl_set_name.clone(),
            tls: tls.is_some(),
            authorities: tls.and_then(|tls| tls.ca_file_path.clone()),
            with_certificate: tls.is_some_and(|tls| tls.cert_key_file_path.is_some()),
        };
        let heartbeats = Self { asked: Arc::new(asked), seen: Arc::default() };
        let listener = heartbeats.clone();
        options.sdam_event_handler = Some(EventHandler::callback(move |event| match event {
            SdamEvent::ServerHeartbeatSucceeded(heartbeat) => {
                sessions.update(&heartbeat.reply);
                flavour.greeted(&heartbeat.reply);
                listener.answered(&heartbeat.server_address, &heartbeat.reply);
            }
            SdamEvent::ServerHeartbeatFailed(heartbeat) => {
                listener.failed(&heartbeat.server_address, &heartbeat.failure);
            }
            SdamEvent::ServerClosed(server) => listener.left(&server.address),
            _ => {}
        }));
        heartbeats
    }

    /// Without heartbeats, which only the application's client gets: the servers that answered it.
    pub(super) fn of_others(servers: Vec<String>) -> Self {
        let asked = Asked { set: None, tls: false, authorities: None, with_certificate: false };
        let heartbeats = Self { asked: Arc::new(asked), seen: Arc::default() };
        let answered = |name| (name, Server::Answered { set: None, is_member: false });
        heartbeats.seen().servers.extend(servers.into_iter().map(answered));
        heartbeats
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The servers that answered their last heartbeat.
    pub(super) fn answering(&self) -> Vec<String> {
        let seen = self.seen();
        let answers = |server: &Server| matches!(server, Server::Answered { .. });
        seen.servers
            .iter()
            .filter(|(_, server)| answers(server))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Waits until each of these has answered or failed, but not for longer than `patience`.
    pub(super) async fn settle(&self, hosts: &[String], patience: Duration) {
        let until = Instant::now() + patience;
        let is_settled = |host: &String| self.seen().servers.contains_key(host);
        while !hosts.iter().all(is_settled) && Instant::now() < until {
            tokio::time::sleep(GLANCE).await;
        }
    }

    fn answered(&self, address: &ServerAddress, hello: &Document) {
        let address = address.to_string();
        let set = hello.get_str("setName").ok().map(str::to_owned);
        let is_member = set.is_some() || hello.contains_key("isreplicaset");
        let mut seen = self.seen();
        seen.speaks_other.remove(&address);
        seen.servers.insert(address, Server::Answered { set, is_member });
    }

    fn failed(&self, address: &ServerAddress, error: &mongodb::error::Error) {
        let failure = self.failure(error);
        let name = address.to_string();
        let mut seen = self.seen();
        let is_unclear = matches!(failure, Failure::Closed | Failure::Foreign);
        if is_unclear && !seen.speaks_other.contains_key(&name) {
            // Probed once, not at each heartbeat: the server may be overloaded.
            seen.speaks_other.insert(name.clone(), None);
            self.probe(address.clone());
        }
        seen.servers.insert(name, Server::Failed(failure));
    }

    /// Forgets a server that left the deployment. The driver removes a server of another replica
    /// set immediately, so that one is kept for the error message.
    fn left(&self, address: &ServerAddress) {
        let address = address.to_string();
        let mut seen = self.seen();
        if !seen.servers.get(&address).is_some_and(|server| self.is_of_other_set(server)) {
            seen.servers.remove(&address);
        }
    }

    fn probe(&self, address: ServerAddress) {
        let other = if self.asked.tls { Protocol::Plain } else { Protocol::Tls };
        let heartbeats = self.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let speaks = speaks(&address, other).await;
                heartbeats.seen().speaks_other.insert(address.to_string(), Some(speaks));
            });
        }
    }

    fn failure(&self, error: &mongodb::error::Error) -> Failure {
        let error = match error.kind.as_ref() {
            ErrorKind::Io(error) => error,
            ErrorKind::InvalidResponse { .. } => return Failure::Foreign,
            ErrorKind::DnsResolve { .. } => return Failure::Silent(Some(NO_ADDRESS.to_owned())),
            _ => return Failure::Silent(None),
        };
        match error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidMessage(_)) => return Failure::Foreign,
            Some(error) => return Failure::Tls(self.tls_fault(error)),
            None => {}
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Failure::Closed,
            _ if error.to_string().contains("lookup address") => {
                Failure::Silent(Some(NO_ADDRESS.to_owned()))
            }
            _ => Failure::Silent(Some(reason(error))),
        }
    }

    fn tls_fault(&self, error: &rustls::Error) -> TlsFault {
        match error {
            rustls::Error::InvalidCertificate(why) => match why {
                CertificateError::UnknownIssuer => {
                    TlsFault::UnknownAuthority { trusted: self.asked.authorities.clone() }
                }
                CertificateError::NotValidForNameContext { presented, .. } => {
                    TlsFault::OtherHost { names: presented.iter().map(|name| bare(name)).collect() }
                }
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    TlsFault::Expired
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    TlsFault::NotYetValid
                }
                why => TlsFault::Certificate(certificate_fault(&why.to_string())),
            },
            rustls::Error::AlertReceived(alert) => TlsFault::Refused(refusal(*alert)),
            rustls::Error::PeerIncompatible(_) => {
                TlsFault::Handshake("no TLS version or cipher suite in common".to_owned())
            }
            error => TlsFault::Handshake(error.to_string()),
        }
    }

    fn is_of_other_set(&self, server: &Server) -> bool {
        match (&self.asked.set, server) {
            (Some(wanted), Server::Answered { set: Some(set), .. }) => set != wanted,
            (Some(_), Server::Answered { set: None, is_member }) => !is_member,
            _ => false,
        }
    }

    /// Why no server in `hosts` can be selected, as far as the heartbeats show.
    pub(super) fn obstacle(&self, hosts: &str) -> Option<Obstacle> {
        let seen = self.seen();
        let servers = &seen.servers;
        let is_member =
            |server: &Server| matches!(server, Server::Answered { is_member: true, .. });
        let is_wanted = |server: &Server| is_member(server) && !self.is_of_other_set(server);
        if !servers.values().any(is_wanted)
            && let Some((address, Server::Answered { set, .. })) =
                servers.iter().find(|(_, server)| self.is_of_other_set(server))
            && let Some(wanted) = self.asked.set.clone()
        {
            return Some(Obstacle::OtherSet {
                address: address.clone(),
                wanted,
                found: set.clone(),
            });
        }
        let failed: Vec<_> = servers
            .iter()
            .filter_map(|(address, server)| match server {
                Server::Failed(failure) => Some((address, self.resolved(address, failure, &seen))),
                Server::Answered { .. } => None,
            })
            .collect();
        let tls = failed.iter().find_map(|(address, failure)| match failure {
            Failure::Tls(fault) => Some(((*address).clone(), fault.clone())),
            _ => None,
        });
        if let Some((address, fault)) = tls {
            return Some(Obstacle::Tls { address, fault });
        }
        if servers.values().any(is_member) {
            return Some(Obstacle::NoPrimary);
        }
        let why = |failure: &Failure| match failure {
            Failure::Silent(why) => why.clone(),
            Failure::Foreign => Some("the service at this address is not MongoDB".to_owned()),
            Failure::Closed | Failure::Tls(_) => {
                Some("the server closed the connection".to_owned())
            }
        };
        let whys: Vec<_> = failed
            .iter()
            .filter_map(|(address, failure)| Some((*address, why(failure)?)))
            .collect();
        let (address, why) = whys.first()?;
        // The members of a replica set may have other names than in the connection string.
        let is_of_all = whys.iter().all(|(_, other)| other == why)
            && whys.iter().map(|(address, _)| address.as_str()).eq(sorted(hosts));
        Some(Obstacle::Silence(if is_of_all { why.clone() } else { format!("{address}: {why}") }))
    }

    /// A failure, refined by what the probe found out about the server's protocol.
    fn resolved(&self, address: &str, failure: &Failure, seen: &Seen) -> Failure {
        let speaks_other = seen.speaks_other.get(address).copied().flatten();
        match (failure, speaks_other, self.asked.tls) {
            (Failure::Closed | Failure::Foreign, Some(true), true) => {
                Failure::Tls(TlsFault::Unsupported)
            }
            (Failure::Closed | Failure::Foreign, Some(true), false) => {
                Failure::Tls(TlsFault::Required)
            }
            (Failure::Closed, Some(false), true) => {
                let with_certificate = self.asked.with_certificate;
                Failure::Tls(TlsFault::Closed { with_certificate })
            }
            (failure, ..) => failure.clone(),
        }
    }
}

const NO_ADDRESS: &str = "the host name does not resolve";

fn sorted(hosts: &str) -> Vec<&str> {
    let mut hosts: Vec<_> = hosts.split(',').collect();
    hosts.sort_unstable();
    hosts
}

/// The name in `DnsName("db.example")`.
fn bare(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"').to_owned()
}

/// Most of these come from outdated openssl instructions.
fn certificate_fault(why: &str) -> String {
    if why.contains("CaUsedAsEndEntity") {
        "it is a CA certificate, not a server certificate".to_owned()
    } else if why.contains("UnsupportedCertVersion") {
        "it is X.509 version 1, but version 3 is required".to_owned()
    } else if why.contains("purpose") || why.contains("Purpose") {
        "its extended key usage does not include server authentication".to_owned()
    } else {
        why.to_owned()
    }
}

/// The meaning of a TLS alert. Alerts are about the client certificate, never the server's own.
fn refusal(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => "it requires a client certificate".to_owned(),
        AlertDescription::UnknownCA => {
            "it does not trust the issuer of the client certificate".to_owned()
        }
        AlertDescription::CertificateExpired => "the client certificate has expired".to_owned(),
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateRevoked
        | AlertDescription::UnsupportedCertificate => {
            "it does not accept the client certificate".to_owned()
        }
        AlertDescription::ProtocolVersion => "it supports neither TLS 1.2 nor TLS 1.3".to_owned(),
        alert => format!("alert {alert:?}"),
    }
}

#[cfg(test)]
mod tests;
