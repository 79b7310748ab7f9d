//! Serves `/metrics`, `/status`, `/livez` and `/readyz` over HTTP, on the thread of the sweep.
//!
//! Clients are cheap and cannot pile up: a connection serves one request within a time limit, and
//! if there are too many, the oldest is closed, so that a probe is always answered.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

use super::metrics::{self, Metrics};
use crate::console::failure::{Exit, Failure};
use crate::console::text::{neutral, without_password};

/// The state for the probes. An error is the reason, in a few words.
pub trait Probes: Send + Sync {
    /// Whether the process works; if not, it must be restarted.
    fn live(&self) -> Result<(), String>;
    /// Whether the server answers.
    fn ready(&self) -> Result<(), String>;
    /// What the process does, as JSON.
    fn status(&self) -> String;
}

/// An address to listen on.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    limits: Limits,
}

impl Listener {
    /// The address, with the port that the system chose if it was 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Starts to listen. Connections wait until [`serve`] answers. Requires a runtime.
pub fn bind(address: SocketAddr) -> Result<Listener, Failure> {
    let listen = || {
        let socket = std::net::TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok(Listener { socket: TcpListener::from_std(socket)?, address, limits: LIMITS })
    };
    listen().map_err(|error: io::Error| {
        let kind = error.kind();
        let failure = Failure::new(Exit::Failed, format!("could not listen on {address}: {kind}"));
        match kind {
            io::ErrorKind::AddrInUse => {
                failure.hint("another program uses that port: choose another port with --metrics")
            }
            io::ErrorKind::AddrNotAvailable => failure.hint(
                "this machine does not have that address; use 0.0.0.0 or [::] for all addresses",
            ),
            io::ErrorKind::PermissionDenied => {
                failure.hint("ports below 1024 require privileges: choose a higher port")
            }
            _ => failure,
        }
    })
}

/// The limits for clients.
#[derive(Debug, Clone, Copy)]
struct Limits {
    connections: usize,
    /// How long a request may take to arrive.
    request: Duration,
    /// How long a connection may last.
    connection: Duration,
}

const LIMITS: Limits = Limits {
    connections: 32,
    request: Duration::from_secs(5),
    connection: Duration::from_secs(15),
};

/// The pause after a connection could not be accepted, for example without free file descriptors.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers requests. Dropping the future closes all connections.
pub async fn serve(listener: Listener, metrics: Metrics, probes: Arc<dyn Probes>) {
    let site = Site { metrics, probes };
    let Listener { socket, limits, .. } = listener;
    let mut connections = JoinSet::new();
    let mut oldest_first: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        tokio::select! {
            accepted = socket.accept() => {
                let Ok((stream, _)) = accepted else {
                    sleep(PAUSE).await;
                    continue;
                };
                oldest_first.retain(|connection| !connection.is_finished());
                if oldest_first.len() >= limits.connections
                    && let Some(oldest) = oldest_first.pop_front()
                {
                    oldest.abort();
                }
                oldest_first.push_back(connections.spawn(answer(limits, stream, site.clone())));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn answer(limits: Limits, stream: TcpStream, site: Site) {
    let service = service_fn(move |request: hyper::Request<_>| {
        ready(Ok::<_, Infallible>(site.response(request.method(), request.uri().path())))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.request)
        // A kept connection would occupy one of the few slots until the next scrape.
        .keep_alive(false)
        .max_buf_size(8 << 10)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // A client that disconnects or speaks another protocol is ignored.
        _ = connection => {}
        // The client does not read its answer.
        () = sleep(limits.connection) => {}
    }
}

/// Routes a request.
#[derive(Clone)]
struct Site {
    metrics: Metrics,
    probes: Arc<dyn Probes>,
}

impl Site {
    fn response(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        let is_known = matches!(path, "/metrics" | "/status" | "/livez" | "/readyz");
        if is_known && !matches!(*method, Method::GET | Method::HEAD) {
            let mut refusal =
                page(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD are allowed");
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refusal;
        }
        match path {
            "/metrics" => page(StatusCode::OK, metrics::CONTENT_TYPE, self.metrics.encode()),
            "/status" => page(StatusCode::OK, JSON, self.probes.status()),
            "/livez" => probe(self.probes.live()),
            "/readyz" => probe(self.probes.ready()),
            _ => page(
                StatusCode::NOT_FOUND,
                TEXT,
                "not found; the paths are /metrics, /status, /livez and /readyz",
            ),
        }
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

fn probe(health: Result<(), String>) -> Response<Full<Bytes>> {
    match health {
        Ok(()) => page(StatusCode::OK, TEXT, "ok"),
        Err(reason) => {
            let reason = neutral(&without_password(&reason)).into_owned();
            page(StatusCode::SERVICE_UNAVAILABLE, TEXT, reason)
        }
    }
}

/// The body ends with a line end, which [`Metrics::encode`] gives it.
fn page(status: StatusCode, kind: &'static str, body: impl Into<String>) -> Response<Full<Bytes>> {
    let mut body = body.into();
    if !body.ends_with('\n') {
        body.push('\n');
    }
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::sync::Mutex;

    use tokio::task::{JoinHandle, spawn_blocking};

    use super::*;

    /// Live, and ready unless there is a reason.
    #[derive(Default)]
    struct Condition(Mutex<Option<String>>);

    impl Probes for Condition {
        fn live(&self) -> Result<(), String> {
            Ok(())
        }

        fn ready(&self) -> Result<(), String> {
            self.0.lock().unwrap().clone().map_or(Ok(()), Err)
        }

        fn status(&self) -> String {
            "{}".to_owned()
        }
    }

    struct Server {
        address: SocketAddr,
        health: Arc<Condition>,
        task: JoinHandle<()>,
    }

    /// Runs a server on a free loopback port, and `clients` in another thread.
    async fn with_server<T: Send + 'static>(
        limits: Limits,
        clients: impl FnOnce(Server) -> T + Send + 'static,
    ) -> T {
        let mut listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        listener.limits = limits;
        let address = listener.address();
        let metrics = Metrics::default();
        // More than is sent at once.
        for number in 0..1000 {
            metrics.describe(&format!("app{number}.sessions"), Duration::from_secs(60));
        }
        let health = Arc::new(Condition::default());
        let task = tokio::spawn(serve(listener, metrics, health.clone()));
        spawn_blocking(move || clients(Server { address, health, task })).await.unwrap()
    }

    fn connect(address: SocketAddr) -> TcpStream {
        let stream = TcpStream::connect(address).unwrap();
        // So that a hanging test fails, before hyper's own 30 seconds.
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    fn ask_over(mut stream: &TcpStream, request: &str) -> String {
        stream.write_all(format!("{request} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn ask(address: SocketAddr, request: &str) -> String {
        ask_over(&connect(address), request)
    }

    /// Whether the server closed the connection without an answer.
    fn is_ended(mut stream: &TcpStream) -> bool {
        match stream.read(&mut [0; 64]) {
            Ok(read) => read == 0,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }

    #[tokio::test]
    async fn metrics_are_text_that_prometheus_reads() {
        let answer = with_server(LIMITS, |server| ask(server.address, "GET /metrics?a=b")).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        let head = head.to_lowercase();
        assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
        assert!(head.contains("connection: close"), "{head}");
        assert_eq!(body.matches(".sessions\"} 60.0\n").count(), 1000);
        assert!(body.ends_with('\n') && !body.ends_with("\n\n"));
    }

    #[tokio::test]
    async fn probes_say_ok_or_why_not() {
        let answers = with_server(LIMITS, |server| {
            let before = ask(server.address, "GET /readyz");
            *server.health.0.lock().unwrap() = Some("no server\u{1b} at mongodb://u:pw@h".into());
            [before, ask(server.address, "GET /readyz"), ask(server.address, "GET /livez")]
        });
        let [before, unready, live] = answers.await;
        for ok in [before, live] {
            assert!(ok.starts_with("HTTP/1.1 200 ") && ok.ends_with("\r\n\r\nok\n"), "{ok}");
        }
        assert!(unready.starts_with("HTTP/1.1 503 "), "{unready}");
        assert!(unready.ends_with("\r\n\r\nno server\\u001b at mongodb://...@h\n"), "{unready}");
    }

    #[tokio::test]
    async fn a_head_has_the_length_and_no_body() {
        let (head, get) = with_server(LIMITS, |server| {
            (ask(server.address, "HEAD /metrics"), ask(server.address, "GET /metrics"))
        })
        .await;
        let length = get.split_once("\r\n\r\n").unwrap().1.len();
        assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {length}\r\n")), "{head}");
    }

    #[tokio::test]
    async fn other_paths_and_other_methods_are_refused() {
        let (other, post) = with_server(LIMITS, |server| {
            (ask(server.address, "GET /"), ask(server.address, "POST /metrics"))
        })
        .await;
        assert!(other.starts_with("HTTP/1.1 404 "), "{other}");
        assert!(post.starts_with("HTTP/1.1 405 ") && post.contains("allow: GET, HEAD"), "{post}");
    }

    #[tokio::test]
    async fn a_silent_client_keeps_nobody_waiting() {
        let (answer, silent) = with_server(LIMITS, |server| {
            let silent = connect(server.address);
            (ask(server.address, "GET /livez"), ask_over(&silent, "GET /livez"))
        })
        .await;
        assert!(answer.ends_with("ok\n") && silent.ends_with("ok\n"), "{answer} {silent}");
    }

    #[tokio::test]
    async fn where_there_are_too_many_connections_the_oldest_makes_way() {
        with_server(LIMITS, |server| {
            let idle: Vec<_> = (0..LIMITS.connections).map(|_| connect(server.address)).collect();
            assert!(ask(server.address, "GET /livez").ends_with("ok\n"));
            assert!(is_ended(&idle[0]));
            for spared in &idle[1..] {
                assert!(ask_over(spared, "GET /livez").ends_with("ok\n"));
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_request_that_does_not_arrive_and_a_connection_that_lasts_are_ended() {
        let (soon, late) = (Duration::from_millis(1), Duration::from_secs(3600));
        for (request, connection) in [(soon, late), (late, soon)] {
            let limits = Limits { request, connection, ..LIMITS };
            assert!(with_server(limits, |server| is_ended(&connect(server.address))).await);
        }
    }

    #[tokio::test]
    async fn an_aborted_server_ends_its_connections() {
        with_server(LIMITS, |server| {
            let idle = connect(server.address);
            assert!(ask(server.address, "GET /livez").ends_with("ok\n"));
            server.task.abort();
            assert!(is_ended(&idle));
        })
        .await;
    }

    #[tokio::test]
    async fn a_taken_port_is_one_clear_error() {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.address();
        let error = bind(address).unwrap_err();
        assert_eq!(error.to_string(), format!("could not listen on {address}: address in use"));
    }
}
