//! `sessionctl deploy cron`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::sweeping::{Server, Sweeping};
use super::systemd::{URI_FILE, installed, user_name};
use super::template::fill;
use super::values::{absolute, checked, path_text, plain_name, refused};
use crate::args::{Global, Uri};
use crate::console::failure::Failure;
use crate::console::text::shell_word;

const TEMPLATE: &str = include_str!("../../deploy/crontab");

/// The longest command that cron reads (`MAX_COMMAND` of Vixie cron).
const LONGEST: usize = 998;

/// Print a crontab that runs a pass every few minutes, silent unless it fails
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl deploy cron > /etc/cron.d/sessionctl
  sessionctl deploy cron -d shop --schedule '*/15 * * * *' --user www-data --mailto ops@example.org
  sessionctl deploy cron --config /etc/sessionctl/sweep.toml")]
pub struct Args {
    #[command(flatten)]
    sweeping: Sweeping,

    /// Run a pass on SCHEDULE: five cron fields, or a name such as @hourly
    #[arg(long, value_name = "SCHEDULE", default_value = "*/5 * * * *", help_heading = "Crontab")]
    schedule: String,

    /// Run as user NAME, who must be able to read the files in use
    #[arg(long, value_name = "NAME", default_value = "www-data", help_heading = "Crontab")]
    user: String,

    /// Mail failures to ADDRESS
    #[arg(long, value_name = "ADDRESS", default_value = "root", help_heading = "Crontab")]
    mailto: String,

    /// Run the program at PATH [default: this program if it is installed, else /usr/bin/sessionctl]
    #[arg(long, value_name = "PATH", help_heading = "Crontab")]
    binary: Option<PathBuf>,

    /// Name of the file in /etc/cron.d, without a dot
    #[arg(long, value_name = "NAME", default_value = "sessionctl", help_heading = "Crontab")]
    name: String,
}

pub fn table(args: &Args, global: &Global, uri: &Uri) -> Result<String, Failure> {
    let user = user_name(&args.user)?;
    let mut words = vec![installed(args.binary.as_deref())?];
    words.extend(args.sweeping.pass(global, absolute)?);
    let mut steps = match Server::of(global, uri)? {
        Server::Plain(uri) => {
            words.extend(["--uri".to_owned(), uri]);
            String::new()
        }
        Server::File(path) => {
            let path = path.map_or_else(|| URI_FILE.into(), |path| absolute(&path));
            let path = path_text("--uri-file", &path)?;
            let steps = format!(
                "# Write the connection string to a file that only {user} can read:\n\
                 #   install -D -m 0400 -o {user} /dev/stdin {}\n",
                shell_word(&path)
            );
            words.extend(["--uri-file".to_owned(), path]);
            steps
        }
    };
    if let Some(archive) = &args.sweeping.archive {
        let folder = folder(archive)?;
        // Writing to a String cannot fail.
        let _ = write!(
            steps,
            "# Create the folder for the archives, which {user} writes:\n#   install -d -m 0700 -o {user} {folder}\n"
        );
    }
    Ok(fill(
        TEMPLATE,
        &[
            (
                "name",
                plain_name(&args.name, "-_", "cron ignores files with a name like that of --name")?,
            ),
            ("steps", &steps),
            ("mailto", address(&args.mailto)?),
            ("schedule", schedule(&args.schedule)?),
            ("user", user),
            ("command", &command(&words)?),
        ],
    ))
}

/// The folder of the archives, quoted for a shell.
fn folder(archive: &Path) -> Result<String, Failure> {
    let Some(folder) = archive.parent().filter(|_| archive.is_absolute()) else {
        let hint = "write to /var/lib/sessionctl, or pass another absolute path";
        return Err(refused("the path of --archive is not absolute", hint));
    };
    Ok(shell_word(&path_text("--archive", folder)?).into_owned())
}

fn command(words: &[String]) -> Result<String, Failure> {
    if words.iter().any(|word| word.contains('\\')) {
        // Cron implementations differ in how they treat a backslash before any character but %.
        let sentence = "a value contains a backslash, which a crontab cannot express";
        return Err(refused(sentence, "write the options to a file, and pass it with --config"));
    }
    let words: Vec<_> = words.iter().map(|word| shell_word(word)).collect();
    // cron reads % as the end of the line, within quotes too.
    let command = words.join(" ").replace('%', "\\%");
    if command.len() > LONGEST {
        let sentence = format!("the command is longer than the {LONGEST} bytes that cron accepts");
        return Err(refused(sentence, "write the options to a file, and pass it with --config"));
    }
    Ok(command)
}

/// A schedule in the syntax of both cron and Kubernetes.
pub fn schedule(text: &str) -> Result<&str, Failure> {
    const NAMES: [&str; 7] =
        ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
    let fields: Vec<_> = text.split(' ').collect();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "*/,-".contains(letter);
    // The smallest and the largest value of each field.
    const RANGES: [(u32, u32); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];
    let is_field = |(field, (least, most)): (&&str, (u32, u32))| {
        let numbers = field.split(|letter: char| !letter.is_ascii_digit());
        let mut numbers = numbers.filter(|number| !number.is_empty());
        let fits = |number: &str| number.parse().is_ok_and(|n: u32| n >= least && n <= most);
        // A step may be any number.
        let fits = |number: &str| fits(number) || field.contains(&format!("/{number}"));
        !field.is_empty() && field.chars().all(plain) && numbers.all(fits)
    };
    if NAMES.contains(&text) || (fields.len() == 5 && fields.iter().zip(RANGES).all(is_field)) {
        return Ok(text);
    }
    let hint = "write minute, hour, day, month and weekday, such as '*/5 * * * *', or a name such as @hourly";
    Err(refused("the value of --schedule is not a schedule", hint))
}

fn address(text: &str) -> Result<&str, Failure> {
    checked("--mailto", text)?;
    match text.contains(|letter: char| letter.is_whitespace() || "\"'\\`$|;&<>".contains(letter)) {
        false => Ok(text),
        true => Err(refused(
            "the value of --mailto is not an address",
            "write one such as ops@example.org",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_and_cron_give_back_the_words() {
        let words = ["a b", "it's", "$HOME", "%Y-%m", "plain"].map(str::to_owned);
        let wanted = r#"'a b' 'it'"'"'s' '$HOME' \%Y-\%m plain"#;
        assert_eq!(command(&words).unwrap(), wanted);
        assert!(command(&["a\\b".to_owned()]).is_err());
    }

    #[test]
    fn a_schedule_has_five_fields_or_a_name() {
        for right in ["*/5 * * * *", "0 3 * * MON-FRI", "@hourly"] {
            assert!(schedule(right).is_ok(), "{right}");
        }
        for wrong in ["", "* * * *", "* * * * * root", "*/5 * * * *\n", "@reboot", "% * * * *"] {
            assert!(schedule(wrong).is_err(), "{wrong}");
        }
    }
}
