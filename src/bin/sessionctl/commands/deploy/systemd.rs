//! `sessionctl deploy systemd`

use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::sweeping::{Every, Server, Sweeping};
use super::template::fill;
use super::values::{absolute, path_text, plain_name, refused};
use crate::args::{Global, Uri, address};
use crate::console::failure::Failure;

const TEMPLATE: &str = include_str!("../../deploy/sweep.service");

/// The default file of the connection string.
pub const URI_FILE: &str = "/etc/sessionctl/uri";

/// The folder that systemd creates for the sweeper, and the only one that the sweeper may write to.
const STATE: &str = "/var/lib/sessionctl";

/// Print a hardened systemd unit that keeps the sweeper running
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl deploy systemd > /etc/systemd/system/sessionctl-sweep.service
  sessionctl deploy systemd -d shop -c sessions --interval 5m --metrics 127.0.0.1:9464
  sessionctl deploy systemd --config /etc/sessionctl/sweep.toml
  sessionctl deploy systemd -- --rate 2000 --max-lag 10s")]
pub struct Args {
    #[command(flatten)]
    every: Every,

    #[command(flatten)]
    sweeping: Sweeping,

    /// Serve metrics and health checks on ADDRESS, such as 127.0.0.1:9464
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    metrics: Option<SocketAddr>,

    /// Run the program at PATH [default: this program if it is installed, else /usr/bin/sessionctl]
    #[arg(long, value_name = "PATH", help_heading = "Unit")]
    binary: Option<PathBuf>,

    /// Run as user NAME [default: a user that exists only while the service runs]
    #[arg(long, value_name = "NAME", help_heading = "Unit")]
    user: Option<String>,

    /// Name of the unit
    #[arg(long, value_name = "NAME", default_value = "sessionctl-sweep", help_heading = "Unit")]
    name: String,
}

pub fn unit(args: &Args, global: &Global, uri: &Uri) -> Result<String, Failure> {
    let name = plain_name(&args.name, "-_.", "the value of --name is not a unit name")?;
    let program = installed(args.binary.as_deref())?;
    let user = args.user.as_deref().map(user_name).transpose()?;
    for (option, path) in [
        ("--config", args.sweeping.config.as_deref()),
        ("--layout-file", global.layout_file.as_deref()),
    ] {
        path.map_or(Ok(()), |path| within_reach(option, path))?;
    }
    let every = args.every.get(args.sweeping.config.as_ref());
    let mut words = vec![program];
    words.extend(args.sweeping.daemon(global, every, args.metrics, absolute)?);
    let (credential, steps) = match Server::of(global, uri)? {
        Server::Plain(uri) => {
            words.extend(["--uri".to_owned(), uri]);
            (String::new(), String::new())
        }
        Server::File(path) => {
            let path = path.map_or_else(|| URI_FILE.into(), |path| absolute(&path));
            let path = path_text("--uri-file", &path)?;
            let step = format!(
                "# Write the connection string to {path}; only root needs to read it:\n\
                 #   install -D -m 0600 /dev/stdin {path}\n"
            );
            (format!("LoadCredential=uri:{}", path.replace('%', "%%")), step)
        }
    };
    let mut command: Vec<_> = words.iter().map(|word| quoted(word).into_owned()).collect();
    if !credential.is_empty() {
        // A systemd specifier, which must not be escaped.
        command.extend(["--uri-file".to_owned(), "%d/uri".to_owned()]);
    }
    let steps = format!("{steps}#   systemctl daemon-reload && systemctl enable --now {name}\n");
    // Without a file to reload, SIGHUP would end the sweeper.
    let reload = match &args.sweeping.config {
        Some(_) => "ExecReload=/bin/kill -HUP $MAINPID",
        None => "",
    };
    let written = [
        ("--archive", args.sweeping.archive.as_deref()),
        ("--metrics-file", args.sweeping.path_of("--metrics-file")),
        ("--audit", args.sweeping.path_of("--audit")),
    ];
    let written = written.into_iter().filter_map(|(option, path)| Some((option, path?)));
    let writable = written
        .map(|(option, path)| writable(option, path, user))
        .collect::<Result<Vec<_>, _>>()?
        .concat();
    let user = match user {
        Some(user) => format!("User={user}"),
        None => "DynamicUser=yes\nUser=sessionctl".to_owned(),
    };
    Ok(fill(
        TEMPLATE,
        &[
            ("steps", &steps),
            ("command", &command.join(" ")),
            ("reload", reload),
            ("credential", &credential),
            ("user", &user),
            ("writable", &writable),
        ],
    ))
}

/// A word of `ExecStart=`, escaped so that systemd passes it on unchanged (systemd.service(5),
/// systemd.unit(5)).
fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=,+@".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return Cow::Borrowed(word);
    }
    let mut quoted = String::from("\"");
    for letter in word.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '%' | '$' => quoted.extend([letter, letter]),
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    Cow::Owned(quoted)
}

/// The program at a path that services can reach.
pub fn installed(named: Option<&Path>) -> Result<String, Failure> {
    let Some(named) = named else {
        let this = std::env::current_exe().ok().filter(|path| is_installed(path));
        let this = this.and_then(|path| path.to_str().map(str::to_owned));
        return Ok(this.unwrap_or_else(|| "/usr/bin/sessionctl".to_owned()));
    };
    let path = path_text("--binary", named)?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./+".contains(letter);
    if !named.is_absolute() || !path.chars().all(plain) {
        let hint = "pass an absolute path of letters, digits and - _ . +";
        return Err(refused("the value of --binary cannot be used in a service", hint));
    }
    within_reach("--binary", named)?;
    Ok(path)
}

fn is_installed(path: &Path) -> bool {
    let folders = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"];
    path.parent().is_some_and(|parent| folders.iter().any(|folder| parent == Path::new(folder)))
}

/// The unit hides home folders and has a private `/tmp`.
fn within_reach(option: &str, path: &Path) -> Result<(), Failure> {
    const HIDDEN: [&str; 5] = ["/home", "/root", "/run/user", "/tmp", "/var/tmp"];
    let whole = absolute(path);
    match HIDDEN.iter().find(|folder| whole.starts_with(folder)) {
        None => Ok(()),
        Some(folder) => {
            let sentence = format!(
                "the service cannot access the path of {option}: {folder} is hidden from it"
            );
            let hint = match option {
                "--binary" => "install it first: cargo install --path . --root /usr/local",
                _ => "move the file to /etc/sessionctl",
            };
            Err(refused(sentence, hint))
        }
    }
}

/// The settings that make the folder of this file writable.
fn writable(option: &str, path: &Path, user: Option<&str>) -> Result<String, Failure> {
    if !path.is_absolute() {
        let hint = format!("write to {STATE}");
        return Err(refused(format!("the path of {option} is not absolute"), hint));
    }
    if path.starts_with(STATE) && option == "--metrics-file" {
        let sentence =
            format!("the node exporter cannot read the path of {option}: {STATE} is private");
        let hint =
            "write to the folder that the node exporter reads, and pass its owner with --user";
        return Err(refused(sentence, hint));
    }
    if path.starts_with(STATE) {
        return Ok(String::new());
    }
    within_reach(option, path)?;
    if user.is_none() {
        let sentence =
            format!("the dynamic user of the service cannot write to the folder of {option}");
        let hint = format!("write to {STATE}, or pass the owner of that folder with --user");
        return Err(refused(sentence, hint));
    }
    let folder = path.parent().unwrap_or(path);
    let folder = path_text(option, folder)?;
    if option == "--archive" && folder.contains('%') {
        let hint = "use the pattern only in the name of the file";
        return Err(refused("the folder of --archive depends on the date", hint));
    }
    Ok(format!("ReadWritePaths={}\n", quoted(&folder)))
}

/// Whether this can be the name of a system user.
pub fn user_name(name: &str) -> Result<&str, Failure> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    let begins = name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    match begins && name.len() <= 31 && name.chars().all(plain) {
        true => Ok(name),
        false => Err(refused(
            "the value of --user is not a user name",
            "a user name begins with a letter, and has only letters, digits, - and _",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_comes_out_of_systemd_as_it_went_in() {
        assert_eq!(quoted("--interval"), "--interval");
        assert_eq!(quoted(""), r#""""#);
        assert_eq!(quoted("%Y $HOME"), r#""%%Y $$HOME""#);
        assert_eq!(quoted(r#"a"b\c'd;"#), r#""a\"b\\c'd;""#);
    }
}
