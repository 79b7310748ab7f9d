//! The numbers as a page for people.

use std::fmt::Write as _;

use bson::DateTime;
use console::{Alignment, Color, measure_text_width, pad_str, style, truncate_str};
use sessionctl::State;
use sessionctl::stats::{CreatedBy, Slot, Stats, Users};

use super::chart::Chart;
use crate::console::text::{
    byte_size, counted, grouped, neutral, percent, relative, sessions, whole_hours,
};

/// The width from which there is room for more than the numbers.
const ROOMY: usize = 72;

/// The collection and layout of the numbers.
#[derive(Debug, Clone, Copy)]
pub struct Title<'a> {
    pub namespace: &'a str,
    pub layout: Option<&'a str>,
    /// Whether sessions without a user in the places of the layout are known to have none.
    pub knows_users: bool,
}

/// A line with a bar.
struct Bar {
    label: String,
    sessions: u64,
    color: Option<Color>,
    /// The text after the bar.
    more: String,
}

/// The page that shows `stats`.
pub fn page(stats: &Stats, title: &Title<'_>, chart: Chart) -> String {
    let all = stats.all();
    let mut text = String::new();
    let layout = title.layout.map(|layout| format!(" ({})", neutral(layout))).unwrap_or_default();
    let head = format!("{}{layout}: {}", neutral(title.namespace), sessions(all.sessions));
    let of = stats.sampled_of.map(|all| format!(", a sample of {}", grouped(all)));
    line(&mut text, &format!("{head}{}", of.unwrap_or_default()));
    if all.sessions == 0 {
        return text;
    }
    let sizes = match all.mean() {
        None => "sizes are unknown: the server has no $bsonSize".to_owned(),
        Some(mean) => {
            let [sum, mean, largest] = [all.bytes, mean, all.largest].map(byte_size);
            format!("{sum} as BSON, {mean} on average, {largest} the largest")
        }
    };
    line(&mut text, &sizes);

    section(&mut text, "STATE", &states(stats, chart), all.sessions, chart);
    if !stats.expiries.is_empty() {
        let bars: Vec<_> = stats.expiries.iter().map(|slot| expiry(slot, stats.now)).collect();
        section(&mut text, "EXPIRES", &bars, most(&bars), chart);
        hours(&mut text, "expiring per hour, next 48 hours", &stats.coming, chart);
    }
    if !stats.ages.is_empty() {
        let bars: Vec<_> = stats.ages.iter().map(|slot| age(slot, stats.now)).collect();
        let name = match stats.created_by {
            Some(CreatedBy::Touch) => "LAST TOUCHED",
            _ => "CREATED",
        };
        section(&mut text, name, &bars, most(&bars), chart);
        hours(&mut text, "created per hour, last 24 hours", &stats.growth, chart);
    }
    if let Some(users) = &stats.users {
        match title.knows_users {
            true => whose(&mut text, users, all.sessions, chart),
            false => {
                let place = "has a user in the places of the layout";
                let _ = writeln!(text, "\nusers are unknown: {} {place}", nobody(stats));
            }
        }
    }
    text
}

/// The sessions that were examined, if none has a user.
pub fn nobody(stats: &Stats) -> &'static str {
    match stats.users.as_ref().is_some_and(|users| users.sampled) {
        true => "no examined session",
        false => "no session",
    }
}

fn states(stats: &Stats, chart: Chart) -> Vec<Bar> {
    let waits = |date: Option<DateTime>, what: &str| {
        let date = date.filter(|_| chart.width >= ROOMY);
        date.map(|date| format!("{what} {}", relative(date, stats.now))).unwrap_or_default()
    };
    let bar = |state: State| {
        let share = stats.of(state);
        let (color, when) = match state {
            State::Expired => (Color::Yellow, waits(stats.oldest_expired, "oldest")),
            State::Live => (Color::Green, waits(stats.next_expiry, "next")),
            State::Endless => (Color::Blue, String::new()),
            State::Malformed => (Color::Red, String::new()),
        };
        let part = percent(share.sessions, stats.all().sessions);
        let size = share.known_bytes().map(byte_size).unwrap_or_default();
        let more = format!("{part:>4} {size:>8}  {when}");
        let label = state.name().to_owned();
        Bar { label, sessions: share.sessions, color: Some(color), more }
    };
    State::ALL.map(bar).into()
}

fn expiry(slot: &Slot, now: DateTime) -> Bar {
    let is_past = slot.to.is_some_and(|to| to <= now);
    let away = |date| hours_between(date, now);
    let label = match (slot.from, slot.to) {
        (Some(from), Some(to)) if is_past => format!("{} ago", range(away(to), away(from))),
        (None, Some(to)) => format!("over {} ago", whole_hours(away(to))),
        (Some(from), Some(to)) => format!("in {}", range(away(from), away(to))),
        (Some(from), None) => format!("in over {}", whole_hours(away(from))),
        (None, None) => "ever".to_owned(),
    };
    let color = if is_past { Color::Yellow } else { Color::Green };
    Bar { label, sessions: slot.sessions, color: Some(color), more: String::new() }
}

fn age(slot: &Slot, now: DateTime) -> Bar {
    let age = |date| hours_between(date, now);
    let youngest = slot.to.map_or(0, age);
    let label = match slot.from {
        Some(from) => format!("{} ago", range(youngest, age(from))),
        None => format!("over {} ago", whole_hours(youngest)),
    };
    Bar { label, sessions: slot.sessions, color: None, more: String::new() }
}

fn hours_between(one: DateTime, other: DateTime) -> u64 {
    one.timestamp_millis().abs_diff(other.timestamp_millis()) / 3_600_000
}

/// `7-30d`, `1h-1d`.
fn range(from: u64, to: u64) -> String {
    let (first, last) = (whole_hours(from), whole_hours(to));
    let unit = last.chars().next_back().unwrap_or('h');
    let first = if from == 0 { "0" } else { first.strip_suffix(unit).unwrap_or(&first) };
    format!("{first}-{last}")
}

/// The number of each hour, from left to right.
fn hours(text: &mut String, name: &str, slots: &[Slot], chart: Chart) {
    let numbers: Vec<u64> = slots.iter().map(|slot| slot.sessions).collect();
    let Some(most) = numbers.iter().copied().max().filter(|most| *most > 0) else { return };
    let mean = numbers.iter().sum::<u64>() as f64 / numbers.len() as f64;
    let curve = chart.sparkline(&numbers);
    let rate = if mean < 10.0 { format!("{mean:.1}") } else { grouped(mean.round() as u64) };
    // In a narrow terminal, the words follow on their own line.
    let words = format!("{rate} on average, {} at the peak", grouped(most));
    let whole = format!("{name} |{curve}| {words}");
    if measure_text_width(&whole) <= chart.width {
        line(text, &whole);
    } else {
        line(text, &format!("{name}: {words}"));
        line(text, &format!("|{curve}|"));
    }
}

fn whose(text: &mut String, users: &Users, all: u64, chart: Chart) {
    let known = users.sessions.saturating_sub(users.anonymous + users.unreadable);
    let anonymous = percent(users.anonymous, users.sessions);
    let at_least = if users.estimated { "estimated: at least " } else { "" };
    let mut words = format!(
        "{at_least}{} with {}, {} anonymous ({})",
        counted(users.distinct, "user"),
        sessions(known),
        grouped(users.anonymous),
        anonymous.trim_start()
    );
    if users.unreadable > 0 {
        let _ = write!(words, ", {} unreadable", grouped(users.unreadable));
    }
    let bar = |(user, sessions): &(String, u64)| Bar {
        label: neutral(user).into_owned(),
        sessions: *sessions,
        color: Some(Color::Cyan),
        more: String::new(),
    };
    let bars: Vec<_> = users.top.iter().map(bar).collect();
    let name = if users.estimated { "USER (estimated)" } else { "USER" };
    section(text, name, &bars, most(&bars), chart);
    line(text, &words);
    let looked_at = sessions(users.looked_at);
    if users.estimated {
        line(
            text,
            &format!("scaled up from a sample of {looked_at}, because decoding all takes too long"),
        );
    } else if users.looked_at < all {
        line(text, &format!("in a sample of {looked_at}, because payloads must be decoded"));
    }
}

fn most(bars: &[Bar]) -> u64 {
    bars.iter().map(|bar| bar.sessions).max().unwrap_or(0)
}

/// An empty line, the names of the columns, and the bars.
fn section(text: &mut String, name: &str, bars: &[Bar], most: u64, chart: Chart) {
    const COUNT: &str = "SESSIONS";
    let count = bars.iter().map(|bar| grouped(bar.sessions).len()).max().unwrap_or(0);
    let count = count.max(COUNT.len());
    let widest = |width: fn(&Bar) -> usize| bars.iter().map(width).max().unwrap_or(0);
    let more = match widest(|bar| measure_text_width(&bar.more)) {
        0 => 0,
        width => width + 2,
    };
    // The minimum width of a bar, however long the label.
    let room = chart.width.saturating_sub(count + more + 4);
    let label =
        widest(|bar| measure_text_width(&bar.label)).max(name.len()).min(room.saturating_sub(10));
    let length = room.saturating_sub(label);
    text.push('\n');
    let name = pad_str(name, label, Alignment::Left, None);
    line(text, &format!("{name}  {COUNT:>count$}"));
    for bar in bars {
        let shown = truncate_str(&bar.label, label, if chart.blocks { "…" } else { "~" });
        let shown = pad_str(&shown, label, Alignment::Left, None);
        let sessions = grouped(bar.sessions);
        let drawn = chart.bar(bar.sessions, most, length);
        let rest = length.saturating_sub(measure_text_width(&drawn));
        let drawn = match bar.color {
            Some(color) if !drawn.is_empty() => style(drawn).fg(color).to_string(),
            _ => drawn,
        };
        let more = &bar.more;
        line(text, &format!("{shown}  {sessions:>count$}  {drawn}{:rest$}  {more}", ""));
    }
}

fn line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_named_by_hours_days_and_years() {
        assert_eq!(range(0, 1), "0-1h");
        assert_eq!(range(1, 24), "1h-1d");
        assert_eq!(range(168, 720), "7-30d");
        assert_eq!(range(720, 8760), "30d-1y");
    }
}
