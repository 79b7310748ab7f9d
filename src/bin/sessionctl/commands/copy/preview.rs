//! What a dry run of a copy shows: some sessions before and after, and the report of what would be done.

use bson::RawDocument;
use serde_json::{Value, json};
use sessionctl::copy::{CopyPlan, Loss};
use sessionctl::store::{Reading, documents};
use sessionctl::{Layouts, Store};

use super::report::{HEADER, Report};
use crate::args::Format;
use crate::commands::inspect::{Whole, row};
use crate::console::failure::{Exit, Failure};
use crate::console::json::pretty_text;
use crate::console::output::{self, Cell};
use crate::context::Context;

/// Sessions that are shown.
const SAMPLE: usize = 5;

/// Some of the sessions as they are and as they would be, secrets masked.
pub async fn sample(
    context: &Context,
    source: &Store,
    target: &Store,
    copy: &CopyPlan,
) -> sessionctl::Result<Vec<Value>> {
    let mut shown = Vec::new();
    'reading: for filter in copy.selection.filter(source.layouts())? {
        let mut batches = source.read(filter, &Reading::default()).await?;
        while let Some(batch) = batches.next().await? {
            for document in documents(&batch) {
                if shown.len() == SAMPLE {
                    break 'reading;
                }
                if copy.selection.session(source.layouts(), document).is_some() {
                    shown.push(pair(context, source, target, copy, document));
                }
            }
        }
    }
    Ok(shown)
}

fn pair(
    context: &Context,
    source: &Store,
    target: &Store,
    copy: &CopyPlan,
    document: &RawDocument,
) -> Value {
    let show = |document: &RawDocument, layouts: &Layouts, namespace: String| {
        let layout = layouts.of(document);
        let payload = layout.payload(document);
        let session = layout.session(document, &payload, copy.now);
        row(context.global.full_ids, false, Whole { session, payload, layout, namespace }).json()
    };
    let before = show(document, source.layouts(), source.namespace());
    let converted = match &copy.converter {
        Some(converter) => converter.convert(document),
        None => Ok(document.to_owned()),
    };
    match converted {
        Ok(after) => json!({
            "before": before, "after": show(&after, target.layouts(), target.namespace()), "lost": null,
        }),
        Err(loss) => json!({ "before": before, "after": null, "lost": Loss::name(loss) }),
    }
}

pub fn print(
    context: &Context,
    report: &Report,
    sample: Vec<Value>,
    outcome: Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    let is_table = context.global.format == Format::Table;
    let mut row = report.row();
    if !is_table {
        row.0.push(("sample", Cell::Json(sample.into())));
        return context.finish(HEADER, row, &report.sentence(), outcome);
    }
    let outcome = context.finish(HEADER, row, &report.sentence(), outcome)?;
    if !context.global.quiet {
        for pair in sample {
            output::text(&format!("\n{}", pretty_text(&shortened(pair))))?;
        }
    }
    Ok(outcome)
}

/// What a person compares: not what is the same for all sessions, or follows from the rest.
fn shortened(mut pair: Value) -> Value {
    for side in ["before", "after"] {
        if let Some(Value::Object(row)) = pair.get_mut(side) {
            let kept = ["id", "state", "expires", "user", "payload", "payload_error"];
            row.retain(|key, value| kept.contains(&key.as_str()) && !value.is_null());
        }
    }
    pair
}
