//! Connection strings that fail: the error names the true reason in one sentence, on servers with
//! real certificates. Options without effect are reported and ignored.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use bson::doc;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use sessionctl::mongod::{Mongod, Options};
use tempfile::TempDir;

use crate::support::{Db, Program, Run, at, connect_mongo, milliseconds, own_server};

/// What no output may ever show.
const PASSWORD: &str = "hunter2-and-more";

/// Files with certificates: of two authorities, of servers and of a client.
struct Files {
    folder: TempDir,
}

impl Files {
    /// Made once for all tests.
    fn shared() -> &'static Self {
        static FILES: OnceLock<Files> = OnceLock::new();
        FILES.get_or_init(|| {
            let files = Self { folder: tempfile::tempdir().unwrap() };
            let ours = files.authority("authority.pem");
            let another = files.authority("another.pem");
            let server = ExtendedKeyUsagePurpose::ServerAuth;
            files.signed("server.pem", &["127.0.0.1", "localhost"], server.clone(), &ours);
            files.signed("elsewhere.pem", &["db.example", "db2.example"], server, &ours);
            let client = ExtendedKeyUsagePurpose::ClientAuth;
            files.signed("client.pem", &["client"], client.clone(), &ours);
            files.signed("stranger.pem", &["stranger"], client, &another);
            files
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn authority(&self, name: &str) -> Issuer<'static, KeyPair> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        self.write(name, &params.self_signed(&key).unwrap().pem());
        Issuer::new(params, key)
    }

    /// A certificate and its private key in one file.
    fn signed(
        &self,
        name: &str,
        names: &[&str],
        purpose: ExtendedKeyUsagePurpose,
        authority: &Issuer<'static, KeyPair>,
    ) {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).unwrap();
        params.extended_key_usages = vec![purpose];
        params.distinguished_name.push(DnType::CommonName, names[0].as_str());
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, authority).unwrap();
        self.write(name, &format!("{}{}", certificate.pem(), key.serialize_pem()));
    }

    /// `tlsCAFile=...`
    fn option(&self, option: &str, name: &str) -> String {
        format!("{option}={}", self.path(name).display())
    }
}

/// A server that requires TLS, with the certificate in this file.
fn with_tls(certificate: &str, more: &[&str]) -> Mongod {
    let files = Files::shared();
    let path = |name: &str| files.path(name).display().to_string();
    let mut args: Vec<_> =
        ["--tlsMode", "requireTLS", "--tlsCertificateKeyFile"].map(str::to_owned).into();
    args.extend([path(certificate), "--tlsCAFile".to_owned(), path("authority.pem")]);
    args.extend(more.iter().map(|&arg| arg.to_owned()));
    own_server(Options { args, ..Options::default() })
}

const NO_CLIENT_CERTIFICATE: &[&str] = &["--tlsAllowConnectionsWithoutCertificates"];

/// A connection string with more options.
fn with(uri: &str, options: &[&str]) -> String {
    let joint = if uri.contains('?') { "&" } else { "/?" };
    format!("{uri}{joint}{}", options.join("&"))
}

/// The same, for servers that will not be selected.
fn briefly(uri: &str, options: &[&str]) -> String {
    let limit = milliseconds(Duration::from_secs(1));
    with(&with(uri, &[&format!("serverSelectionTimeoutMS={limit}")]), options)
}

fn list(uri: &str) -> Run {
    Program::new(&["list"]).env("SESSIONCTL_URI", uri).run().never_shows(PASSWORD)
}

/// It cannot connect, says why, and says no secret with `-v` either.
#[track_caller]
fn fails(uri: &str, reason: &str) -> Run {
    let verbose = Program::new(&["list", "-v"]).env("SESSIONCTL_URI", uri).start();
    let run = list(uri).exits(1).fails_in_one_sentence().shows_nothing_hostile().says(reason);
    assert_eq!(run.stdout, "");
    verbose.wait().exits(1).never_shows(PASSWORD);
    run
}

/// It connects: what is missing is only the collection.
#[track_caller]
fn connects(uri: &str) -> Run {
    list(uri).exits(1).says("there is no collection")
}

#[test]
fn a_server_whose_certificate_is_trusted_is_connected_to() {
    let files = Files::shared();
    let server = with_tls("server.pem", NO_CLIENT_CERTIFICATE);
    let uri = with(&server.uri(), &[&files.option("tlsCAFile", "authority.pem")]);
    connects(&uri).fails_in_one_sentence();
}

#[test]
fn a_server_that_requires_tls_is_distinguished_from_one_that_is_down() {
    let server = with_tls("server.pem", NO_CLIENT_CERTIFICATE);
    let address = server.address();
    let reason = format!("{address} requires TLS, but the connection string does not enable it");
    fails(&briefly(&server.uri(), &["w=1"]), &reason).says("hint: add tls=true");
    let uri = format!("mongodb://ops:{PASSWORD}@{address}/app?authSource=admin");
    let uri = briefly(&uri, &["tls=false"]);
    fails(&uri, &reason);
}

#[test]
fn a_server_without_tls_is_distinguished_from_one_that_is_down() {
    let uri = Db::new().server.clone();
    let address = uri.trim_start_matches("mongodb://");
    let reason = format!("the connection string enables TLS, but {address} does not use it");
    fails(&briefly(&uri, &["tls=true"]), &reason).says("hint: remove tls=true");
    fails(&briefly(&uri, &["tlsInsecure=true"]), &reason);
}

#[test]
fn an_untrusted_certificate_is_reported_as_such() {
    let files = Files::shared();
    let server = with_tls("server.pem", NO_CLIENT_CERTIFICATE);
    let certificate = format!("the certificate of {}", server.address());
    let run = fails(
        &briefly(&server.uri(), &["tls=true"]),
        &format!("{certificate} is not signed by a public certificate authority"),
    );
    run.says("hint: add tlsCAFile=FILE");
    let another = files.path("another.pem").display().to_string();
    fails(
        &briefly(&server.uri(), &[&files.option("tlsCAFile", "another.pem")]),
        &format!("{certificate} is not signed by a certificate authority in {another}"),
    );
    connects(&with(&server.uri(), &["tlsInsecure=true"]));

    let server = with_tls("elsewhere.pem", NO_CLIENT_CERTIFICATE);
    let certificate = format!("the certificate of {}", server.address());
    fails(
        &briefly(&server.uri(), &[&files.option("tlsCAFile", "authority.pem")]),
        &format!("{certificate} is for another host: db.example, db2.example"),
    );
}

#[test]
fn a_server_that_closes_the_connection_without_a_client_certificate_is_reported() {
    let files = Files::shared();
    let server = with_tls("server.pem", &[]);
    let authority = files.option("tlsCAFile", "authority.pem");
    let run = fails(&briefly(&server.uri(), &[&authority]), "no client certificate was given");
    run.says(&server.address()).says("tlsCertificateKeyFile=FILE");
    let stranger = files.option("tlsCertificateKeyFile", "stranger.pem");
    let run = fails(&briefly(&server.uri(), &[&authority, &stranger]), &server.address());
    run.says("client certificate");
    let client = files.option("tlsCertificateKeyFile", "client.pem");
    connects(&with(&server.uri(), &[&authority, &client])).fails_in_one_sentence();
}

#[test]
fn a_file_of_certificates_that_cannot_be_used_is_named_at_once() {
    let files = Files::shared();
    let client = files.text("client.pem");
    let (certificate, key) = client.split_at(client.find("-----BEGIN PRIVATE").unwrap());
    let stranger = files.text("stranger.pem");
    let (_, other_key) = stranger.split_at(stranger.find("-----BEGIN PRIVATE").unwrap());
    files.write("only-certificate.pem", certificate);
    files.write("only-key.pem", key);
    files.write("mismatch.pem", &format!("{certificate}{other_key}"));
    files.write(
        "sealed.pem",
        &format!("{certificate}{}", key.replace("PRIVATE", "ENCRYPTED PRIVATE")),
    );
    files.write("damaged.pem", &format!("{certificate}{}", key.replace('M', "!")));
    for (option, name, reason) in [
        ("tlsCAFile", "missing.pem", "cannot be read: no such file or directory"),
        ("tlsCAFile", "only-key.pem", "contains no PEM certificate"),
        ("tlsCertificateKeyFile", "missing.pem", "cannot be read: no such file or directory"),
        ("tlsCertificateKeyFile", "only-certificate.pem", "contains no PEM private key"),
        ("tlsCertificateKeyFile", "only-key.pem", "contains no PEM certificate"),
        ("tlsCertificateKeyFile", "mismatch.pem", "does not match its certificate"),
        ("tlsCertificateKeyFile", "damaged.pem", "unusable certificate or private key"),
        ("tlsCertificateKeyFile", "sealed.pem", "is encrypted, which this build does not support"),
    ] {
        // No server is asked.
        let uri = format!("mongodb://127.0.0.1:1/?{}", files.option(option, name));
        let run = fails(&uri, "invalid connection string").says(reason);
        run.says(option).says(name);
    }
    let uri =
        format!("mongodb://127.0.0.1:1/?{}", files.option("tlsCertificateKeyFile", "sealed.pem"));
    fails(&uri, "").says("hint: decrypt the private key: openssl pkey");
}

#[test]
fn the_subject_of_a_client_certificate_logs_in_with_and_without_its_name_in_the_string() {
    let files = Files::shared();
    let server = with_tls("server.pem", &["--auth"]);
    let authority = files.option("tlsCAFile", "authority.pem");
    let client = files.option("tlsCertificateKeyFile", "client.pem");
    let plain = with(&server.uri(), &[&authority, &client]);
    // Without a user yet, the same machine may make one.
    let first = Db::on(&plain);
    first.admin(doc! { "createUser": "root", "pwd": PASSWORD, "roles": ["root"] });
    let login = |user: &str| plain.replace("mongodb://", &format!("mongodb://{user}"));
    let root = Db::on(&login(&format!("root:{PASSWORD}@")));
    let mechanism = "&authMechanism=MONGODB-X509";
    fails(&format!("{plain}{mechanism}"), "authentication failed")
        .says("the user is the subject of the client certificate");

    let roles = [doc! { "role": "readWrite", "db": &root.name }];
    let user = doc! { "createUser": "CN=client", "roles": roles.to_vec() };
    let external = root.client.database("$external");
    root.runtime.block_on(external.run_command(user).into_future()).unwrap();
    root.insert("sessions", [connect_mongo("one", at(60))]);
    for user in ["", "CN%3Dclient@"] {
        let uri = format!("{}{mechanism}", login(user));
        let program = Program::new(&["list", "-o", "json"]).env("SESSIONCTL_DB", &root.name);
        let run = program.env("SESSIONCTL_URI", &uri).run().exits(0);
        assert_eq!((run.json().as_array().unwrap().len(), &*run.stderr), (1, ""), "{user}");
    }
    assert!(std::fs::read_to_string(server.log()).unwrap().contains("MONGODB-X509"));
}

#[test]
fn another_replica_set_than_the_servers_is_named() {
    let uri = Db::new().server.clone();
    let address = uri.trim_start_matches("mongodb://").to_owned();
    for options in [&["replicaSet=shop"][..], &["replicaSet=shop", "directConnection=true"]] {
        let asks = format!("names the replica set shop, but {address} is in no replica set");
        fails(&briefly(&uri, options), &asks).says("hint: correct replicaSet");
    }

    let set = crate::rig::ReplicaSet::start(1, &[]);
    let uri = set.uri();
    let wrong = uri.replace("replicaSet=rig", "replicaSet=shop");
    assert_ne!(uri, wrong);
    let run = fails(&briefly(&wrong, &["w=1"]), "names the replica set shop, but 127.0.0.1:");
    run.says("is in rig");
    connects(&uri);
}

#[test]
fn a_string_that_asks_for_what_is_not_built_in_says_what() {
    for (login, options, reason) in [
        (
            "key:secret@",
            "authMechanism=MONGODB-AWS",
            "authMechanism=MONGODB-AWS (AWS IAM) is not supported by this build",
        ),
        (
            "ops%40REALM@",
            "authMechanism=GSSAPI",
            "authMechanism=GSSAPI (Kerberos) is not supported by this build",
        ),
        ("", "proxyHost=proxy", "proxyHost is not supported by this build"),
        (
            "",
            "tls=true&tlsCertificateKeyFilePassword=hunter2-and-more",
            "tlsCertificateKeyFilePassword is not supported by this build",
        ),
        ("", "authSouce=admin", "unknown option authSouce"),
        ("", "ssl_ca_certs=ca.pem", "unsupported option ssl_ca_certs: use tlsCAFile instead"),
    ] {
        fails(&format!("mongodb://{login}127.0.0.1:1/?{options}"), reason);
    }
    fails("mongodb://127.0.0.1:1/?authSouce=admin", "").says("hint: did you mean authSource?");
    fails("mongodb+srv://db.example:27017/", "mongodb+srv:// does not allow a port");
}

#[test]
fn options_that_only_other_drivers_know_are_ignored_with_one_warning() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("expired", at(-60)), connect_mongo("live", at(60))]);
    let options =
        "uuidRepresentation=standard&compressors=zstd&timeoutMS=5000&zlibCompressionLevel=6&w=0";
    let uri = format!("{}&{options}", db.uri);
    let run = |arguments: &[&str]| {
        let program = Program::new(arguments).env("SESSIONCTL_DB", &db.name);
        program.env("SESSIONCTL_URI", &uri).run()
    };
    let listed = run(&["list", "-o", "json"]).exits(0);
    assert_eq!(listed.json().as_array().unwrap().len(), 2);
    assert_eq!(listed.stderr.lines().count(), 1, "{listed:?}");
    let listed =
        listed.says("warning: ignoring options of the connection string: uuidRepresentation");
    listed.says("compressors").says("timeoutMS").says("zlibCompressionLevel").says("w=0");
    assert_eq!(run(&["list", "-q"]).exits(0).stderr, "");
    // Nothing reads or writes without an acknowledgment.
    for command in [&["stats"][..], &["doctor"], &["collections"], &["stats", "--top", "3"]] {
        let run = run(command).never_shows("the driver failed");
        assert!(matches!(run.code, Some(0 | 4)), "{run:?}");
    }
    run(&["purge", "--expired"]).exits(0);
    assert_eq!(db.ids("sessions"), ["live"]);
}

/// Something that answers everything as web servers do, and its address.
fn web_server() -> (SocketAddr, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // A client that has gone is no concern here.
            let _ = stream.read(&mut [0; 512]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    (address, server)
}

#[test]
fn the_reason_why_no_server_answers_is_reported() {
    let (address, _web) = web_server();
    let web = format!("mongodb://{address}");
    for (uri, options, server, reason) in [
        ("mongodb://127.0.0.1:1", "w=1", "127.0.0.1:1", "connection refused"),
        (
            "mongodb://nowhere.invalid",
            "w=1",
            "nowhere.invalid:27017",
            "the host name does not resolve",
        ),
        (&web, "w=1", &address.to_string(), "the service at this address is not MongoDB"),
        (&web, "tls=true", &address.to_string(), "the service at this address is not MongoDB"),
    ] {
        let run =
            fails(&briefly(uri, &[options]), &format!("no server answered at {server} within"));
        run.says(&format!(" s: {reason}\n"));
    }
}
