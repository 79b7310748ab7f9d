//! The options of connection strings: those that the driver accepts and their values, those of
//! other drivers that have no effect, and the driver's errors about combinations.

use crate::error::UriFault;

/// An option of the connection string that has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IgnoredOption {
    /// The option, with its value if only that value is ignored.
    pub option: &'static str,
    /// Why ignoring it is harmless.
    pub reason: &'static str,
}

/// An option that the driver accepts.
pub(super) struct Known {
    pub(super) name: &'static str,
    takes: Takes,
}

enum Takes {
    /// Any text, or a value whose error the driver describes well.
    Text,
    Bool,
    /// A number of milliseconds or of something else.
    Whole,
    /// `maxStalenessSeconds`.
    Seconds,
    OneOf(&'static [&'static str], &'static str),
    /// Pairs of names and values, `NAME:VALUE,NAME:VALUE`.
    Pairs,
    /// The number of servers, `majority`, or the name of a write concern.
    Acknowledgment,
    Mechanism,
    NotBuiltIn,
}

const fn known(name: &'static str, takes: Takes) -> Known {
    Known { name, takes }
}

pub(super) static KNOWN: &[Known] = &[
    known("appName", Takes::Text),
    known("authMechanism", Takes::Mechanism),
    known("authMechanismProperties", Takes::Pairs),
    known("authSource", Takes::Text),
    known("connectTimeoutMS", Takes::Whole),
    known("directConnection", Takes::Bool),
    known("enableOverloadRetargeting", Takes::Bool),
    known("heartbeatFrequencyMS", Takes::Whole),
    known("journal", Takes::Bool),
    known("loadBalanced", Takes::Bool),
    known("localThresholdMS", Takes::Whole),
    known("maxAdaptiveRetries", Takes::Whole),
    known("maxConnecting", Takes::Whole),
    known("maxIdleTimeMS", Takes::Whole),
    known("maxPoolSize", Takes::Whole),
    known("maxStalenessSeconds", Takes::Seconds),
    known("minPoolSize", Takes::Whole),
    known("proxyHost", Takes::NotBuiltIn),
    known("proxyPassword", Takes::NotBuiltIn),
    known("proxyPort", Takes::NotBuiltIn),
    known("proxyUsername", Takes::NotBuiltIn),
    known("readConcernLevel", Takes::Text),
    known("readPreference", Takes::OneOf(&READ_PREFERENCES, READ_PREFERENCES_IN_WORDS)),
    known("readPreferenceTags", Takes::Pairs),
    known("replicaSet", Takes::Text),
    known("retryReads", Takes::Bool),
    known("retryWrites", Takes::Bool),
    known("serverMonitoringMode", Takes::OneOf(&MONITORING, "auto, stream or poll")),
    known("serverSelectionTimeoutMS", Takes::Whole),
    known("srvMaxHosts", Takes::Whole),
    known("srvServiceName", Takes::Text),
    known("ssl", Takes::Bool),
    known("tls", Takes::Bool),
    known("tlsAllowInvalidCertificates", Takes::Bool),
    known("tlsCAFile", Takes::Text),
    known("tlsCRLFile", Takes::NotBuiltIn),
    known("tlsCertificateKeyFile", Takes::Text),
    known("tlsCertificateKeyFilePassword", Takes::NotBuiltIn),
    known("tlsInsecure", Takes::Bool),
    known("w", Takes::Acknowledgment),
    known("waitQueueTimeoutMS", Takes::Whole),
    known("wTimeoutMS", Takes::Whole),
];

/// Ours: the driver does not accept it.
pub(super) static SOCKET_TIMEOUT: Known = known("socketTimeoutMS", Takes::Whole);

const READ_PREFERENCES: [&str; 5] =
    ["primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest"];
const READ_PREFERENCES_IN_WORDS: &str =
    "primary, primaryPreferred, secondary, secondaryPreferred or nearest";
const MONITORING: [&str; 3] = ["auto", "stream", "poll"];

/// The mechanisms that the driver parses, and those that this build lacks.
const MECHANISMS: [&str; 6] =
    ["SCRAM-SHA-256", "SCRAM-SHA-1", "MONGODB-X509", "PLAIN", "MONGODB-OIDC", "MONGODB-CR"];
const OTHER_MECHANISMS: [(&str, &str); 2] = [
    ("MONGODB-AWS", "authMechanism=MONGODB-AWS (AWS IAM)"),
    ("GSSAPI", "authMechanism=GSSAPI (Kerberos)"),
];

impl Known {
    /// What is wrong with a value. The value is never repeated: it may be a secret.
    pub(super) fn fault(&self, value: &str) -> Option<UriFault> {
        let is_same = |known: &&&str| known.eq_ignore_ascii_case(value);
        let takes = match &self.takes {
            Takes::NotBuiltIn => return Some(UriFault::NotBuiltIn(self.name)),
            Takes::Mechanism if MECHANISMS.contains(&value) => return None,
            Takes::Mechanism => {
                let other = OTHER_MECHANISMS.iter().find(|(name, _)| *name == value);
                if let Some((_, what)) = other {
                    return Some(UriFault::NotBuiltIn(what));
                }
                "SCRAM-SHA-256, SCRAM-SHA-1, MONGODB-X509, PLAIN or MONGODB-OIDC, in upper case"
            }
            Takes::Bool if ["true", "false"].contains(&value) => return None,
            Takes::Bool => "true or false, in lower case",
            Takes::Whole if value.parse::<u64>().is_ok() => return None,
            Takes::Whole => "a non-negative integer",
            Takes::Seconds if value.parse::<i64>().is_ok_and(|seconds| seconds >= -1) => {
                return None;
            }
            Takes::Seconds => "an integer number of seconds, or -1 for no limit",
            Takes::OneOf(values, _) if values.iter().any(|known| is_same(&known)) => return None,
            Takes::OneOf(_, takes) => takes,
            Takes::Pairs if value.split(',').all(|pair| pair.contains(':')) => return None,
            Takes::Pairs => "a comma-separated list of NAME:VALUE pairs",
            Takes::Acknowledgment if value.parse().is_ok_and(|number: i32| number < 0) => {
                "a non-negative integer, majority, or the name of a write concern"
            }
            Takes::Text | Takes::Acknowledgment => return None,
        };
        Some(UriFault::Value { option: self.name, takes })
    }
}

const fn harmless(option: &'static str, reason: &'static str) -> IgnoredOption {
    IgnoredOption { option, reason }
}

pub(super) const MAJORITY: &str = "writes are acknowledged, and deletes wait for a majority";
const NO_COMPRESSION: &str = "this build does not support compression";
const OWN_LIMITS: &str = "commands have their own time limits";
const NO_REVOCATION: &str = "certificate revocation is not checked";
const HOSTS_CHECKED: &str = "host names in certificates are always checked";
const OTHER_DRIVER: &str = "it configures another driver";
const OTHER_POOL: &str = "connection pooling works differently";
const NO_UUIDS: &str = "UUIDs are compared as stored";
const DECODING: &str = "it configures how another driver decodes documents";

/// Options that the driver rejects but other drivers accept, and that can be ignored without harm:
/// a string that works in an application should work here. A value limits the entry to that value.
pub(super) static HARMLESS: &[IgnoredOption] = &[
    harmless("uuidRepresentation", NO_UUIDS),
    harmless("compressors", NO_COMPRESSION),
    harmless("zlibCompressionLevel", NO_COMPRESSION),
    harmless("timeoutMS", OWN_LIMITS),
    harmless("socketTimeout", OWN_LIMITS),
    harmless("maxTimeMS", OWN_LIMITS),
    harmless("j", MAJORITY),
    harmless("fsync", MAJORITY),
    harmless("wtimeout", MAJORITY),
    harmless("slaveOk", "reads and writes go to the primary"),
    harmless("authMechanism=DEFAULT", "the mechanism is negotiated with the server"),
    // libmongoc, PyMongo, Ruby, PHP.
    harmless("serverSelectionTryOnce", OTHER_DRIVER),
    harmless("socketCheckIntervalMS", OTHER_DRIVER),
    harmless("safe", OTHER_DRIVER),
    harmless("adaptiveRetries", OTHER_DRIVER),
    harmless("tlsDisableCertificateRevocationCheck", NO_REVOCATION),
    harmless("tlsDisableOCSPEndpointCheck", NO_REVOCATION),
    harmless("tlsAllowInvalidHostnames", HOSTS_CHECKED),
    harmless("sslInvalidHostNameAllowed", HOSTS_CHECKED),
    harmless("sslAllowInvalidHostnames", HOSTS_CHECKED),
    harmless("ssl_match_hostname", HOSTS_CHECKED),
    harmless("tz_aware", DECODING),
    harmless("tzAware", DECODING),
    harmless("tzInfo", DECODING),
    harmless("unicode_decode_error_handler", DECODING),
    harmless("datetime_conversion", DECODING),
    // Node and mongoose.
    harmless("useNewUrlParser", OTHER_DRIVER),
    harmless("useUnifiedTopology", OTHER_DRIVER),
    harmless("useCreateIndex", OTHER_DRIVER),
    harmless("useFindAndModify", OTHER_DRIVER),
    harmless("monitorCommands", OTHER_DRIVER),
    harmless("keepAlive", OTHER_DRIVER),
    harmless("keepAliveInitialDelay", OTHER_DRIVER),
    harmless("socketKeepAlive", OTHER_DRIVER),
    harmless("noDelay", OTHER_DRIVER),
    harmless("autoReconnect", OTHER_DRIVER),
    harmless("auto_reconnect", OTHER_DRIVER),
    harmless("reconnectTries", OTHER_DRIVER),
    harmless("reconnectInterval", OTHER_DRIVER),
    harmless("promoteValues", DECODING),
    harmless("promoteLongs", DECODING),
    harmless("promoteBuffers", DECODING),
    harmless("ignoreUndefined", DECODING),
    // Java and .NET.
    harmless("maxLifeTimeMS", OTHER_POOL),
    harmless("waitQueueMultiple", OTHER_POOL),
    harmless("waitQueueSize", OTHER_POOL),
    harmless("poolSize", OTHER_POOL),
    harmless("streamType", OTHER_DRIVER),
    harmless("ipv6", OTHER_DRIVER),
];

/// The names that other drivers and older versions use for options that matter.
pub(super) static OTHER_NAMES: &[(&str, &str)] = &[
    ("sslCA", "tlsCAFile"),
    ("sslCAFile", "tlsCAFile"),
    ("ssl_ca_certs", "tlsCAFile"),
    ("sslCertificateAuthorityFile", "tlsCAFile"),
    ("sslPEMKeyFile", "tlsCertificateKeyFile"),
    ("sslClientCertificateKeyFile", "tlsCertificateKeyFile"),
    ("tlsCertificateFile", "tlsCertificateKeyFile"),
    ("tlsPrivateKeyFile", "tlsCertificateKeyFile"),
    ("ssl_certfile", "tlsCertificateKeyFile"),
    ("ssl_keyfile", "tlsCertificateKeyFile"),
    ("sslCert", "tlsCertificateKeyFile"),
    ("sslKey", "tlsCertificateKeyFile"),
    ("sslAllowInvalidCertificates", "tlsAllowInvalidCertificates"),
    ("sslInsecure", "tlsInsecure"),
    ("authdb", "authSource"),
    ("connectTimeout", "connectTimeoutMS"),
    ("serverSelectionTimeout", "serverSelectionTimeoutMS"),
];

const TLS_IS_OFF: &str = "the TLS options contradict tls=false";
const PORT: &str = "ports must be numbers from 1 to 65535";
const DATABASE: &str = "the database name is not valid in MongoDB";
const TAGS: &str = "readPreferenceTags requires a readPreference other than primary";
const STALENESS: &str = "maxStalenessSeconds requires a readPreference other than primary";

/// The driver's messages about the form of a string and about combinations, and our wording. The
/// first match counts.
pub(super) static DRIVER_FAULTS: &[(&str, UriFault)] = &[
    ("database name must be", UriFault::Form(DATABASE)),
    ("in database name", UriFault::Form(DATABASE)),
    ("must be URL encoded", UriFault::Encoding),
    ("unescaped %", UriFault::Encoding),
    ("username and mechanism both not", UriFault::Form("the user name before the @ is missing")),
    ("the hostname cannot be empty", UriFault::Form("it names no host")),
    ("the hostname can only be followed", UriFault::Form(PORT)),
    ("the port must be an integer", UriFault::Form(PORT)),
    ("invalid server address", UriFault::Form("IPv6 addresses must have the form [::1]")),
    (
        "a port cannot be specified",
        contradiction("mongodb+srv:// does not allow a port: the SRV records name it"),
    ),
    ("exactly one host must be", contradiction("mongodb+srv:// requires exactly one host")),
    ("unix sockets cannot be used", contradiction("mongodb+srv:// does not allow a socket")),
    (
        "SRV-style URI with directConnection",
        contradiction("directConnection=true requires mongodb://, not mongodb+srv://"),
    ),
    ("srvServiceName cannot be", contradiction("srvServiceName requires mongodb+srv://")),
    ("srvMaxHosts cannot be", contradiction("srvMaxHosts requires mongodb+srv://")),
    ("srvMaxHosts and replicaSet", contradiction("srvMaxHosts and replicaSet cannot be combined")),
    (
        "srvMaxHosts and loadBalanced",
        contradiction("srvMaxHosts and loadBalanced cannot be combined"),
    ),
    (
        "multiple seeds with directConnection",
        contradiction("directConnection=true requires exactly one host"),
    ),
    (
        "multiple seeds with loadBalanced",
        contradiction("loadBalanced=true requires exactly one host"),
    ),
    (
        "replicaSet with loadBalanced",
        contradiction("replicaSet and loadBalanced=true cannot be combined"),
    ),
    (
        "directConnection=true with loadBalanced",
        contradiction("directConnection=true and loadBalanced=true cannot be combined"),
    ),
    (
        "No username provided",
        contradiction("the authMechanism requires a user name before the host"),
    ),
    (
        "No password provided",
        contradiction("the authMechanism requires a password before the host"),
    ),
    (
        "A password cannot be specified with MONGODB-X509",
        contradiction("authMechanism=MONGODB-X509 does not allow a password"),
    ),
    ("only $external may be", contradiction("the authMechanism requires authSource=$external")),
    ("empty authSource", UriFault::Value { option: "authSource", takes: "the name of a database" }),
    ("maxPoolSize=0", UriFault::Value { option: "maxPoolSize", takes: "at least 1" }),
    ("maxConnecting=0", UriFault::Value { option: "maxConnecting", takes: "at least 1" }),
    ("'heartbeat_freq'", UriFault::Value { option: "heartbeatFrequencyMS", takes: "at least 500" }),
    (
        "invalid max_staleness value",
        UriFault::Value {
            option: "maxStalenessSeconds",
            takes: "at least 90, and at least heartbeatFrequencyMS plus 10 seconds",
        },
    ),
    ("preference tags", contradiction(TAGS)),
    ("max staleness ", contradiction(STALENESS)),
    (
        "cannot set both tlsinsecure",
        contradiction("tlsInsecure and tlsAllowInvalidCertificates cannot be combined"),
    ),
    ("if tls=false", contradiction(TLS_IS_OFF)),
    ("TLS is disabled", contradiction(TLS_IS_OFF)),
    ("if other TLS options are set", contradiction(TLS_IS_OFF)),
];

const fn contradiction(what: &'static str) -> UriFault {
    UriFault::Contradiction(what)
}
