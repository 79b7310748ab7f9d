//! What servers and the driver say, without the values that they quote: these may be session ids.

use std::error::Error as _;

use mongodb::error::{Error, ErrorKind, WriteFailure};

/// The driver's error in its own words. Only what a server said is cut.
pub(super) fn described(error: &Error) -> String {
    let mut text = match error.kind.as_ref() {
        ErrorKind::Command(error) => said("Command", error.code, &error.code_name, &error.message),
        ErrorKind::Write(WriteFailure::WriteError(error)) => {
            let name = error.code_name.as_deref().unwrap_or_default();
            said("WriteError", error.code, name, &error.message)
        }
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => {
            said("WriteConcernError", error.code, &error.code_name, &error.message)
        }
        // These repeat a value that they cannot read.
        kind @ (ErrorKind::Bson(_) | ErrorKind::InvalidResponse { .. }) => {
            without_quoted(&kind.to_string())
        }
        ErrorKind::InsertMany(_) => "InsertMany".to_owned(),
        ErrorKind::BulkWrite(_) => "BulkWrite".to_owned(),
        kind => format!("{kind:?}"),
    };
    let mut labels: Vec<_> = error.labels().iter().map(String::as_str).collect();
    labels.sort_unstable();
    if !labels.is_empty() {
        text.push_str(&format!("; labels: {}", labels.join(", ")));
    }
    if let Some(source) = error.source().and_then(|source| source.downcast_ref()) {
        text.push_str(&format!("; source: {}", described(source)));
    }
    text
}

fn said(kind: &str, code: i32, name: &str, message: &str) -> String {
    format!("{kind} {{ code: {code}, name: {name:?}, message: {:?} }}", without_values(message))
}

fn without_quoted(text: &str) -> String {
    let parts = text.split('"').enumerate();
    parts.map(|(at, part)| if at % 2 == 0 { part } else { "\"...\"" }).collect()
}

/// A server's message without the values it quotes: a duplicate key error repeats the key, which
/// may be a session id.
pub(crate) fn without_values(message: &str) -> String {
    const LONGEST: usize = 200;
    // If a query cannot be planned, the message repeats it completely, with its values, before the
    // reason.
    let message = match message.split_once(" planner returned error :: caused by :: ") {
        Some((query, reason)) if query.starts_with("error processing query") => reason,
        _ => message,
    };
    let end = ["dup key:", "Tree: ", "{ ", "{\"", " doc: ", "key: "]
        .iter()
        .filter_map(|start| message.find(start))
        .min()
        .unwrap_or(message.len());
    let mut short: String = message[..end].chars().take(LONGEST).collect();
    short.truncate(short.trim_end_matches([' ', ':', '.', ',']).len());
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_key_error_does_not_repeat_the_key() {
        let message = "E11000 duplicate key error collection: test.sessions index: _id_ dup key: { _id: \"secret\" }";
        assert_eq!(
            without_values(message),
            "E11000 duplicate key error collection: test.sessions index: _id_"
        );
    }

    #[test]
    fn a_query_that_cannot_be_planned_is_not_repeated() {
        let message = "error processing query: ns=x.s limit=1 skip=5Tree: expires $lt new \
                       Date(1)\nSort: { expires: 1 }\nProj: {}\n planner returned error :: caused by \
                       :: hint provided does not correspond to an existing index";
        let wanted = "hint provided does not correspond to an existing index";
        assert_eq!(without_values(message), wanted);
    }

    #[test]
    fn a_long_message_is_cut() {
        assert_eq!(without_values(&"é".repeat(500)).chars().count(), 200);
    }

    #[test]
    fn what_the_driver_says_repeats_no_value() {
        for message in [
            "error processing query: ns=x.s batchSize=1000Tree: _id $in [ \"4fZmXeS8Vq6p2h\" ]\nSort: {}\n \
             planner returned error :: caused by :: No query solutions",
            "error processing query: ns=x.sTree: _id $eq \"4fZmXeS8Vq6p2h\"\nplanner returned error: bad",
            "E11000 duplicate key error index: sid_1 dup key: { sid: \"4fZmXeS8Vq6p2h\" }",
        ] {
            let command = bson::doc! { "code": 2, "codeName": "BadValue", "errmsg": message };
            let command = bson::deserialize_from_document(command).unwrap();
            let text = described(&ErrorKind::Command(command).into());
            assert!(text.contains("code: 2, name: \"BadValue\""), "{text}");
            assert!(!text.contains("4fZmXeS8Vq6p2h"), "{text}");
        }
        let decoding = bson::deserialize_from_document::<i32>(bson::doc! { "a": "4fZmXeS8Vq6p2h" });
        let text = described(&Error::from(ErrorKind::Bson(decoding.unwrap_err())));
        assert!(!text.contains("4fZmXeS8Vq6p2h"), "{text}");
    }
}
