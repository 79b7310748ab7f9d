//! `sessionctl deploy kubernetes`

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use sessionctl::error::reason;
use sessionctl::sweep::Sweep;

use super::cron::schedule;
use super::sweeping::{Every, Server, Sweeping};
use super::template::fill;
use super::values::{checked, json_string, path_text, refused};
use crate::args::{Global, Uri, address};
use crate::commands::sweep::{Settings, config_file};
use crate::console::failure::{Exit, Failure};
use crate::console::text::{has_hostile, shell_word, without_password};
use crate::input::read_text;

const CONFIG_MAP: &str = include_str!("../../deploy/configmap.yaml");
const CRON_JOB: &str = include_str!("../../deploy/cronjob.yaml");
const DEPLOYMENT: &str = include_str!("../../deploy/deployment.yaml");
const POD: &str = include_str!("../../deploy/pod.yaml");
const PROBES: &str = include_str!("../../deploy/probes.yaml");
const SPREAD: &str = include_str!("../../deploy/spread.yaml");

/// Where the pod mounts the secret, the files of the config map, and the archives.
const SECRET: &str = "/run/secrets/sessionctl";
const CONFIG: &str = "/etc/sessionctl";
const STATE: &str = "/var/lib/sessionctl";

/// Print Kubernetes manifests: a Deployment, or a CronJob with --cron
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl deploy kubernetes -d shop | kubectl apply -f -
  sessionctl deploy kubernetes --config sweep.toml --image registry.example.org/sessionctl:0.1.0
  sessionctl deploy kubernetes --cron --schedule '*/15 * * * *'")]
pub struct Args {
    #[command(flatten)]
    every: Every,

    #[command(flatten)]
    sweeping: Sweeping,

    /// Serve metrics and health checks on ADDRESS
    #[arg(long, value_name = "ADDRESS", value_parser = address, default_value = "0.0.0.0:9464", conflicts_with = "cron")]
    metrics: SocketAddr,

    /// Print a CronJob that runs single passes, instead of a Deployment
    #[arg(long, help_heading = "Manifests", conflicts_with_all = ["interval", "replicas"])]
    cron: bool,

    /// Run the CronJob on SCHEDULE: five cron fields, or a name such as @hourly
    #[arg(
        long,
        value_name = "SCHEDULE",
        default_value = "*/5 * * * *",
        requires = "cron",
        help_heading = "Manifests"
    )]
    schedule: String,

    /// Run N replicas; one works, the others stand by
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=100), allow_negative_numbers = true, help_heading = "Manifests")]
    replicas: u16,

    /// Use container image IMAGE
    #[arg(long, value_name = "IMAGE", default_value = concat!("sessionctl:", env!("CARGO_PKG_VERSION")), help_heading = "Manifests")]
    image: String,

    /// Name of the objects
    #[arg(
        long,
        value_name = "NAME",
        default_value = "sessionctl-sweep",
        help_heading = "Manifests"
    )]
    name: String,

    /// Create the objects in Kubernetes namespace NAME [default: kubectl's current namespace]
    #[arg(long, value_name = "NAME", help_heading = "Manifests")]
    namespace: Option<String>,

    /// Read the connection string from the key uri of secret NAME
    #[arg(long, value_name = "NAME", default_value = "sessionctl", help_heading = "Manifests")]
    secret: String,

    /// Mount persistent volume claim NAME at /var/lib/sessionctl, for the archives
    #[arg(long, value_name = "NAME", help_heading = "Manifests")]
    claim: Option<String>,
}

pub fn manifests(args: &Args, global: &Global, uri: &Uri) -> Result<String, Failure> {
    // Kubernetes adds 11 characters to a CronJob's name for its jobs, so the name may have 52
    // characters.
    let name = label("--name", &args.name, 52)?;
    let namespace = args.namespace.as_deref().map(|name| label("--namespace", name, 63));
    let namespace = namespace.transpose()?;
    let files = files(args, global)?;
    let in_namespace =
        namespace.map(|name| format!("namespace: {}", json_string(name))).unwrap_or_default();
    let (server, mut yaml) = (Server::of(global, uri)?, String::new());
    yaml.push_str("# Purges expired web sessions; printed by `sessionctl deploy kubernetes`.\n");
    if matches!(server, Server::File(_)) {
        let secret = label("--secret", &args.secret, 253)?;
        let from = match &server {
            Server::File(Some(path)) => shell_word(&path_text("--uri-file", path)?).into_owned(),
            _ => "/dev/stdin".to_owned(),
        };
        let place = namespace.map(|name| format!(" -n {name}")).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = write!(
            yaml,
            "# The sweeper reads the connection string from the key uri of a secret. Create it:\n\
             #   kubectl create secret generic {secret}{place} --from-file=uri={from}\n"
        );
    }
    if args.claim.is_some() && !args.cron && args.replicas > 1 {
        yaml.push_str(
            "# Every replica mounts the claim, so its access mode must be ReadWriteMany.\n",
        );
    }
    let pod = pod(args, global, &server, !files.is_empty())?;
    let data: String = files.iter().map(|(name, text)| entry(name, text)).collect();
    let checksum = match data.as_str() {
        "" => String::new(),
        data => format!("sessionctl/config: {}", json_string(&format!("{:016x}", checksum(data)))),
    };
    let (name, port) = (json_string(name), json_string(&args.metrics.port().to_string()));
    let replicas = args.replicas.to_string();
    // A claim may allow one pod at a time.
    let strategy = match args.claim.is_some() && args.replicas == 1 {
        true => "strategy: { type: Recreate }",
        false => "",
    };
    let schedule = json_string(schedule(&args.schedule)?);
    let values = [
        ("name", name.as_str()),
        ("namespace", &in_namespace),
        ("data", &data),
        ("replicas", &replicas),
        ("strategy", strategy),
        ("port", &port),
        ("checksum", &checksum),
        ("schedule", &schedule),
        ("pod", &pod),
    ];
    if !files.is_empty() {
        yaml.push_str(&fill(CONFIG_MAP, &values));
    }
    yaml.push_str(&fill(if args.cron { CRON_JOB } else { DEPLOYMENT }, &values));
    Ok(yaml)
}

fn pod(args: &Args, global: &Global, server: &Server, has_files: bool) -> Result<String, Failure> {
    let mut words = match args.cron {
        true => args.sweeping.pass(global, mounted)?,
        false => {
            if args.metrics.ip().is_loopback() {
                let hint = "pass 0.0.0.0, or [::] in an IPv6-only cluster";
                return Err(refused("the cluster cannot reach the address of --metrics", hint));
            }
            if args.replicas > 1 && args.sweeping.has_more("--no-lease") {
                let sentence = "without a lease, every replica would do all of the work";
                return Err(refused(sentence, "omit --no-lease, or pass --replicas 1"));
            }
            let every = args.every.get(args.sweeping.config.as_ref());
            args.sweeping.daemon(global, every, Some(args.metrics), mounted)?
        }
    };
    let (mut mounts, mut volumes) = (Vec::new(), Vec::new());
    let mut mount = |name: &str, path: &str, is_read_only: bool, source: &str| {
        mounts.push(format!(
            "  - name: {name}\n    mountPath: {path}\n    readOnly: {is_read_only}\n"
        ));
        volumes.push(format!("  - name: {name}\n{source}"));
    };
    match server {
        Server::Plain(uri) => words.extend(["--uri".to_owned(), uri.clone()]),
        Server::File(_) => {
            words.extend(["--uri-file".to_owned(), format!("{SECRET}/uri")]);
            let secret = json_string(&args.secret);
            let source =
                format!("    secret:\n      secretName: {secret}\n      defaultMode: 0440\n");
            mount("uri", SECRET, true, &source);
        }
    }
    if has_files {
        let source = format!("    configMap:\n      name: {}\n", json_string(&args.name));
        mount("config", CONFIG, true, &source);
    }
    if let Some(claim) = &args.claim {
        let claim = json_string(label("--claim", claim, 253)?);
        let source = format!("    persistentVolumeClaim:\n      claimName: {claim}\n");
        mount("archive", STATE, false, &source);
    }
    let listed = |head: &str, items: Vec<String>| match items.is_empty() {
        true => String::new(),
        false => format!("{head}:\n{}", items.concat()),
    };
    let image = match checked("--image", &args.image)?.as_str() {
        "" => {
            return Err(refused(
                "the value of --image is empty",
                "pass an image such as sessionctl:0.1.0",
            ));
        }
        image => json_string(image),
    };
    let args_of_it: String =
        words.iter().map(|word| format!("- {}\n", json_string(word))).collect();
    let (name, port) = (json_string(&args.name), args.metrics.port().to_string());
    let (probes, spread) = match args.cron {
        true => (String::new(), String::new()),
        false => (fill(PROBES, &[("port", &port)]), fill(SPREAD, &[("name", &name)])),
    };
    Ok(fill(
        POD,
        &[
            ("restart", if args.cron { "restartPolicy: Never" } else { "" }),
            ("spread", &spread),
            ("image", &image),
            ("args", &args_of_it),
            ("probes", &probes),
            ("mounts", &listed("volumeMounts", mounts)),
            ("volumes", &listed("volumes", volumes)),
        ],
    ))
}

/// Files keep their names in the config map's folder.
fn mounted(path: &Path) -> PathBuf {
    Path::new(CONFIG).join(path.file_name().unwrap_or_default())
}

/// The files that go into the config map, by name.
fn files(args: &Args, global: &Global) -> Result<Vec<(String, String)>, Failure> {
    let mut files = Vec::new();
    let written = ["--metrics-file", "--audit"].map(|option| args.sweeping.path_of(option));
    with_room(written.into_iter().flatten(), args)?;
    if let Some(config) = &args.sweeping.config {
        let file = read("--config", config)?;
        let plans = config_file::read(config, &Sweep::default(), &Settings::default())?;
        with_room(plans.iter().filter_map(|plan| plan.sweep.archive.as_deref()), args)?;
        files.push(file);
        let layouts = plans.iter().filter_map(|plan| plan.layout_file.as_deref());
        let users = plans.iter().filter_map(|plan| plan.hold.as_deref());
        let layouts = layouts.map(|file| ("layout_file", "layout file", file));
        let named: BTreeSet<_> =
            layouts.chain(users.map(|file| ("hold", "list of users", file))).collect();
        for (key, what, file) in named {
            if file.parent() != config.parent() {
                let sentence =
                    format!("{} is not in the folder of the --config file", file.display());
                let hint = format!("move the {what} there: a config map is a single folder");
                return Err(refused(sentence, hint));
            }
            files.push(read(key, file)?);
        }
    } else {
        with_room(args.sweeping.archive.as_deref().into_iter(), args)?;
        if let Some(layout) = &global.layout_file {
            files.push(read("--layout-file", layout)?);
        }
    }
    Ok(files)
}

/// The pod's own file system is read-only.
fn with_room<'a>(mut written: impl Iterator<Item = &'a Path>, args: &Args) -> Result<(), Failure> {
    let has_place = |path: &Path| args.claim.is_some() && path.starts_with(STATE);
    match written.find(|path| !has_place(path)) {
        None => Ok(()),
        Some(path) => Err(refused(
            format!("the pod cannot write to {}", path.display()),
            format!(
                "write to {STATE}, and mount a persistent volume claim there with --claim NAME"
            ),
        )),
    }
}

fn read(option: &str, path: &Path) -> Result<(String, String), Failure> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if name.is_empty() || !name.chars().all(plain) {
        let hint = "rename the file: use only letters, digits and - _ .";
        return Err(refused(
            format!("a config map cannot contain a file with the name of {option}"),
            hint,
        ));
    }
    let text = read_text(path).map_err(|error| {
        let sentence = format!("could not read {}: {}", path.display(), reason(&error));
        Failure::new(Exit::Failed, sentence)
    })?;
    if without_password(&text) != text {
        let sentence = format!("the file of {option} contains a connection string with a password");
        return Err(refused(sentence, "put the connection string into the secret"));
    }
    Ok((name.to_owned(), text))
}

/// A file in a config map, as a readable block if YAML can represent it so.
fn entry(name: &str, text: &str) -> String {
    if text.is_empty() || text.split('\n').any(has_hostile) || !text.ends_with('\n') {
        return format!("{}: {}\n", json_string(name), json_string(text));
    }
    let lines: String = text.lines().map(|line| format!("  {line}\n")).collect();
    // The indentation number preserves leading spaces of the first line, and the sign preserves all
    // line breaks at the end.
    format!("{}: |2+\n{lines}", json_string(name))
}

/// FNV-1a. The hash is part of the pod template, so that pods are replaced when a file changes.
fn checksum(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A name that Kubernetes accepts (RFC 1123).
fn label<'a>(option: &str, name: &'a str, longest: usize) -> Result<&'a str, Failure> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let inner = name.bytes().all(plain) && !name.starts_with('-') && !name.ends_with('-');
    match inner && (1..=longest).contains(&name.len()) {
        true => Ok(name),
        false => Err(refused(
            format!("the value of {option} is not a Kubernetes name"),
            format!(
                "use at most {longest} lowercase letters, digits and -, with - neither first nor last"
            ),
        )),
    }
}
