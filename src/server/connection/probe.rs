//! Finds out whether a server that closes the connection expects TLS or plain text. The server
//! gives no reason; it only closes the connection. The probe runs after a failure and never sends
//! credentials.

use std::sync::Arc;
use std::time::Duration;

use bson::doc;
use mongodb::options::ServerAddress;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The protocol on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Tls,
    Plain,
}

const TIMEOUT: Duration = Duration::from_secs(2);
const DEFAULT_PORT: u16 = 27017;
/// `OP_MSG`.
const MESSAGE: i32 = 2013;
/// The first byte of a TLS record: an alert or a handshake.
const TLS_RECORDS: [u8; 2] = [0x15, 0x16];

/// Whether the server answers in `protocol`.
pub(super) async fn speaks(address: &ServerAddress, protocol: Protocol) -> bool {
    let ServerAddress::Tcp { host, port } = address else { return false };
    let greeting = match protocol {
        Protocol::Tls => client_hello(host),
        Protocol::Plain => plain_hello(),
    };
    let Some(greeting) = greeting else { return false };
    let answer = answer(host, port.unwrap_or(DEFAULT_PORT), &greeting);
    #[expect(clippy::disallowed_methods, reason = "no future of the driver is dropped")]
    let Ok(Ok(head)) = tokio::time::timeout(TIMEOUT, answer).await else { return false };
    match protocol {
        Protocol::Tls => TLS_RECORDS.contains(&head[0]),
        Protocol::Plain => head[12..] == MESSAGE.to_le_bytes(),
    }
}

/// The first 16 bytes of the answer: the header of a MongoDB message. The shortest TLS answer is an
/// alert of 7 bytes.
async fn answer(host: &str, port: u16, greeting: &[u8]) -> std::io::Result<[u8; 16]> {
    let mut stream = TcpStream::connect((host, port)).await?;
    stream.write_all(greeting).await?;
    let (mut head, mut length) = ([0; 16], 0);
    while length < head.len() {
        match stream.read(&mut head[length..]).await {
            Ok(0) => break,
            Ok(read) => length += read,
            // Bytes that arrived before the connection was reset count.
            Err(_) if length > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(head)
}

/// The start of a handshake that is never finished, so no certificate has to be trusted.
fn client_hello(host: &str) -> Option<Vec<u8>> {
    let config = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).ok()?;
    let mut connection = ClientConnection::new(Arc::new(config), name).ok()?;
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).ok()?;
    Some(hello)
}

fn plain_hello() -> Option<Vec<u8>> {
    const HEADER: i32 = 16;
    let command = doc! { "hello": 1, "$db": "admin" }.to_vec().ok()?;
    // Flags, section kind, command.
    let body: Vec<u8> = [0; 5].into_iter().chain(command).collect();
    let length = i32::try_from(body.len()).ok()? + HEADER;
    let header = [length, 1, 0, MESSAGE].into_iter().flat_map(i32::to_le_bytes);
    Some(header.chain(body).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_begins_as_its_protocol_does() {
        assert_eq!(client_hello("127.0.0.1").unwrap()[..2], [0x16, 0x03]);
        let plain = plain_hello().unwrap();
        assert_eq!(plain[..4], i32::try_from(plain.len()).unwrap().to_le_bytes());
        assert_eq!(plain[12..16], 2013_i32.to_le_bytes());
    }
}
