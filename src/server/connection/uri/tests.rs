use mongodb::options::ServerAddress;
use tokio::runtime::Builder;

use super::options::DRIVER_FAULTS;
use super::*;

/// A secret that no error may repeat.
const SECRET: &str = "hunter2secret";

/// Processes a connection string, without a server.
fn opened(uri: &str) -> Result<(ClientOptions, Vec<IgnoredOption>), Error> {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (readable, mut ignored) = readable(uri);
    let parsed = runtime.block_on(ClientOptions::parse(&*readable).into_future());
    let mut options = parsed.map_err(|error| unparsed(&readable, error))?;
    corrected(&mut options, &mut ignored)?;
    Ok((options, ignored))
}

#[track_caller]
fn refused(uri: &str) -> String {
    let Err(Error::Uri(fault)) = opened(uri) else { panic!("{uri} is taken") };
    let said = fault.to_string();
    assert!(!said.contains(SECRET), "{said}");
    said
}

#[test]
fn the_part_of_a_string_that_is_at_fault_is_named() {
    for (uri, said) in [
        ("localhost:27017", "it must begin with mongodb:// or mongodb+srv://"),
        ("mongodb://h:0", "ports must be numbers from 1 to 65535"),
        ("mongodb://h:port", "ports must be numbers from 1 to 65535"),
        ("mongodb://", "it names no host"),
        ("mongodb://[::1", "IPv6 addresses must have the form [::1]"),
        ("mongodb://h/a b", "the database name is not valid in MongoDB"),
        ("mongodb://@h", "the user name before the @ is missing"),
        ("mongodb+srv://h:27017/", "mongodb+srv:// does not allow a port: the SRV records name it"),
        ("mongodb+srv://a,b/", "mongodb+srv:// requires exactly one host"),
        (
            "mongodb+srv://h/?directConnection=true",
            "directConnection=true requires mongodb://, not mongodb+srv://",
        ),
        ("mongodb://h/?srvMaxHosts=2", "srvMaxHosts requires mongodb+srv://"),
        ("mongodb://a,b/?directConnection=true", "directConnection=true requires exactly one host"),
        (
            "mongodb://h/?loadBalanced=true&replicaSet=x",
            "replicaSet and loadBalanced=true cannot be combined",
        ),
        ("mongodb://h/?tls", "an option is not of the form name=value"),
        ("mongodb://h/?tls=true&", "an option is not of the form name=value"),
        ("mongodb://h/?tls=yes", "option tls must be true or false, in lower case"),
        ("mongodb://h/?tls=true&TLS=true", "option tls is given more than once"),
        ("mongodb://h/?tls=false&tlsCAFile=x", "the TLS options contradict tls=false"),
        ("mongodb://h/?tlsCAFile=x&tls=false", "the TLS options contradict tls=false"),
        ("mongodb://h/?tlsInsecure=true&ssl=false", "the TLS options contradict tls=false"),
        (
            "mongodb://h/?tlsInsecure=true&tlsAllowInvalidCertificates=true",
            "tlsInsecure and tlsAllowInvalidCertificates cannot be combined",
        ),
        ("mongodb://h/?maxPoolSize=many", "option maxPoolSize must be a non-negative integer"),
        ("mongodb://h/?maxPoolSize=0", "option maxPoolSize must be at least 1"),
        (
            "mongodb://h/?heartbeatFrequencyMS=100",
            "option heartbeatFrequencyMS must be at least 500",
        ),
        (
            "mongodb://h/?w=-1",
            "option w must be a non-negative integer, majority, or the name of a write concern",
        ),
        (
            "mongodb://h/?readPreference=second",
            "option readPreference must be primary, primaryPreferred, secondary, secondaryPreferred or nearest",
        ),
        (
            "mongodb://h/?readPreferenceTags=dc:a",
            "readPreferenceTags requires a readPreference other than primary",
        ),
        (
            "mongodb://h/?readPreference=primary&maxStalenessSeconds=90",
            "maxStalenessSeconds requires a readPreference other than primary",
        ),
        (
            "mongodb://h/?readPreference=nearest&maxStalenessSeconds=9",
            "option maxStalenessSeconds must be at least 90, and at least heartbeatFrequencyMS plus 10 seconds",
        ),
        ("mongodb://u:p@h/?authSource=", "option authSource must be the name of a database"),
        ("mongodb://h/?proxyHost=p", "proxyHost is not supported by this build"),
        (
            "mongodb://h/?tls=true&tlsCertificateKeyFilePassword=hunter2secret",
            "tlsCertificateKeyFilePassword is not supported by this build",
        ),
        (
            "mongodb://h/?ssl_ca_certs=ca.pem",
            "unsupported option ssl_ca_certs: use tlsCAFile instead",
        ),
    ] {
        assert_eq!(refused(uri), said, "{uri}");
    }
}

#[test]
fn a_mechanism_that_is_not_built_in_or_lacks_something_is_named() {
    for (login, mechanism, said) in [
        (
            "u:p@",
            "MONGODB-AWS",
            "authMechanism=MONGODB-AWS (AWS IAM) is not supported by this build",
        ),
        ("u%40REALM@", "GSSAPI", "authMechanism=GSSAPI (Kerberos) is not supported by this build"),
        ("u:p@", "MONGODB-CR", "authMechanism=MONGODB-CR is not supported by this build"),
        (
            "",
            "MONGODB-OIDC",
            "authMechanism=MONGODB-OIDC outside of Kubernetes (ENVIRONMENT:k8s) is not supported by this build",
        ),
        ("", "SCRAM-SHA-256", "the authMechanism requires a user name before the host"),
        ("u@", "PLAIN", "the authMechanism requires a password before the host"),
        ("u:p@", "MONGODB-X509", "authMechanism=MONGODB-X509 does not allow a password"),
        (
            "",
            "MONGODB-X509",
            "authMechanism=MONGODB-X509 requires a client certificate (tlsCertificateKeyFile)",
        ),
        (
            "u:p@",
            "scram-sha-1",
            "option authMechanism must be SCRAM-SHA-256, SCRAM-SHA-1, MONGODB-X509, PLAIN or MONGODB-OIDC, in upper case",
        ),
    ] {
        let uri = format!("mongodb://{login}h/?tls=true&authMechanism={mechanism}");
        assert_eq!(refused(&uri), said, "{uri}");
    }
}

#[test]
fn an_unknown_option_is_named_with_a_similar_one() {
    let unknown = |uri: &str| match opened(uri) {
        Err(Error::Uri(UriFault::UnknownOption { name, similar })) => (name, similar),
        other => panic!("{other:?}"),
    };
    let named = |name: &str, similar| (Some(name.to_owned()), similar);
    assert_eq!(unknown("mongodb://h/?authSouce=a"), named("authSouce", Some("authSource")));
    assert_eq!(unknown("mongodb://h/?replicaset=x&zzz=1"), named("zzz", None));
    assert_eq!(refused("mongodb://h/?authSouce=a"), "unknown option authSouce");
}

#[test]
fn what_may_be_a_part_of_a_password_is_not_repeated() {
    let encoding = "the user name or password has characters that must be percent-encoded";
    for (uri, said) in [
        ("mongodb://u:a/hunter2secret@h", encoding),
        ("mongodb://u:a?hunter2secret@h", encoding),
        ("mongodb://u:a@hunter2secret@h", encoding),
        ("mongodb://u:a:hunter2secret@h", encoding),
        ("mongodb://u:hunter2secret%@h", encoding),
        ("mongodb://u:a@h/?x&hunter2secret=1", "an option is not of the form name=value"),
        ("mongodb://u:a@h/?hunter2secret=1", "unknown option"),
        ("mongodb://u:a@h/?readPreference=hunter2secret", READ_PREFERENCE),
    ] {
        assert_eq!(refused(uri), said, "{uri}");
    }
    // The rest of a password that has a & in it.
    let said = refused("mongodb://u:a@h/?tls=true&zz=&tlsCertificateKeyFilePassword=a&zz=b");
    assert_eq!(said, "unknown option");
}

const READ_PREFERENCE: &str = "option readPreference must be primary, primaryPreferred, secondary, secondaryPreferred or nearest";

#[test]
fn options_of_other_drivers_are_left_out_and_listed() {
    let uri = "mongodb://u:p@h,i:1/db?UUIDrepresentation=standard&appName=a%26b&compressors=zstd,snappy\
        &timeoutMS=5000&zlibCompressionLevel=6&w=0&authMechanism=DEFAULT&tlsDisableOCSPEndpointCheck=true";
    let (options, ignored) = opened(uri).unwrap();
    let ignored: Vec<_> = ignored.iter().map(|ignored| ignored.option).collect();
    assert_eq!(
        ignored,
        [
            "uuidRepresentation",
            "compressors",
            "timeoutMS",
            "zlibCompressionLevel",
            "authMechanism=DEFAULT",
            "tlsDisableOCSPEndpointCheck",
            "w=0"
        ]
    );
    assert_eq!(options.app_name.as_deref(), Some("a&b"));
    assert_eq!(options.default_database.as_deref(), Some("db"));
    assert_eq!(options.hosts[1], ServerAddress::parse("i:1").unwrap());
    assert!(opened("mongodb://h/?compressors=zstd").is_ok());
    assert!(opened("mongodb://h?compressors=zstd").is_ok());
}

#[test]
fn a_string_that_the_driver_takes_is_left_as_it_is() {
    for uri in [
        "mongodb://h",
        "mongodb://u:p@h:1,i:2/db?replicaSet=r&w=majority&readPreference=nearest&authSource=admin",
        "mongodb://h/?w=1&wTimeoutMS=5&journal=true&retryWrites=false&appName=@cosmos@",
        "mongodb://h/?tls=true&waitQueueTimeoutMS=1&localThresholdMS=2&readConcernLevel=local",
    ] {
        let (readable, ignored) = readable(uri);
        assert!(matches!(readable, Cow::Borrowed(same) if same == uri), "{readable}");
        assert_eq!(ignored, []);
        opened(uri).unwrap();
    }
}

#[test]
fn the_tables_agree_with_the_driver() {
    let parse = |uri: String| {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(ClientOptions::parse(uri).into_future()).map_err(|error| error.to_string())
    };
    for known in KNOWN {
        let said = parse(format!("mongodb://h/?{}=x", known.name)).err().unwrap_or_default();
        // Few drivers have an option for a file of revoked certificates.
        assert!(known.name == "tlsCRLFile" || !said.contains("is an invalid option"), "{said}");
    }
    for harmless in HARMLESS.iter().filter(|harmless| !harmless.option.contains('=')) {
        assert!(parse(format!("mongodb://h/?{}=x", harmless.option)).is_err(), "{harmless:?}");
        assert!(!KNOWN.iter().any(|known| known.name == harmless.option), "{harmless:?}");
    }
    for (other, here) in OTHER_NAMES {
        assert!(parse(format!("mongodb://h/?{other}=1")).is_err(), "{other}");
        assert!(KNOWN.iter().any(|known| known.name == *here), "{here}");
    }
    assert!(DRIVER_FAULTS.iter().all(|(_, fault)| !fault.to_string().contains("tlsinsecure")));
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_its_option() {
    let folder = std::env::temp_dir().join(format!("sessionctl-uri-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let certificate = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
    let missing = folder.join("missing.pem").display().to_string();
    let empty = file("empty.pem", "");
    let only = file("only.pem", certificate);
    let key = file("key.pem", "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n");
    let sealed =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let sealed = file("sealed.pem", &format!("{certificate}{sealed}"));
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n";
    let old = file("old.pem", &format!("{certificate}{old}"));
    let here = folder.display().to_string();
    for (option, path, said) in [
        ("tlsCAFile", &missing, "cannot be read: no such file or directory"),
        ("tlsCAFile", &here, "cannot be read: is a directory"),
        ("tlsCAFile", &empty, "contains no PEM certificate"),
        ("tlsCAFile", &key, "contains no PEM certificate"),
        ("tlsCertificateKeyFile", &missing, "cannot be read: no such file or directory"),
        ("tlsCertificateKeyFile", &key, "contains no PEM certificate"),
        ("tlsCertificateKeyFile", &only, "contains no PEM private key"),
    ] {
        let uri = format!("mongodb://h/?{option}={path}");
        assert_eq!(refused(&uri), format!("{option} {path} {said}"));
    }
    for path in [sealed, old] {
        let said = refused(&format!("mongodb://h/?tlsCertificateKeyFile={path}"));
        let key = format!("the private key in tlsCertificateKeyFile {path} is encrypted");
        assert_eq!(said, format!("{key}, which this build does not support"));
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_socket_timeout_is_ours_and_is_kept_from_the_driver() {
    let uri = "mongodb://h/?socketTimeoutMS=2500&tls=false";
    assert_eq!(readable(uri), (Cow::Borrowed("mongodb://h/?tls=false"), Vec::new()));
    assert_eq!(socket_timeout(uri), Ok(Some(Duration::from_millis(2500))));
    assert_eq!(socket_timeout("mongodb://h/?sockettimeoutms=0"), Ok(None));
    assert_eq!(socket_timeout("mongodb://h/?tls=true"), Ok(None));
    for (options, said) in [
        ("socketTimeoutMS=soon", "option socketTimeoutMS must be a non-negative integer"),
        ("socketTimeoutMS=1&socketTimeoutMS=2", "option socketTimeoutMS is given more than once"),
    ] {
        let fault = socket_timeout(&format!("mongodb://h/?{options}")).unwrap_err();
        assert!(fault.to_string().contains(said), "{fault}");
    }
}
