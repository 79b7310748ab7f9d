//! `sessionctl inspect`

use bson::{Bson, RawDocument};
use sessionctl::payload::{Payload, mask};
use sessionctl::store::{Reading, documents};
use sessionctl::{Layout, Session};

use super::list;
use crate::args::{Format, SelectionArgs, id};
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::json;
use crate::console::output::{self, Cell, Row, Shape};
use crate::context::{Context, Purpose};

/// Show whole sessions: dates, user, and the decoded payload with secrets masked
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sessionctl inspect 7ZQOhQlxWzrh
  sessionctl inspect --reveal -- -3FhWn2_q9Zk
  sessionctl inspect - < ids.txt
  sessionctl inspect --raw -o ndjson 7ZQOhQlxWzrh | sessionctl restore - -c copies --yes")]
pub struct Args {
    /// Session ids, or unique prefixes of at least 8 characters. Pass - to read ids from stdin,
    /// one per line. Put ids that begin with - after --
    #[arg(value_name = "ID", value_parser = id, required = true)]
    pub ids: Vec<String>,

    /// Show values that look like secrets
    #[arg(long)]
    reveal: bool,

    /// Print the stored documents unmasked, as canonical Extended JSON. sessionctl restore can read the
    /// output of --raw -o ndjson
    #[arg(long)]
    raw: bool,
}

const HEADER: &[&str] = &[
    "id",
    "state",
    "expires",
    "touched",
    "created",
    "user",
    "bytes",
    "layout",
    "namespace",
    "payload",
    "payload_error",
];

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let Some(store) = context.store("inspect", Purpose::Reading).await? else {
        let sentence = format!("could not inspect: {} is empty", context.collection());
        return Err(Failure::new(Exit::Failed, sentence));
    };
    let action = format!("inspect {}", store.namespace());
    let now = store.now().await.doing(&action)?;
    let typed = SelectionArgs { ids: args.ids.clone(), ..SelectionArgs::default() };
    let selected = context.selected("inspect", &store, &typed, now, Purpose::Reading).await?;
    if args.raw {
        context.note(
            "warning",
            "--raw masks nothing: anyone who sees the output may be able to log in with it",
        );
    }
    let filters = selected.selection.filter(store.layouts()).doing(&action)?;
    let shape = match context.global.format {
        Format::Table => Shape::One,
        _ => Shape::Many,
    };
    let mut rows = context.rows(shape, HEADER).now(now);
    let mut raw = Vec::new();
    for filter in filters {
        let mut batches = store.read(filter, &Reading::default()).await.doing(&action)?;
        while let Some(batch) = batches.next().await.doing(&action)? {
            for document in documents(&batch) {
                if args.raw {
                    raw.push(canonical(document));
                    continue;
                }
                let layout = store.layouts().of(document);
                let payload = layout.payload(document);
                let session = layout.session(document, &payload, now);
                if shape == Shape::One && rows.printed() > 0 {
                    rows.gap()?;
                }
                let whole = Whole { session, payload, layout, namespace: store.namespace() };
                rows.row(row(context.global.full_ids, args.reveal, whole))?;
            }
        }
    }
    if args.raw {
        print_raw(context, raw)?;
    } else {
        rows.finish()?;
        context.note_survivors(store.layouts());
    }
    selected.end(&store.namespace())
}

/// A session with its payload, its layout and its namespace.
pub struct Whole<'a> {
    pub session: Session,
    pub payload: Payload,
    pub layout: &'a Layout,
    pub namespace: String,
}

/// The row of a session with its payload, in which secrets are masked unless they are revealed.
pub fn row(full_ids: bool, reveal: bool, whole: Whole<'_>) -> Row {
    let Whole { session, payload, layout, namespace } = whole;
    let error = payload.error();
    let value = match payload {
        Payload::Value(mut value) => {
            if !reveal {
                mask(&mut value);
            }
            Some(value)
        }
        _ => None,
    };
    let mut row = list::row(session, full_ids);
    row.0.extend([
        ("layout", Cell::Text(layout.name.clone())),
        ("namespace", Cell::Text(namespace)),
        ("payload", Cell::maybe(value, Cell::Json)),
        ("payload_error", Cell::maybe(error, Cell::Text)),
    ]);
    row
}

/// The document as canonical Extended JSON. Text that is not UTF-8 has no such form; it is shown
/// with replacement characters.
fn canonical(document: &RawDocument) -> serde_json::Value {
    let lossy = || bson::Utf8Lossy::<bson::Document>::try_from(document).map(|lossy| lossy.0).ok();
    bson::Document::try_from(document)
        .ok()
        .or_else(lossy)
        .map_or(serde_json::Value::Null, |document| {
            Bson::Document(document).into_canonical_extjson()
        })
}

fn print_raw(context: &Context, documents: Vec<serde_json::Value>) -> Result<(), Failure> {
    match context.global.format {
        Format::Json => output::text(&json::pretty_text(&serde_json::Value::Array(documents))),
        Format::Table | Format::Csv => {
            let texts: Vec<_> = documents.iter().map(json::pretty_text).collect();
            output::text(&texts.concat())
        }
        Format::Ndjson => {
            let lines: Vec<_> =
                documents.iter().map(|document| json::json_text(document) + "\n").collect();
            output::text(&lines.concat())
        }
    }
}
