//! `sessionctl inspect`

use bson::{Bson, RawDocument};
use serde_json::Value;
use sessionctl::payload::{Payload, mask};
use sessionctl::store::{Reading, documents};
use sessionctl::{Layout, Session, archive};

use super::list;
use crate::args::{Format, SelectionArgs, id};
use crate::console::failure::{Doing as _, Exit, Failure};
use crate::console::json;
use crate::console::output::{self, Cell, Row, Shape};
use crate::console::report;
use crate::console::text::{neutral, sessions};
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
    /// output of --raw -o ndjson, which leaves out documents that JSON cannot represent
    #[arg(long)]
    raw: bool,
}

/// How many of the sessions that JSON cannot represent are named.
const NAMED: usize = 5;

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
    if args.raw && context.global.format == Format::Csv {
        let sentence = "--raw prints whole documents, which csv cannot hold";
        return Err(Failure::new(Exit::Usage, sentence).hint("use -o ndjson"));
    }
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
    let mut raw = Raw::new(context.global.format);
    let mut read = 0;
    for filter in filters {
        let mut batches = store.read(filter, &Reading::default()).await.doing(&action)?;
        while let Some(batch) = batches.next().await.doing(&action)? {
            for document in documents(&batch) {
                read += 1;
                let layout = store.layouts().of(document);
                if args.raw {
                    raw.add(layout, document);
                    continue;
                }
                let payload = layout.payload(document);
                let session = layout.session(document, &payload, now);
                if shape == Shape::One && rows.printed() > 0 {
                    rows.gap()?;
                }
                let whole = Whole { session, payload, layout, namespace: store.namespace() };
                rows.row(row(context.global.full_ids, args.reveal, whole))?;
            }
            raw.print()?;
        }
    }
    let mut end = selected.end(&store.namespace());
    let named = selected.selection.keys.as_ref().map_or(0, Vec::len) as u64;
    let removed = named.saturating_sub(read);
    if removed > 0 {
        if let Err(unknown) = end {
            report::fail(context.global.verbose, &unknown);
        }
        let were = if removed == 1 { "was" } else { "were" };
        let sentence =
            format!("could not {action}: {} {were} removed meanwhile", sessions(removed));
        end = Err(Failure::new(Exit::Failed, sentence));
    }
    if args.raw {
        return raw.finish(context, &store.namespace(), end);
    }
    rows.finish()?;
    context.note_survivors(store.layouts());
    end
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

/// Documents as they are stored, as far as JSON can represent them, printed batch by batch.
struct Raw {
    format: Format,
    /// The text of a batch.
    text: String,
    printed: u64,
    /// The number of those that JSON cannot represent, and the short ids of the first.
    altered: u64,
    named: Vec<String>,
}

impl Raw {
    fn new(format: Format) -> Self {
        Self { format, text: String::new(), printed: 0, altered: 0, named: Vec::new() }
    }

    fn add(&mut self, layout: &Layout, document: &RawDocument) {
        let is_altered = archive::line(document).is_none();
        if is_altered {
            self.altered += 1;
            if self.named.len() < NAMED {
                let id = layout.id_of(document).short();
                self.named.push(format!("{}...", neutral(&id)));
            }
        }
        // A restore of this format would write another document than the one that is stored.
        if is_altered && self.format == Format::Ndjson {
            return;
        }
        let document = canonical(document);
        self.text += &match self.format {
            Format::Ndjson => json::json_text(&document) + "\n",
            Format::Table | Format::Csv => json::pretty_text(&document),
            Format::Json => {
                // An element of an array, without the array.
                let array = json::pretty_text(&Value::Array(vec![document]));
                let element = array.trim_start_matches("[\n").trim_end_matches("\n]\n");
                format!("{}{element}", if self.printed == 0 { "[\n" } else { ",\n" })
            }
        };
        self.printed += 1;
    }

    /// Prints the batch.
    fn print(&mut self) -> Result<(), Failure> {
        output::text(&std::mem::take(&mut self.text))
    }

    /// Ends the output. What JSON cannot represent is a failure, beside the ids that are unknown.
    fn finish(
        self,
        context: &Context,
        namespace: &str,
        end: Result<Exit, Failure>,
    ) -> Result<Exit, Failure> {
        if self.format == Format::Json {
            output::text(if self.printed == 0 { "[]\n" } else { "\n]\n" })?;
        }
        if self.altered == 0 {
            return end;
        }
        if let Err(unknown) = end {
            report::fail(context.global.verbose, &unknown);
        }
        let (those, named) = (sessions(self.altered), self.named.join(", "));
        let sentence = format!("JSON cannot represent {those} of {namespace} exactly ({named})");
        Err(Failure::new(Exit::Failed, sentence)
            .hint("`sessionctl purge --archive FILE.bson` and `sessionctl copy` keep every byte"))
    }
}

/// The document as canonical Extended JSON. Text that is not UTF-8 has no such form; it is shown
/// with replacement characters.
fn canonical(document: &RawDocument) -> Value {
    let lossy = || bson::Utf8Lossy::<bson::Document>::try_from(document).map(|lossy| lossy.0).ok();
    bson::Document::try_from(document)
        .ok()
        .or_else(lossy)
        .map_or(Value::Null, |document| Bson::Document(document).into_canonical_extjson())
}
