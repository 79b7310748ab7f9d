//! Converts text and numbers with exactly one meaning to dates, as an expression for the server.
//!
//! Dates are built from the parts of the text rather than with `$dateFromString`, which reads the
//! 30th of February as a day in March, and moves a date with a wrong weekday to the next week.

use bson::{Bson, DateTime, Document, doc};

use super::expressions::{has_only, number_of_text};

/// A form of text, and the meaning of its groups.
struct Form {
    pattern: &'static str,
    /// The characters that such text consists of.
    letters: &'static str,
    year: usize,
    month: Month,
    day: usize,
    /// The group of the hour; minute and second follow.
    hour: usize,
    /// Digits of the second after the decimal point.
    fraction: Option<usize>,
    /// The offset from UTC in hours and minutes; without it, the text is in UTC.
    zone: Option<usize>,
    weekday: Option<usize>,
}

enum Month {
    Number(usize),
    Name(usize),
}

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// The same as numbers.
const NUMBERS_OF_MONTHS: [&str; 12] =
    ["01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12"];

macro_rules! time {
    () => {
        r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d)"
    };
}
macro_rules! offset {
    () => {
        r"[+-](?:0\d|1[0-4]):?[0-5]\d"
    };
}

/// The forms that consist of names, numbers and separators.
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ,:+-";

/// The unambiguous forms. Text without a zone, and dates such as `01/02/2026`, have more than one
/// meaning.
const FORMS: [Form; 3] = [
    // RFC 3339, also with a space, as Python writes it: 2026-01-02T03:04:05.678Z
    Form {
        pattern: concat!(
            r"^([1-9]\d{3})-(0[1-9]|1[0-2])-(\d\d)[T ]",
            time!(),
            r"(?:\.(\d{1,9}))?(Z|",
            offset!(),
            r")\z"
        ),
        letters: "0123456789-T :.Z+",
        year: 0,
        month: Month::Number(1),
        day: 2,
        hour: 3,
        fraction: Some(6),
        zone: Some(7),
        weekday: None,
    },
    // RFC 9110, as in cookies and by toUTCString() in JavaScript: Fri, 02 Jan 2026 03:04:05 GMT
    Form {
        pattern: concat!(
            r"^(Sun|Mon|Tue|Wed|Thu|Fri|Sat), (\d\d) ",
            r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (\d{4}) ",
            time!(),
            r" GMT\z"
        ),
        letters: LETTERS,
        year: 3,
        month: Month::Name(2),
        day: 1,
        hour: 4,
        fraction: None,
        zone: None,
        weekday: Some(0),
    },
    // String(date) in JavaScript: Fri Jan 02 2026 04:04:05 GMT+0100 (Central European Standard Time)
    Form {
        pattern: concat!(
            r"^(Sun|Mon|Tue|Wed|Thu|Fri|Sat) ",
            r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (\d\d) (\d{4}) ",
            time!(),
            " GMT(",
            offset!(),
            r")\z"
        ),
        letters: LETTERS,
        year: 3,
        month: Month::Name(1),
        day: 2,
        hour: 4,
        fraction: None,
        zone: Some(7),
        weekday: Some(0),
    },
];

/// Numbers of 10, 13, 16 and 19 digits: seconds, milliseconds, microseconds and nanoseconds of the
/// years 2001 to 2286, which cannot be confused with each other. Each row has the lower bound, the
/// upper bound, and the units per millisecond (0.001 for seconds).
///
/// Seconds are only those of the years 2008 to 2039: other numbers of 10 digits are more likely a
/// lifetime in milliseconds, such as 2592000000 for 30 days, or a number that means "never".
const UNITS: [(i64, i64, f64); 4] = [
    (1_200_000_000, 2_200_000_000, 0.001),
    (1_000_000_000_000, 10_000_000_000_000, 1.0),
    (1_000_000_000_000_000, 10_000_000_000_000_000, 1e3),
    (1_000_000_000_000_000_000, i64::MAX, 1e6),
];

/// The date in the RFC 3339 text `value`, or null.
pub(super) fn rfc3339(value: &str) -> Document {
    FORMS[0].read(value, Bson::Null)
}

/// The same as a function here, in milliseconds since 1970.
pub(super) fn rfc3339_millis(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let (time, rest) = rest.split_at_checked(9)?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_date = date.split('-').map(str::len).eq([4, 2, 2])
        && date.split('-').all(digits)
        && !date.starts_with('0');
    let (start, time) = time.split_at_checked(1)?;
    let is_time = time.split(':').map(str::len).eq([2, 2, 2]) && time.split(':').all(digits);
    // A leap second cannot be represented, and hour 24 belongs to the next day.
    let is_clock = time.split(':').zip(["23", "59", "59"]).all(|(part, last)| part <= last);
    let (fraction, zone) = match rest.strip_prefix('.') {
        None => ("", rest),
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?),
    };
    let is_fraction = rest.starts_with('.') != fraction.is_empty() && fraction.len() <= 9;
    let minutes = minutes_from_utc(zone)?;
    if !(is_date && is_time && is_clock && is_fraction && ["T", " "].contains(&start)) {
        return None;
    }
    let utc = DateTime::parse_rfc3339_str(format!("{date}T{time}Z")).ok()?;
    let millis: i64 = format!("{fraction:0<3}")[..3].parse().ok()?;
    Some(utc.timestamp_millis() + millis - minutes * 60_000)
}

/// `Z`, `+01:30` or `+0130`, up to 14 hours.
fn minutes_from_utc(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, rest) = zone.split_at_checked(1)?;
    let (hours, rest) = rest.split_at_checked(2)?;
    let minutes = rest.strip_prefix(':').unwrap_or(rest);
    let number =
        |text: &str| text.parse::<u8>().ok().filter(|_| text.len() == 2 && !text.starts_with('+'));
    let (hours, minutes) = (i64::from(number(hours)?), i64::from(number(minutes)?));
    let sign = match sign {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    (hours <= 14 && minutes <= 59).then_some(sign * (hours * 60 + minutes))
}

/// The date in `value`, or null.
pub(super) fn read(value: &str) -> Document {
    let is_number = doc! { "$in": [{ "$type": value }, ["int", "long", "double", "decimal"]] };
    const DIGITS: &str = r"^[1-9](?:\d{9}|\d{12}|\d{15}|\d{18})\z";
    let mut text: Bson = number_of_text(value, DIGITS, |number| of_number(number).into()).into();
    for form in FORMS.iter().rev() {
        text = form.read("$$text", text).into();
    }
    let text = doc! { "$let": { "vars": { "text": without_comment(value) }, "in": text } };
    doc! { "$switch": {
        "branches": [
            { "case": is_number, "then": of_number(value) },
            { "case": { "$eq": [{ "$type": value }, "string"] }, "then": text },
            // The seconds of a BSON timestamp. Its second half is a counter, not a time.
            { "case": { "$eq": [{ "$type": value }, "timestamp"] }, "then": { "$toDate": value } },
            { "case": { "$isArray": value }, "then": in_array(value) },
            { "case": { "$eq": [{ "$type": value }, "object"] }, "then": in_document(value) },
        ],
        "default": Bson::Null,
    } }
}

/// The only date or number of an array in which everything else is text: Jackson's default typing
/// writes `["java.util.Date", 1767323045000]` (spring-session-data-mongodb issue 53).
fn in_array(value: &str) -> Document {
    const VALUES: [&str; 5] = ["int", "long", "double", "decimal", "date"];
    let of = |types: &[&str]| {
        let cond = doc! { "$in": [{ "$type": "$$this" }, types] };
        doc! { "$filter": { "input": value, "cond": cond } }
    };
    let is_one = doc! { "$and": [
        { "$eq": [{ "$size": "$$values" }, 1] },
        { "$eq": [{ "$size": value }, { "$add": [1, { "$size": of(&["string"]) }] }] },
    ] };
    let is_date = doc! { "$eq": [{ "$type": "$$value" }, "date"] };
    let one = doc! { "$let": {
        "vars": { "value": { "$arrayElemAt": ["$$values", 0] } },
        "in": { "$cond": [is_date, "$$value", of_number("$$value")] },
    } };
    doc! { "$let": {
        "vars": { "values": of(&VALUES) },
        "in": { "$cond": [is_one, one, Bson::Null] },
    } }
}

/// The date in `{"$date": ...}`, which an import stored as a document: text in RFC 3339, or
/// milliseconds as a number or as `{"$numberLong": "..."}`.
fn in_document(value: &str) -> Document {
    let only = |pairs: &str, key: &str| {
        doc! { "$and": [
            { "$eq": [{ "$size": pairs }, 1] },
            // A path cannot contain a name with `$`.
            { "$eq": [{ "$arrayElemAt": [format!("{pairs}.k"), 0] }, { "$literal": key }] },
        ] }
    };
    let to_date = |number: &str| doc! { "$toDate": number }.into();
    let of_long = number_of_text("$$long", r"^-?\d{1,15}\z", to_date);
    let is_text = |value: &str| doc! { "$eq": [{ "$type": value }, "string"] };
    let in_long = doc! { "$let": {
        "vars": { "long": { "$arrayElemAt": ["$$inner.v", 0] } },
        "in": { "$cond": [is_text("$$long"), of_long, Bson::Null] },
    } };
    let wrapped = doc! { "$let": {
        "vars": { "inner": { "$objectToArray": "$$date" } },
        "in": { "$cond": [only("$$inner", "$numberLong"), in_long, Bson::Null] },
    } };
    let is_number = doc! { "$and": [
        { "$in": [{ "$type": "$$date" }, ["int", "long", "double"]] },
        // Not with `$abs`, which fails on the smallest 64-bit integer. NaN is below all numbers.
        { "$lt": ["$$date", 1e15] },
        { "$gt": ["$$date", -1e15] },
    ] };
    let of_date = doc! { "$switch": {
        "branches": [
            { "case": is_text("$$date"), "then": rfc3339("$$date") },
            { "case": is_number, "then": { "$toDate": { "$toLong": "$$date" } } },
            { "case": { "$eq": [{ "$type": "$$date" }, "object"] }, "then": wrapped },
        ],
        "default": Bson::Null,
    } };
    let inside = doc! { "$let": {
        "vars": { "date": { "$arrayElemAt": ["$$pairs.v", 0] } },
        "in": of_date,
    } };
    doc! { "$let": {
        "vars": { "pairs": { "$objectToArray": value } },
        "in": { "$cond": [only("$$pairs", "$date"), inside, Bson::Null] },
    } }
}

/// Whole hours in milliseconds, such as 1209600000 for 14 days, are a lifetime even if they could be
/// seconds since 1970.
const HOUR_MS: i64 = 3_600_000;

fn of_number(value: &str) -> Document {
    let branches: Vec<_> = UNITS
        .into_iter()
        .map(|(from, below, in_millisecond)| {
            let mut is_it = vec![doc! { "$gte": [value, from] }, doc! { "$lt": [value, below] }];
            if in_millisecond < 1.0 {
                is_it.push(doc! { "$ne": [{ "$mod": [value, HOUR_MS] }, 0] });
            }
            let is_it = doc! { "$and": is_it };
            let millis = match in_millisecond {
                whole if whole >= 1.0 => doc! { "$divide": [value, whole] },
                _ => doc! { "$multiply": [value, 1000] },
            };
            doc! { "case": is_it, "then": { "$toDate": { "$toLong": { "$round": [millis, 0] } } } }
        })
        .collect();
    doc! { "$switch": { "branches": branches, "default": Bson::Null } }
}

impl Form {
    /// The date in `value` if it has this form, else the result of `others`.
    fn read(&self, value: &str, others: Bson) -> Document {
        let find = doc! { "$regexFind": { "input": value, "regex": self.pattern } };
        let find = doc! { "$cond": [has_only(value, self.letters), find, Bson::Null] };
        let number = |at: usize| doc! { "$toInt": group(at) };
        let month: Document = match self.month {
            Month::Number(at) => group(at),
            Month::Name(at) => {
                let place = doc! { "$indexOfArray": [MONTHS, group(at)] };
                doc! { "$arrayElemAt": [NUMBERS_OF_MONTHS, place] }
            }
        };
        let zone: Bson = self.zone.map_or("Z".into(), |at| group(at).into());
        let millisecond = self.fraction.map_or(Bson::from("000"), |at| {
            let digits = doc! { "$concat": [{ "$ifNull": [group(at), ""] }, "000"] };
            doc! { "$substrBytes": [digits, 0, 3] }.into()
        });
        let [hour, minute, second] = [0, 1, 2].map(|more| group(self.hour + more));
        // Amazon DocumentDB has no `$dateFromParts`.
        let date_of = |text: Vec<Bson>| {
            doc! { "$dateFromString": {
                "dateString": { "$concat": text }, "onError": Bson::Null,
            } }
        };
        let day: Vec<Bson> = vec![
            group(self.year).into(),
            "-".into(),
            month.into(),
            "-".into(),
            group(self.day).into(),
            "T".into(),
        ];
        let midnight = [day.clone(), vec!["00:00:00Z".into()]].concat();
        let time: Vec<Bson> = vec![
            hour.into(),
            ":".into(),
            minute.into(),
            ":".into(),
            second.into(),
            ".".into(),
            millisecond,
            zone,
        ];
        // The server may take the 30th of February for a day in March.
        let mut agrees = vec![doc! { "$eq": [{ "$dayOfMonth": "$$day" }, number(self.day)] }];
        if let Some(at) = self.weekday {
            agrees.push(doc! { "$eq": [{ "$dayOfWeek": "$$day" }, place(group(at), &WEEKDAYS)] });
        }
        let dated = date_of([day, time].concat());
        let checked = doc! { "$let": {
            "vars": { "day": date_of(midnight) },
            "in": { "$cond": [{ "$and": agrees }, dated, Bson::Null] },
        } };
        doc! { "$let": {
            "vars": { "found": find },
            "in": { "$cond": [{ "$eq": ["$$found", Bson::Null] }, others, checked] },
        } }
    }
}

/// The text without a time zone name in parentheses at its end, which can contain any characters.
fn without_comment(value: &str) -> Document {
    let part = |at: i64| doc! { "$arrayElemAt": ["$$parts", at] };
    let is_comment = doc! { "$and": [
        { "$eq": [{ "$size": "$$parts" }, 2] },
        // The only closing parenthesis is the last character.
        { "$eq": [{ "$indexOfBytes": [part(1), "("] }, -1] },
        { "$eq": [
            { "$indexOfBytes": [part(1), ")"] },
            { "$subtract": [{ "$strLenBytes": part(1) }, 1] },
        ] },
    ] };
    doc! { "$let": {
        "vars": { "parts": { "$split": [value, " ("] } },
        "in": { "$cond": [is_comment, part(0), value] },
    } }
}

/// A group of the match.
fn group(at: usize) -> Document {
    doc! { "$arrayElemAt": ["$$found.captures", at as i64] }
}

/// The number of the name, starting at 1.
fn place(name: Document, names: &[&str]) -> Document {
    doc! { "$add": [{ "$indexOfArray": [names, name] }, 1] }
}
