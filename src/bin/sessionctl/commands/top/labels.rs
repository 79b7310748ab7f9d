//! The texts of the view: the lines of its head, its foot and its help. Text from documents is made
//! safe here.

use std::time::Duration;

use sessionctl::State;
use sessionctl::index::TtlState;
use sessionctl::top::{Counts, Rates, Snapshot};

use super::view::{Mode, View};
use crate::console::text::{exact_duration, grouped, neutral, relative, short_duration, since};

/// A piece of a line, which is not broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub text: String,
    pub tone: Tone,
}

/// The style of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Strong,
    State(State),
    Bad,
}

fn plain(text: impl Into<String>) -> Piece {
    Piece { text: text.into(), tone: Tone::Plain }
}

fn bad(text: impl Into<String>) -> Piece {
    Piece { text: text.into(), tone: Tone::Bad }
}

/// After this time without an answer, the view reports it.
const SILENCE: Duration = Duration::from_secs(3);

/// The head: lines of pieces, the most important first.
pub fn head(view: &View) -> Vec<Vec<Piece>> {
    let mut head = vec![title(view)];
    head.extend(trouble(view).map(|piece| vec![piece]));
    head.push(states(view));
    let Some(snapshot) = &view.snapshot else { return head };
    head.push(rates(view, snapshot));
    head.push(monitor(view, snapshot));
    head.push(vec![sweeper(view, snapshot)]);
    head.extend(filter(view, snapshot));
    head
}

fn title(view: &View) -> Vec<Piece> {
    let layout = view.layout.as_ref().map_or(String::new(), |layout| format!(" ({layout})"));
    let name = neutral(&format!("{}{layout}", view.namespace)).into_owned();
    let pace = match view.paused {
        true => "paused".to_owned(),
        false => format!("every {}", exact_duration(view.interval)),
    };
    vec![Piece { text: name, tone: Tone::Strong }, plain(pace)]
}

/// Why the data is old.
fn trouble(view: &View) -> Option<Piece> {
    let shown = match &view.snapshot {
        Some(_) => format!("; showing data from {} ago", short_duration(view.age)),
        None => String::new(),
    };
    if let Some(why) = &view.trouble {
        return Some(bad(format!("{}{shown}", neutral(why))));
    }
    let waiting = view.waiting.filter(|waiting| *waiting >= SILENCE)?;
    Some(bad(format!("the server has not answered for {}{shown}", short_duration(waiting))))
}

fn states(view: &View) -> Vec<Piece> {
    let counts = match &view.counts {
        Some(Ok(counts)) => counts,
        Some(Err(_)) => return vec![plain("states unknown"), all(view)],
        None if view.snapshot.is_some() => return vec![plain("counting"), all(view)],
        None => return vec![plain("reading")],
    };
    let about = if counts.sample.is_some() { "about " } else { "" };
    let order = [State::Live, State::Expired, State::Endless, State::Malformed];
    let mut pieces: Vec<_> = order
        .into_iter()
        .map(|state| Piece {
            text: format!("{} {about}{}", state.name(), grouped(counts.of(state))),
            tone: Tone::State(state),
        })
        .collect();
    pieces.push(all(view));
    if let Some(now) = view.now() {
        pieces.push(plain(format!("counted {} ago", short_duration(since(counts.at, now)))));
    }
    pieces
}

fn all(view: &View) -> Piece {
    match (view.snapshot.as_ref().map(|snapshot| &snapshot.sessions), &view.counts) {
        (Some(Ok(known)), Some(Ok(counts))) => {
            plain(format!("all {}", grouped(counts.all(*known))))
        }
        (Some(Ok(known)), _) => plain(format!("all {}", grouped(*known))),
        _ => plain("all unknown"),
    }
}

fn rates(view: &View, snapshot: &Snapshot) -> Vec<Piece> {
    let rate = |what: &str, count: fn(&Rates) -> u64| match &snapshot.rates {
        Ok(Some(rates)) => {
            let least = if rates.at_least { ">" } else { "" };
            plain(format!("{what} {least}{:.1}/s", rates.per_second(count(rates))))
        }
        Ok(None) => plain(format!("{what} -")),
        Err(_) => plain(format!("{what} unknown")),
    };
    let oldest = match (&view.counts, view.now()) {
        (Some(Ok(Counts { oldest: Some(oldest), .. })), Some(now)) => {
            format!("oldest expired {}", relative(*oldest, now))
        }
        (Some(Err(_)), _) => "oldest expired unknown".to_owned(),
        _ => "oldest expired -".to_owned(),
    };
    vec![
        rate("created", |rates| rates.created),
        rate("removed", |rates| rates.removed),
        plain(oldest),
    ]
}

fn monitor(view: &View, snapshot: &Snapshot) -> Vec<Piece> {
    let index = match &view.counts {
        Some(Ok(counts)) => match counts.index {
            TtlState::Installed => plain("TTL index installed"),
            TtlState::Building => bad("TTL index is being built"),
            TtlState::Missing => bad("no TTL index"),
            TtlState::Differs => bad("TTL index differs"),
            TtlState::Unsupported => plain("no TTL index possible"),
        },
        _ => plain("TTL index unknown"),
    };
    let set = match &snapshot.monitor {
        Ok(monitor) if monitor.enabled => {
            plain(format!("TTL monitor every {}", short_duration(monitor.sleep)))
        }
        Ok(_) => bad("TTL monitor off"),
        Err(_) => plain("TTL monitor unknown"),
    };
    let done = match &snapshot.passes {
        Ok(passes) => {
            let lately = passes.deleted.saturating_sub(passes.deleted_before);
            let (done, deleted) = (grouped(passes.done), grouped(passes.deleted));
            format!("{done} passes, {deleted} deleted (+{})", grouped(lately))
        }
        Err(_) => "passes unknown".to_owned(),
    };
    vec![index, set, plain(done)]
}

fn sweeper(view: &View, snapshot: &Snapshot) -> Piece {
    let lease = match &snapshot.sweeper {
        Ok(Some(lease)) => lease,
        Ok(None) => return plain("no sweeper"),
        Err(_) => return plain("sweeper unknown"),
    };
    let now = view.now().unwrap_or(snapshot.now);
    let left = lease.until.timestamp_millis().saturating_sub(now.timestamp_millis());
    let holder = neutral(&lease.holder).into_owned();
    match u64::try_from(left) {
        Ok(left) => {
            let left = short_duration(Duration::from_secs(left.div_ceil(1000)));
            plain(format!("sweeper {holder}, lease {} for {left}", lease.fence))
        }
        Err(_) => plain(format!("sweeper {holder} is gone, lease {} has expired", lease.fence)),
    }
}

/// Which sessions are shown, if not all.
fn filter(view: &View, snapshot: &Snapshot) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    if let Some(state) = view.wanted.state {
        pieces.push(Piece { text: format!("only {state}"), tone: Tone::State(state) });
    }
    if let Some(text) = &view.wanted.text {
        pieces.push(Piece { text: format!("only {}", neutral(text)), tone: Tone::Strong });
    }
    match &snapshot.found {
        Err(error) => pieces.push(bad(format!("rows unknown: {}", neutral(&error.to_string())))),
        Ok(found) if found.given_up => pieces.push(bad("too many sessions to search all of them")),
        Ok(_) => {}
    }
    (!pieces.is_empty()).then_some(pieces)
}

/// The foot: the last result, a question, or the keys.
pub fn foot(view: &View) -> String {
    match &view.mode {
        Mode::Typing(typed) => {
            format!("/{}_  (a user, or an id prefix of at least 8 characters)", neutral(typed))
        }
        Mode::Question(_, asked) => format!("{} [y/N]", asked.text()),
        Mode::Inspect(..) | Mode::Help(_) => "j k scroll  q back".to_owned(),
        Mode::Rows if view.is_ending => "logging out".to_owned(),
        Mode::Rows => match &view.notice {
            Some(notice) => neutral(notice).into_owned(),
            None => {
                "q quit  ? help  / filter  s state  Enter inspect  x log out  p pause".to_owned()
            }
        },
    }
}

/// The help, and why some values are unknown.
pub fn help(view: &View) -> Vec<String> {
    let mut lines: Vec<String> = [
        "arrows j k      move; also PgUp PgDn Home End",
        "Enter           inspect the selected session, secrets masked",
        "x d             log the selected session out, after a confirmation",
        "/               filter by user, or by an id prefix of at least 8 characters",
        "s               show only live, expired, endless or malformed; then all",
        "p               pause or resume",
        "+ -             + refreshes half as often, - twice as often",
        "q Esc Ctrl-C    quit",
        "",
        "created, removed: per second, over the last 10 s, computed from the",
        "storage order and the number of sessions",
        "TTL monitor: the server's own counter, for all collections; + counts",
        "from the start of top",
    ]
    .map(str::to_owned)
    .into();
    let mut unknown = Vec::new();
    if let Some(Err(error)) = &view.counts {
        unknown.push(format!("the states: {error}"));
    }
    if let Some(snapshot) = &view.snapshot {
        let mut note = |what: &str, error: Option<&sessionctl::Error>| {
            unknown.extend(error.map(|error| format!("{what}: {error}")));
        };
        note("the number of sessions", snapshot.sessions.as_ref().err());
        note("created and removed", snapshot.rates.as_ref().err());
        note("the TTL monitor", snapshot.monitor.as_ref().err());
        note("the passes of the TTL monitor", snapshot.passes.as_ref().err());
        note("the sweeper", snapshot.sweeper.as_ref().err());
    }
    if !unknown.is_empty() {
        lines.extend([String::new(), "Unknown, and why:".to_owned()]);
        lines.extend(unknown.iter().map(|line| neutral(line).into_owned()));
    }
    lines
}
