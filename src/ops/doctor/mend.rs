//! How the commands that mend are spelled: exactly, with the operator's own options.

use std::borrow::Cow;

/// What every command has to repeat so that it works on the same collection of the same server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commands {
    /// The database.
    pub database: String,
    /// The collection.
    pub collection: String,
    /// Options that sessionctl wants again, as words, such as `--uri-file FILE`.
    pub options: Vec<String>,
    /// What stands between `mongosh` and `--eval`, as words. Never a password: mongosh asks for it.
    pub mongosh: Vec<String>,
}

impl Commands {
    /// Leaves these options, and their values, away.
    pub(super) fn forget(&mut self, names: &[&str]) {
        while let Some(at) = self.options.iter().position(|word| names.contains(&word.as_str())) {
            self.options.drain(at..(at + 2).min(self.options.len()));
        }
    }

    /// The same for another login, who is to be named.
    pub(super) fn without_login(&self) -> Self {
        let mut commands = self.clone();
        if let Some(at) = commands.mongosh.iter().position(|word| word == "--username") {
            commands.mongosh.truncate(at);
            commands.mongosh.extend(["--username".to_owned(), "ADMINISTRATOR".to_owned()]);
        }
        commands
    }

    /// A command of sessionctl on this collection: `sessionctl VERB -d DATABASE -c COLLECTION REST`.
    pub(super) fn sessionctl(&self, verb: &str, rest: &str) -> String {
        let mut words = vec!["sessionctl".into(), verb.into()];
        words.extend(self.options.iter().map(|word| quoted(word)));
        words.extend(["-d".into(), quoted(&self.database), "-c".into(), quoted(&self.collection)]);
        words.extend(Some(Cow::Borrowed(rest)).filter(|rest| !rest.is_empty()));
        words.join(" ")
    }

    /// The same, on another collection of the same database.
    pub(super) fn sessionctl_on(&self, collection: &str, verb: &str, rest: &str) -> String {
        Self { collection: collection.to_owned(), ..self.clone() }.sessionctl(verb, rest)
    }

    /// JavaScript for mongosh, as a command of the shell.
    pub(super) fn mongosh(&self, script: &str) -> String {
        let mut words: Vec<Cow<'_, str>> = vec!["mongosh".into()];
        words.extend(self.mongosh.iter().map(|word| quoted(word)));
        words.extend(["--eval".into(), quoted(script)]);
        words.join(" ")
    }

    /// A method of the collection, for mongosh.
    pub(super) fn on_collection(&self, call: &str) -> String {
        self.mongosh(&format!("{}.{call}", self.script_of(&self.collection)))
    }

    /// JavaScript that is the collection of this name.
    pub(super) fn script_of(&self, collection: &str) -> String {
        format!("{}.getCollection({})", self.script_of_database(), text(collection))
    }

    /// JavaScript that is the database.
    pub(super) fn script_of_database(&self) -> String {
        format!("db.getSiblingDB({})", text(&self.database))
    }
}

/// A text as JavaScript has it.
pub(super) fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A word as a shell takes it for one.
fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./:,@%+=".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_repeats_the_options_and_quotes_what_a_shell_would_take_apart() {
        let commands = Commands {
            database: "app".into(),
            collection: "it's".into(),
            options: vec!["--uri-file".into(), "/etc/my uri".into()],
            mongosh: vec!["mongodb://db1:27017/".into()],
        };
        assert_eq!(
            commands.sessionctl("index install", "--yes"),
            r"sessionctl index install --uri-file '/etc/my uri' -d app -c 'it'\''s' --yes"
        );
        assert_eq!(
            commands.on_collection(r#"dropIndex("x")"#),
            r#"mongosh mongodb://db1:27017/ --eval 'db.getSiblingDB("app").getCollection("it'\''s").dropIndex("x")'"#
        );
    }
}
