//! A remedy as a command that can be copied: it repeats what was typed here, so that it works on the
//! same collection of the same server.

use sessionctl::connection::Connection;
use sessionctl::doctor::{Facts, Remedy, Task};
use sessionctl::index::Aim;
use std::borrow::Cow;

use crate::args::{DEFAULT_URI, Uri};
use crate::console::failure::Failure;
use crate::console::text::shell_word;
use crate::context::Context;

/// The options that every command repeats. Environment variables are not repeated, and neither is a
/// password.
#[derive(Debug, Default)]
pub struct Commands {
    database: String,
    collection: String,
    /// Other options of sessionctl.
    options: Vec<(&'static str, String)>,
    /// The connection string for mongosh, without a login; `None` if it is the default of mongosh.
    server: Option<String>,
    /// The user. mongosh asks for the password.
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
                context.note(
                    "note",
                    "the commands below omit --uri, because it contains a password: add it again",
                );
            }
            Uri::Given(_) => options.push(("--uri", public.clone())),
            Uri::File(path) => options.push(("--uri-file", path.display().to_string())),
            Uri::Stdin => options.push(("--uri", "-".to_owned())),
        }
        if let Some(path) = &global.layout_file {
            options.push(("--layout-file", path.display().to_string()));
        }
        if let Some(name) = global.layout_name() {
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

    /// The command for a shell. It never contains `--yes`, so that it asks before a session ends.
    pub fn command(&self, remedy: &Remedy) -> String {
        let (verb, rest): (Cow<'_, str>, Cow<'_, str>) = match remedy {
            Remedy::Script { task, script } => return self.mongosh(*task, script),
            Remedy::SetClock => return "timedatectl set-ntp true".to_owned(),
            Remedy::NameLayout | Remedy::DetectLayout | Remedy::Examine { .. } => {
                ("doctor".into(), "".into())
            }
            Remedy::Purge(state) => (format!("purge --{}", state.name()).into(), "".into()),
            // An id may begin with a dash.
            Remedy::PurgeSession { id } => ("purge".into(), format!("-- {id}").into()),
            Remedy::FixExpiry => ("fix expiry".into(), "".into()),
            Remedy::FixEndless => ("fix endless".into(), "".into()),
            Remedy::Sweep { interval } => {
                ("sweep".into(), format!("--interval {}", interval.as_secs()).into())
            }
            Remedy::Index { aim, drain } => {
                let verb = match aim {
                    Aim::Install => "index install",
                    Aim::Replace => "index replace",
                };
                (verb.into(), if *drain { "--drain" } else { "" }.into())
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
    fn mongosh(&self, task: Task, script: &str) -> String {
        let mut words = vec!["mongosh"];
        words.extend(self.server.as_deref());
        if let Some(login) = &self.login {
            let by_administrator = task == Task::GrantRoles;
            words.extend(["--username", if by_administrator { "ADMINISTRATOR" } else { login }]);
        }
        words.extend(["--eval", script]);
        words.into_iter().map(shell_word).collect::<Vec<_>>().join(" ")
    }
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
    use std::time::Duration;

    use sessionctl::State;

    use super::*;

    fn commands() -> Commands {
        let (database, collection) = ("app".to_owned(), "sessions".to_owned());
        Commands { database, collection, ..Commands::default() }
    }

    #[test]
    fn each_remedy_is_a_command() {
        let index = |aim, drain| Remedy::Index { aim, drain };
        for (remedy, command) in [
            (Remedy::NameLayout, "doctor -d app -c sessions"),
            (Remedy::Examine { collection: "all".into() }, "doctor -d app -c all"),
            (Remedy::Purge(State::Malformed), "purge --malformed -d app -c sessions"),
            (Remedy::Purge(State::Expired), "purge --expired -d app -c sessions"),
            (
                Remedy::PurgeSession { id: "-a1b2c3d4e5f".into() },
                "purge -d app -c sessions -- -a1b2c3d4e5f",
            ),
            (Remedy::FixExpiry, "fix expiry -d app -c sessions"),
            (Remedy::FixEndless, "fix endless -d app -c sessions"),
            (
                Remedy::Sweep { interval: Duration::from_secs(60) },
                "sweep -d app -c sessions --interval 60",
            ),
            (index(Aim::Install, true), "index install -d app -c sessions --drain"),
            (index(Aim::Replace, false), "index replace -d app -c sessions"),
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
            r#"sessionctl fix expiry --uri-file '/etc/my uri' --layout fiber -d app -c 'it'"'"'s'"#
        );
        assert_eq!(
            commands.command(&Remedy::DetectLayout),
            r#"sessionctl doctor --uri-file '/etc/my uri' -d app -c 'it'"'"'s'"#
        );
        let script = |task| {
            let script = r#"db.getSiblingDB("app").dropUser("it's")"#.to_owned();
            commands.command(&Remedy::Script { task, script })
        };
        assert_eq!(
            script(Task::DropIndex),
            r#"mongosh mongodb://db1:27017/ --username ops --eval 'db.getSiblingDB("app").dropUser("it'"'"'s")'"#
        );
        assert!(script(Task::GrantRoles).contains("--username ADMINISTRATOR --eval"));
    }

    #[test]
    fn a_connection_string_is_repeated_without_its_login() {
        let public = ("mongodb://h:1/d".to_owned(), true);
        assert_eq!(without_login("mongodb://u:p@ss@h:1/d"), public);
    }
}
