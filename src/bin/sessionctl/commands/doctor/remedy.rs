//! A remedy as a command that can be copied: it repeats what was typed here, so that it works on the
//! same collection of the same server.

use std::borrow::Cow;
use std::time::Duration;

use bson::DateTime;
use sessionctl::connection::Connection;
use sessionctl::doctor::{Facts, Remedy};
use sessionctl::index::Aim;

use crate::args::{DEFAULT_URI, Uri};
use crate::console::failure::Failure;
use crate::console::text::{exact_duration, shell_word};
use crate::context::Context;

/// What every command repeats. What stands in the environment stays there, and a password is never
/// repeated.
#[derive(Debug, Default)]
pub struct Commands {
    database: String,
    collection: String,
    /// Other options of sessionctl.
    options: Vec<(&'static str, String)>,
    /// The connection string that mongosh wants, unless it is its own default, without a login.
    server: Option<String>,
    /// The user, whom mongosh asks for the password.
    login: Option<String>,
}

impl Commands {
    pub fn of(context: &Context, connection: &Connection, facts: &Facts) -> Result<Self, Failure> {
        let global = &context.global;
        let text = context.read_uri()?;
        let (public, has_login) = without_login(text.trim());
        let mut options = Vec::new();
        match &context.uri {
            _ if !global.is_uri_typed => {}
            Uri::Given(_) if has_login => {
                context.note("note", "the commands want --uri again, which has a password in it");
            }
            Uri::Given(_) => options.push(("--uri", public.clone())),
            Uri::File(path) => options.push(("--uri-file", path.display().to_string())),
            Uri::Stdin => options.push(("--uri", "-".to_owned())),
        }
        if let Some(path) = &global.layout_file {
            options.push(("--layout-file", path.display().to_string()));
        } else if let Some(name) = global.layout_name() {
            options.push(("--layout", name));
        }
        options.extend(global.lifetime.map(|it| ("--lifetime", it.as_secs().to_string())));
        options.extend(facts.layout_to_name().map(|name| ("--layout", name.to_owned())));
        let server = Some(public).filter(|uri| uri.trim_end_matches('/') != DEFAULT_URI);
        Ok(Self {
            database: facts.database.clone(),
            collection: facts.collection.clone(),
            options,
            server,
            login: connection.login().map(str::to_owned),
        })
    }

    /// The command for a shell.
    pub fn command(&self, remedy: &Remedy) -> String {
        const YES: &str = "--yes";
        let lifetime = |given: &Option<Duration>| option("--lifetime", given.map(exact_duration));
        let (verb, rest): (Cow<'_, str>, Cow<'_, str>) = match remedy {
            Remedy::Script { script, by_administrator } => {
                return self.mongosh(script, *by_administrator);
            }
            Remedy::SetClock => return "timedatectl set-ntp true".to_owned(),
            Remedy::NameLayout | Remedy::DetectLayout | Remedy::Examine { .. } => {
                ("doctor".into(), "".into())
            }
            Remedy::Purge { state, max_lag } => {
                let max_lag = option("--max-lag", max_lag.map(exact_duration));
                (format!("purge --{}", state.name()).into(), format!("{max_lag}{YES}").into())
            }
            Remedy::PurgeExpiringAfter(after) => {
                (format!("purge --expires-after +{}", exact_duration(*after)).into(), YES.into())
            }
            Remedy::PurgeExpiredBefore(time) => {
                (format!("purge --expires-before {}", date(*time)).into(), YES.into())
            }
            // An id may begin with a dash.
            Remedy::PurgeSession { id } => ("purge".into(), format!("{YES} -- {id}").into()),
            Remedy::FixExpiry => ("fix expiry".into(), YES.into()),
            Remedy::FixEndless { lifetime: given } => {
                ("fix endless".into(), format!("{}{YES}", lifetime(given)).into())
            }
            Remedy::Sweep { interval, rate, lifetime: given } => {
                let rate = option("--rate", *rate);
                let interval = interval.as_secs();
                let rest = format!("{}{rate}--interval {interval}", lifetime(given));
                ("sweep".into(), rest.into())
            }
            Remedy::Index { aim, drain, lifetime: given } => {
                let verb = match aim {
                    Aim::Install => "index install",
                    Aim::Replace => "index replace",
                };
                let drain = if *drain { "--drain " } else { "" };
                (verb.into(), format!("{}{drain}{YES}", lifetime(given)).into())
            }
        };
        let is_kept = |(name, _): &&(&str, String)| {
            *remedy != Remedy::DetectLayout || !name.starts_with("--layout")
        };
        let collection = match remedy {
            Remedy::Examine { collection } => collection,
            _ => &self.collection,
        };
        let mut words = vec![Cow::Borrowed("sessionctl"), verb];
        for (name, value) in self.options.iter().filter(is_kept) {
            words.extend([(*name).into(), shell_word(value)]);
        }
        let place = ["-d".into(), shell_word(&self.database), "-c".into(), shell_word(collection)];
        words.extend(place);
        words.extend(Some(rest).filter(|rest| !rest.is_empty()));
        words.join(" ")
    }

    /// JavaScript for mongosh.
    fn mongosh(&self, script: &str, by_administrator: bool) -> String {
        let mut words = vec!["mongosh"];
        words.extend(self.server.as_deref());
        if let Some(login) = &self.login {
            words.extend(["--username", if by_administrator { "ADMINISTRATOR" } else { login }]);
        }
        words.extend(["--eval", script]);
        words.into_iter().map(shell_word).collect::<Vec<_>>().join(" ")
    }
}

/// An option with its value and a space behind it; nothing if there is no value.
fn option(name: &str, value: Option<impl std::fmt::Display>) -> String {
    value.map(|value| format!("{name} {value} ")).unwrap_or_default()
}

/// A time as it is typed; midnight is a date alone.
fn date(time: DateTime) -> String {
    let text = time.try_to_rfc3339_string().unwrap_or_default();
    text.trim_end_matches("T00:00:00Z").to_owned()
}

/// A connection string without the login in it, and whether there was one.
fn without_login(uri: &str) -> (String, bool) {
    let Some((scheme, rest)) = uri.split_once("://") else { return (String::new(), false) };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => (format!("{scheme}://{}", &rest[at + 1..]), true),
        None => (uri.to_owned(), false),
    }
}

#[cfg(test)]
mod tests {
    use sessionctl::State;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn commands() -> Commands {
        let (database, collection) = ("app".to_owned(), "sessions".to_owned());
        Commands { database, collection, ..Commands::default() }
    }

    #[test]
    fn each_remedy_is_a_command() {
        let lifetime = Some(DAY * 14);
        for (remedy, command) in [
            (Remedy::NameLayout, "doctor -d app -c sessions"),
            (Remedy::Examine { collection: "all".into() }, "doctor -d app -c all"),
            (
                Remedy::Purge { state: State::Malformed, max_lag: None },
                "purge --malformed -d app -c sessions --yes",
            ),
            (
                Remedy::Purge { state: State::Expired, max_lag: Some(Duration::from_secs(10)) },
                "purge --expired -d app -c sessions --max-lag 10s --yes",
            ),
            (
                Remedy::PurgeExpiringAfter(DAY * 730),
                "purge --expires-after +730d -d app -c sessions --yes",
            ),
            (
                Remedy::PurgeExpiredBefore(DateTime::from_millis(946_684_800_000)),
                "purge --expires-before 2000-01-01 -d app -c sessions --yes",
            ),
            (
                Remedy::PurgeSession { id: "-a1b2c3d4e5f".into() },
                "purge -d app -c sessions --yes -- -a1b2c3d4e5f",
            ),
            (Remedy::FixExpiry, "fix expiry -d app -c sessions --yes"),
            (
                Remedy::FixEndless { lifetime },
                "fix endless -d app -c sessions --lifetime 14d --yes",
            ),
            (
                Remedy::Sweep {
                    interval: Duration::from_secs(60),
                    rate: Some(500),
                    lifetime: None,
                },
                "sweep -d app -c sessions --rate 500 --interval 60",
            ),
            (
                Remedy::Index { aim: Aim::Install, drain: true, lifetime },
                "index install -d app -c sessions --lifetime 14d --drain --yes",
            ),
            (
                Remedy::Index { aim: Aim::Replace, drain: false, lifetime: None },
                "index replace -d app -c sessions --yes",
            ),
        ] {
            assert_eq!(commands().command(&remedy), format!("sessionctl {command}"));
        }
    }

    #[test]
    fn a_command_repeats_the_options_and_quotes_what_a_shell_would_take_apart() {
        let commands = Commands {
            collection: "it's".into(),
            options: vec![("--uri-file", "/etc/my uri".into()), ("--layout", "fiber".into())],
            server: Some("mongodb://db1:27017/".into()),
            login: Some("ops".into()),
            ..commands()
        };
        assert_eq!(
            commands.command(&Remedy::FixExpiry),
            r#"sessionctl fix expiry --uri-file '/etc/my uri' --layout fiber -d app -c 'it'"'"'s' --yes"#
        );
        assert_eq!(
            commands.command(&Remedy::DetectLayout),
            r#"sessionctl doctor --uri-file '/etc/my uri' -d app -c 'it'"'"'s'"#
        );
        let script = |by_administrator| {
            let script = r#"db.getSiblingDB("app").dropUser("it's")"#.to_owned();
            commands.command(&Remedy::Script { script, by_administrator })
        };
        assert_eq!(
            script(false),
            r#"mongosh mongodb://db1:27017/ --username ops --eval 'db.getSiblingDB("app").dropUser("it'"'"'s")'"#
        );
        assert!(script(true).contains("--username ADMINISTRATOR --eval"));
    }

    #[test]
    fn a_connection_string_is_repeated_without_its_login() {
        let public = ("mongodb://h:1/d".to_owned(), true);
        assert_eq!(without_login("mongodb://u:p@ss@h:1/d"), public);
    }
}
