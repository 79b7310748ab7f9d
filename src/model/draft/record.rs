//! Writes the guesses as a record, each with its reasons above it.

use super::expiry::ExpiryGuess;
use super::fields::Survey;
use super::id::IdGuess;
use super::payload::PayloadGuess;
use super::text::{comments, instants, line, list, printable, quoted, slug, types};
use crate::model::layout::BsonType;

/// A record that is being drafted.
#[derive(Debug, Default)]
pub(super) struct Record {
    collection: String,
    /// The comment at the top of the draft.
    pub(super) head: Vec<String>,
    pub(super) id: IdGuess,
    pub(super) payload: PayloadGuess,
    pub(super) expiry: ExpiryGuess,
    pub(super) user: Vec<String>,
    /// The fields that every session has, with their types.
    require: Vec<(String, Vec<BsonType>)>,
}

impl Record {
    pub(super) fn new(namespace: &str, all: usize, sessions: usize) -> Self {
        let (_, collection) = namespace.split_once('.').unwrap_or(("", namespace));
        let mut head = vec![
            format!("A draft for {}, guessed from {all} documents.", printable(namespace)),
            "Check each line against the application before you write to the collection with this \
             layout."
                .to_owned(),
        ];
        if sessions < all {
            head.push(format!(
                "Doubt: {} documents have no payload, and are foreign here.",
                all - sessions
            ));
        }
        Self { collection: collection.to_owned(), head, ..Self::default() }
    }

    /// Chooses the fields that distinguish its documents from others.
    pub(super) fn require(&mut self, survey: &Survey<'_>) {
        let instants = self.expiry.touched.iter().chain(&self.expiry.created).map(|(path, _)| path);
        let payload = self.payload.path.iter();
        let rule = self.expiry.path.iter().filter(|_| self.expiry.ends_by_touch());
        let id = [self.id.path.clone()];
        let mut require: Vec<(String, Vec<BsonType>)> = Vec::new();
        let paths = id.iter().chain(payload).chain(rule).chain(instants);
        for path in paths.filter(|path| !path.contains('.')) {
            let Some(field) = survey.get(path) else { continue };
            let is_new = !require.iter().any(|(known, _)| known == path);
            if is_new && field.there == survey.total {
                require.push((path.clone(), field.types.clone()));
            }
        }
        if let Some(field) = survey.get("_id").filter(|_| require.is_empty()) {
            require.push(("_id".to_owned(), field.types.clone()));
        }
        self.require = require;
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        comments(&mut text, &self.head);
        let name = format!("{}-draft", slug(&self.collection));
        line(&mut text, "name", &quoted(&name));
        line(&mut text, "stores", "[\"unknown\"]");
        line(&mut text, "collections", &list(std::slice::from_ref(&self.collection)));
        comments(
            &mut text,
            &["Doubt: the documents do not show whether the store refuses an expired session. \
                 If it does, set this to true and see [end]."],
        );
        line(&mut text, "checks_expiry_on_read", "false");
        line(&mut text, "touched", &instants(&self.expiry.touched));
        line(&mut text, "created", &instants(&self.expiry.created));
        let reason = match self.user.as_slice() {
            [] => {
                "Doubt: nothing looks like a user. If there is one, add its path in the payload, \
                 or its field: /user"
            }
            [_] => "This looks like a user.",
            _ => {
                "Doubt: these look like users. The first that a session has counts; remove the wrong ones."
            }
        };
        comments(&mut text, &[reason]);
        line(&mut text, "user", &list(&self.user));
        self.id_and_payload(&mut text);
        self.expiry_and_end(&mut text);
        self.ttl_and_detect(&mut text);
        text
    }

    fn id_and_payload(&self, text: &mut String) {
        text.push_str("\n[id]\n");
        comments(text, &self.id.reasons);
        line(text, "path", &quoted(&self.id.path));
        line(text, "types", &types(&self.id.types));
        if !self.id.prefix.is_empty() {
            line(text, "prefix", &quoted(&self.id.prefix));
        }
        let payload = &self.payload;
        text.push_str("\n[payload]\n");
        comments(text, &payload.reasons);
        if let Some(path) = &payload.path {
            line(text, "path", &quoted(path));
        }
        if !payload.exclude.is_empty() {
            line(text, "exclude", &list(&payload.exclude));
        }
        line(text, "codecs", &list(&payload.codecs));
        if let Some(cookie) = payload.cookie {
            line(text, "cookie", &quoted(cookie));
        }
    }

    fn expiry_and_end(&self, text: &mut String) {
        let expiry = &self.expiry;
        text.push_str("\n[[expiry]]\n");
        comments(text, &expiry.reasons);
        text.push_str(&expiry.rule.join("\n"));
        text.push('\n');
        if expiry.path.is_some() {
            comments(
                text,
                &[
                    "Doubt: where it is null or missing, the session is kept forever. \"expired\" and \
                   \"malformed\" are the other readings.",
                ],
            );
            line(text, "null", "\"endless\"");
            line(text, "missing", "\"endless\"");
        }
        comments(text, &expiry.others);
        if let Some(end) = &expiry.end {
            let how = "If the store refuses expired sessions, this lets `expire` end one:";
            comments(text, &[how, "[end]", end.as_str()]);
        }
    }

    fn ttl_and_detect(&self, text: &mut String) {
        if let Some(ttl) = &self.expiry.ttl {
            text.push_str("\n[ttl_index]\n");
            line(text, "key", &quoted(&ttl.key));
            line(text, "name", &quoted(&ttl.name));
            if let Some(seconds) = ttl.seconds {
                line(text, "seconds", &seconds.to_string());
            }
            if ttl.descending {
                line(text, "descending", "true");
            }
        }
        text.push_str("\n[detect]\n");
        comments(
            text,
            &["Fields that every sampled document has. A document without one of them is not a \
               session."],
        );
        let fields = |fields: &[(String, Vec<BsonType>)]| {
            let one = |(path, kinds): &(String, Vec<BsonType>)| {
                format!("{} = {}", quoted(path), types(kinds))
            };
            format!("{{ {} }}", fields.iter().map(one).collect::<Vec<_>>().join(", "))
        };
        line(text, "require", &fields(&self.require));
        let expiry = self.expiry.path.as_ref().filter(|path| {
            !self.require.iter().any(|(known, _)| known == *path) && !self.expiry.types.is_empty()
        });
        if let Some(path) = expiry {
            line(text, "expiry", &fields(&[(path.clone(), self.expiry.types.clone())]));
        }
    }
}

impl ExpiryGuess {
    /// Whether the state of a session depends on its last touch.
    fn ends_by_touch(&self) -> bool {
        self.rule.iter().any(|line| line.starts_with("lifetime"))
    }
}
